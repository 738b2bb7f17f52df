"""Photographs that came to harm: each is decoded whole, or an error names it.

pytest -n 0 -m slow tests/images/test_mutated.py   # prints how many of which
"""

from collections import Counter
from functools import partial

import numpy as np
import pytest
from fuzzing import came_to, of_bytes, within
from PIL import Image

from awcu.errors import ImageError
from awcu.images.decoding import decode, formats

CASES = 1200
SUFFIXES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif", "GIF": "gif", "BMP": "bmp", "AVIF": "avif",
            "JPEG2000": "jp2"}  # fmt: skip


@pytest.fixture
def photographs(tmp_path):
    """One of each format that can be written; a HEIC's decoder may end the process, so it runs in one of its own."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((160, 120))
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in formats():
        if name in SUFFIXES:
            image.save(
                tmp_path / f"{name}.{SUFFIXES[name]}", name, **({} if name in ("GIF", "BMP") else {"exif": exif})
            )
    return sorted(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:::PIL")  # its remarks on garbled EXIF
def test_mutated_photographs_are_whole_or_named(photographs, tmp_path, capsys):
    kinds, faults = Counter(), []
    for case in within(0.02, range(CASES)):
        random = np.random.default_rng(case)
        original = photographs[case % len(photographs)]
        mutations = of_bytes()
        changed = mutations[random.integers(len(mutations))](random, original.read_bytes())
        # Every fourth under another format's name.
        other = photographs[random.integers(len(photographs))] if case % 4 == 0 else original
        path = tmp_path / f"case{other.suffix}"
        path.unlink(missing_ok=True)
        if changed is not None:
            path.write_bytes(changed)
        found = came_to(partial(decode, path, 64 if case % 2 else None), ImageError, str(path))
        kinds[found if found in ("read", "named") else "fault of the code"] += 1
        if found not in ("read", "named"):
            faults.append(f"case {case}, {original.name}: {found}")
    with capsys.disabled():
        print(f"\n{kinds.total()} mutated photographs of {len(photographs)} formats: {dict(kinds)}")
    assert not faults, "\n".join(faults)

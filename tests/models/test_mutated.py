"""Exported models that came to harm: each is read, or an error names its folder; none takes much time or memory.

pytest -n 0 -m slow tests/models/test_mutated.py   # prints how many of which
"""

import time
from collections import Counter
from functools import partial

import numpy as np
import pytest
from fuzzing import came_to, of_bytes, of_text, within

from awcu.errors import AwcuError
from awcu.inference.predictor import AestheticModel
from awcu.models.pretrained import CONFIG, WEIGHTS, load

CASES = 400


@pytest.mark.slow
def test_mutated_models_are_read_or_named(checkpoint, tmp_path, capsys, one_thread):
    folder = tmp_path / "model"
    AestheticModel.from_pretrained(checkpoint, "cpu").save_pretrained(folder)
    kinds, faults, slowest = Counter(), [], 0.0
    for case in within(0.05, range(CASES)):
        random = np.random.default_rng(case)
        path = folder / (WEIGHTS if case % 4 == 0 else CONFIG)
        mutations = of_bytes() + (of_text() if path.name == CONFIG else [])
        content = path.read_bytes()
        changed = mutations[random.integers(len(mutations))](random, content)
        path.unlink() if changed is None else path.write_bytes(changed)
        started = time.monotonic()
        found = came_to(partial(load, folder), AwcuError, str(folder))
        slowest = max(slowest, time.monotonic() - started)
        path.write_bytes(content)
        kinds[found if found in ("read", "named") else "fault of the code"] += 1
        if found not in ("read", "named"):
            faults.append(f"case {case}, {path.name}: {found}")
    with capsys.disabled():
        print(f"\n{kinds.total()} mutated models: {dict(kinds)}; the slowest took {slowest:.2f} s")
    assert not faults, "\n".join(faults)

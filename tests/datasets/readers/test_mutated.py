"""Label files that came to harm: every reader reads them, or names what is wrong with which file.

pytest -n 0 -m slow tests/datasets/readers/test_mutated.py   # prints how many of which kind
"""

import pkgutil
import re
import shutil
import traceback
from collections import Counter
from importlib import import_module

import numpy as np
import pandas as pd
import published_layouts
import pytest
from datasets import disable_progress_bars
from fuzzing import of_bytes, of_text, within
from hydra import compose, initialize_config_dir
from published_layouts import spaq

from awcu.config.hydra import conf_folder, instantiated
from awcu.errors import AwcuError, RatingsError

NO_LABELS = {"cuhk_pq", "pictures"}
SETS = [one.name for one in pkgutil.iter_modules(published_layouts.__path__) if one.name not in NO_LABELS]
TEXT = (".csv", ".jpgl", ".lab", ".multilab", ".txt")
LABELS = (*TEXT, ".parquet", ".xlsx")
CASES = 600
TABLE = ["data.ratings.score_column=score", "data.ratings.scale=[1,10]", "data.ratings.attribute_columns=[kind]"]


def write_table(root, suffix):
    frame = pd.DataFrame({"image": [f"{n}.jpg" for n in range(20)], "score": np.linspace(1, 10, 20), "kind": "a"})
    frame.to_csv(root / "ratings.csv", index=False) if suffix == ".csv" else frame.to_parquet(root / "ratings.parquet")
    return [*TABLE, f"data.ratings.file=ratings{suffix}"]


def write_workbook(root):
    overrides = spaq.write(root)
    spaq.write_sheet(root)
    return overrides


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Root and configuration of every set that has label files."""
    writers = {name: (name, import_module(f"published_layouts.{name}").write) for name in SETS}
    writers |= {"spaq.xlsx": ("spaq", write_workbook)}
    writers |= {
        f"table{suffix}": ("table", lambda root, s=suffix: write_table(root, s)) for suffix in (".csv", ".parquet")
    }
    disable_progress_bars()
    made = []
    for name, (data, write) in writers.items():
        root = tmp_path_factory.mktemp(name)
        overrides = write(root)
        with initialize_config_dir(conf_folder(), version_base="1.3"):
            made.append((root, compose("train", [f"data={data}", f"data.root={root}", *overrides]).data.ratings))
    return made


def outcome(root, cfg):
    """What reading came to, in one of a few words; a fault of the code is its traceback."""
    try:
        instantiated(cfg)
    except AwcuError as error:
        said = str(error)
        if re.search(rf"{root}/\S.*(line|row) \d+", said):
            return "error with file and line"
        if str(root) in said or any(path.name in said for path in root.rglob("*") if path.suffix in LABELS):
            return "error with file"
        # The rows fit together no more, so they are named by their photographs.
        return "error with set and photographs" if isinstance(error, RatingsError) else f"names no file: {said}"
    except BaseException:
        return traceback.format_exc()
    else:
        return "read"


@pytest.mark.slow
def test_mutated_labels_are_read_or_named(copies, capsys):
    kinds, faults, done = Counter(), [], 0
    for case in within(0.1, range(CASES)):
        random = np.random.default_rng(case)
        root, cfg = copies[case % len(copies)]
        files = sorted(path for path in root.rglob("*") if path.suffix in LABELS)
        path = files[random.integers(len(files))]
        content = path.read_bytes()
        mutations = of_bytes() + (of_text() if path.suffix in TEXT else [])
        changed = mutations[random.integers(len(mutations))](random, content)
        path.unlink() if changed is None else path.write_bytes(changed)
        found = outcome(root, cfg)
        path.write_bytes(content)
        for unpacked in root.glob("unpacked-*"):
            shutil.rmtree(unpacked) if unpacked.is_dir() else unpacked.unlink()
        kind, done = (found if "\n" not in found and ":" not in found else "fault of the code"), done + 1
        kinds[kind] += 1
        if kind == "fault of the code":
            faults.append(f"case {case}, {path}: {found}")
    with capsys.disabled():
        print(f"\n{done} mutated label files of {len(copies)} sets: {dict(kinds)}")
    assert not faults, "\n".join(faults)

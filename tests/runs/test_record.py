"""Records survive the disk to the last bit, and damaged ones say where and how."""

import json
import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import file_size_limit

from awcu.errors import RecordError
from awcu.runs.record import RunRecord, find_records, read_results_csv, write_results_csv


def record(**changes: Any) -> RunRecord:
    values: dict[str, Any] = {
        "experiment": "weighting",
        "variant": "weighting=step",
        "weighting": "Step(delta=1.0, ratio=4.0)",
        "seed": 1,
        "overrides": ("weighting=step", "seed=1", "data.note=a b, 'c'"),
        "data": "gallery",
        "data_fingerprint": "a1b2c3d4e5f6",
        "split_fingerprint": "0123456789ab",
        "n": {"train": 80, "val": 10, "test": 11, "excluded": 0},
        "metrics": {"test/accuracy": 0.1 + 0.2, "test/auroc": math.nan, "test/accuracy@1": 1 / 3},
        "git_commit": "1a2b3c4d",
        "git_dirty": False,
        "versions": {"python": "3.11.7"},
        "wall_time_s": 12.5,
        "checkpoint": "checkpoints/best.ckpt",
        "created": "2026-01-02T03:04:05+00:00",
    }
    return RunRecord(**values | changes)


def as_csv_keeps_it(one: RunRecord) -> RunRecord:
    return replace(one, versions={}, checkpoint="")


def random_floats(n: int) -> list[float]:
    """Every bit pattern is equally likely: subnormals, huge numbers, infinities and nan among them."""
    rng = np.random.default_rng(0)
    return [struct.unpack("d", rng.bytes(8))[0] for _ in range(n)] + [5e-324, -0.0, math.inf, -math.inf]


class TestRecord:
    def test_a_full_disk_leaves_the_old_one(self, tmp_path: Path) -> None:
        record(seed=0).save(tmp_path / "record.json")
        with file_size_limit(400), pytest.raises(OSError, match="File too large"):
            record(seed=1).save(tmp_path / "record.json")
        assert RunRecord.load(tmp_path / "record.json") == record(seed=0)
        assert [path.name for path in tmp_path.iterdir()] == ["record.json"]

    def test_survives_the_disk(self, tmp_path: Path) -> None:
        record().save(tmp_path / "run" / "record.json")
        assert RunRecord.load(tmp_path / "run" / "record.json") == record()

    def test_undefined_metric_is_null_on_disk(self, tmp_path: Path) -> None:
        record().save(tmp_path / "record.json")
        assert json.loads((tmp_path / "record.json").read_text())["metrics"]["test/auroc"] is None

    def test_floats_are_exact(self, tmp_path: Path) -> None:
        one = record(metrics={f"test/m{place}": value for place, value in enumerate(random_floats(500))})
        one.save(tmp_path / "record.json")
        write_results_csv([one], tmp_path / "results.csv")
        for back in (RunRecord.load(tmp_path / "record.json"), *read_results_csv(tmp_path / "results.csv")):
            for key, value in one.metrics.items():
                assert struct.pack("d", back.metrics[key]) == struct.pack("d", value) or math.isnan(value)
                assert math.isnan(back.metrics[key]) == math.isnan(value)

    def test_numpy_numbers_become_python_numbers(self) -> None:
        one = record(seed=np.int64(3), metrics={"test/auroc": np.float64("nan"), "test/loss": np.float32(0.5)})
        assert one == record(seed=3, metrics={"test/auroc": math.nan, "test/loss": 0.5})
        assert type(one.seed) is int
        assert type(one.metrics["test/loss"]) is float

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"seed": "1"}, "seed is '1'; a whole number is needed"),
            ({"seed": True}, "seed is True; a whole number is needed"),
            ({"variant": None}, "variant is None; text is needed"),
            ({"git_dirty": 1}, "git_dirty is 1; true or false is needed"),
            ({"overrides": "a=1"}, "overrides is 'a=1'; a list is needed"),
            ({"overrides": [1]}, r"overrides\[0\] is 1; text is needed"),
            ({"n": 3}, "n is 3; a mapping is needed"),
            ({"n": {"test": 1.5}}, "n: test is 1.5; a whole number is needed"),
            ({"metrics": {"test/auroc": None}}, "metrics: test/auroc is None; a number is needed"),
            ({"metrics": {1: 0.5}}, "a name in metrics is 1; text is needed"),
            ({"metrics": {"auroc": 0.5}}, "'auroc' is no metric key; write it as <split>/<metric>"),
            ({"metrics": {"n/test": 0.5}}, "'n/test' is no metric key"),
            ({"wall_time_s": math.inf}, "wall_time_s is inf; it must be finite"),
        ],
    )
    def test_refuses_other_kinds(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(RecordError, match=message):
            record(**changes)

    def test_load_names_file_and_key(self, tmp_path: Path) -> None:
        path = tmp_path / "record.json"
        record().save(path)
        document = json.loads(path.read_text())
        for content, message in [
            ("{", "record.json is not JSON .*; restore it or run that seed again"),
            ("[" * 100_000, "record.json is not JSON .*; restore it or run that seed again"),
            ("[]", "record.json holds a list, not an object"),
            (
                json.dumps({k: v for k, v in document.items() if k != "seed"}),
                "record.json: key 'seed' is missing",
            ),
            (
                json.dumps(document | {"sede": 1}),
                "record.json: key 'sede' is unknown; expected are experiment",
            ),
            (json.dumps(document | {"seed": 1.5}), "record.json: seed is 1.5; a whole number is needed"),
            (json.dumps(document | {"metrics": [1]}), r"record.json: metrics is \[1\]; a mapping is needed"),
        ]:
            path.write_text(content)
            with pytest.raises(RecordError, match=message):
                RunRecord.load(path)


class TestFinding:
    def test_sorted_by_variant_and_seed(self, tmp_path: Path) -> None:
        for place, (variant, seed) in enumerate([("b", 2), ("a", 10), ("b", 1), ("a", 9)]):
            record(variant=variant, seed=seed).save(tmp_path / str(place) / "record.json")
        found = [(one.variant, one.seed) for one in find_records(tmp_path)]
        assert found == [("a", 9), ("a", 10), ("b", 1), ("b", 2)]

    def test_results_csv_at_any_depth(self, tmp_path: Path) -> None:
        sweep = [record(variant="swept", seed=seed) for seed in range(3)]
        write_results_csv(sweep[:2], tmp_path / "a" / "b" / "results.csv")
        write_results_csv(sweep[2:], tmp_path / "c" / "results.csv")
        record().save(tmp_path / "d" / "record.json")
        assert find_records(tmp_path) == [*map(as_csv_keeps_it, sweep), record()]

    def test_a_run_found_twice_counts_once(self, tmp_path: Path) -> None:
        record().save(tmp_path / "record.json")
        for name in "ab":
            write_results_csv([record(), record(seed=7)], tmp_path / name / "results.csv")
        assert find_records(tmp_path) == [record(), as_csv_keeps_it(record(seed=7))]

    def test_a_row_older_than_its_record_does_not_count(self, tmp_path: Path) -> None:
        """A results.csv gathered among the runs does not stand in the way when they are run again."""
        write_results_csv([record()], tmp_path / "results.csv")
        again = record(created="2026-02-02T00:00:00+00:00")
        again.save(tmp_path / "record.json")
        assert find_records(tmp_path) == [again]

    def test_two_runs_of_one_identity_are_both_found(self, tmp_path: Path) -> None:
        later = record(created="2026-02-02T00:00:00+00:00")
        record().save(tmp_path / "record.json")
        write_results_csv([later], tmp_path / "results.csv")
        found = find_records(tmp_path)
        assert found == [record(), as_csv_keeps_it(later)]
        with pytest.raises(RecordError, match="was run twice"):
            write_results_csv(found, tmp_path / "all.csv")

    def test_none(self, tmp_path: Path) -> None:
        with pytest.raises(RecordError, match=r"holds neither record\.json nor results\.csv; .* train one into it"):
            find_records(tmp_path)


class TestResultsCsv:
    def test_round_trip(self, tmp_path: Path) -> None:
        more = record(seed=2, git_dirty=True, overrides=(), metrics={"val/loss": 0.25}, n={"test": 3, "folds": 5})
        write_results_csv([more, record()], tmp_path / "results.csv")
        assert read_results_csv(tmp_path / "results.csv") == [
            as_csv_keeps_it(record()),
            as_csv_keeps_it(more),
        ]

    def test_text_on_disk(self, tmp_path: Path) -> None:
        one = record(overrides=("seed=1", "a=x y"), metrics={"test/auroc": math.nan, "test/accuracy": 0.1 + 0.2})
        write_results_csv([one], tmp_path / "results.csv")
        assert (tmp_path / "results.csv").read_text() == (
            "experiment,variant,seed,weighting,data,data_fingerprint,split,split_fingerprint,train_fingerprint,git_commit,"
            "git_dirty,created,wall_time_s,overrides,n/train,n/val,n/test,n/excluded,test/accuracy,test/auroc\n"
            'weighting,weighting=step,1,"Step(delta=1.0, ratio=4.0)",gallery,a1b2c3d4e5f6,,0123456789ab,,'
            "1a2b3c4d,false,2026-01-02T03:04:05+00:00,12.5,seed=1 'a=x y',80,10,11,0,0.30000000000000004,nan\n"
        )

    def test_a_file_from_before_training_photographs_and_split_were_recorded(self, tmp_path: Path) -> None:
        one, path = record(), tmp_path / "results.csv"
        later = {"train_fingerprint": "fedcba", "split": "official"}
        write_results_csv([replace(one, **later)], path)
        assert read_results_csv(path) == [replace(one, versions={}, checkpoint="", **later)]
        text = path.read_text()
        for name, value in later.items():
            text = text.replace(f",{name},", ",").replace(f",{value}", "")
        path.write_text(text)
        assert read_results_csv(path) == [replace(one, versions={}, checkpoint="")]

    def test_order_of_the_records_does_not_matter(self, tmp_path: Path) -> None:
        records = [record(seed=seed, variant=variant) for seed in (3, 1, 2) for variant in "ba"]
        write_results_csv(records, tmp_path / "one.csv")
        write_results_csv(records[::-1], tmp_path / "two.csv")
        assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()

    def test_no_runs(self, tmp_path: Path) -> None:
        with pytest.raises(RecordError, match="no runs; results need at least one"):
            write_results_csv([], tmp_path / "results.csv")
        assert not (tmp_path / "results.csv").exists()

    def test_run_twice(self, tmp_path: Path) -> None:
        twice = [record(), record(created="2026-02-02")]
        with pytest.raises(RecordError, match=r"'weighting=step', seed 1 was run twice \(2026-01.* and 2026-02"):
            write_results_csv(twice, tmp_path / "results.csv")

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            (
                ",80,",
                ",eighty,",
                "results.csv, line 2, column n/train: 'eighty' is not a whole number; correct",
            ),
            (",0.30000000000000004", ",high", "line 2, column test/accuracy: 'high' is not a number"),
            (",12.5,", ",soon,", "line 2, column wall_time_s: 'soon' is not a number"),
            (",12.5,", ",inf,", "line 2: wall_time_s is inf"),
            (",1,", ",one,", "line 2, column seed: 'one' is not a whole number"),
            (",false,", ",no,", "line 2, column git_dirty: 'no' is not true or false"),
            ("seed=1 ", "seed='1 ", "line 2, column overrides: .* is not a list"),
            (",80,", ",80,80,", "line 2: 21 cells for 20 columns"),
            (",seed,", ",sede,", "column 'seed' is missing"),
            (",test/accuracy,", ",accuracy,", "column 'accuracy' is unknown"),
            (",test/accuracy,", ",test/auroc,", "column test/auroc appears more than once"),
        ],
    )
    def test_damage_is_named(self, tmp_path: Path, old: str, new: str, message: str) -> None:
        path = tmp_path / "results.csv"
        metrics = {"test/auroc": math.nan, "test/accuracy": 0.1 + 0.2}
        write_results_csv([record(metrics=metrics, overrides=("seed=1", "a=b"))], path)
        path.write_text(path.read_text().replace(old, new, 1))
        with pytest.raises(RecordError, match=message):
            read_results_csv(path)

    def test_saved_by_a_spreadsheet(self, tmp_path: Path) -> None:
        path = tmp_path / "results.csv"
        write_results_csv([record()], path)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
        assert read_results_csv(path) == [as_csv_keeps_it(record())]

    def test_only_a_header(self, tmp_path: Path) -> None:
        path = tmp_path / "results.csv"
        write_results_csv([record()], path)
        path.write_text(path.read_text().splitlines()[0] + "\n")
        with pytest.raises(RecordError, match="no runs"):
            read_results_csv(path)

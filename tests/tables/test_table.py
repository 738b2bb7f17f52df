"""The comparison table as printed: what is missing is said, and what its intervals cover."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from factories import run as record
from rich.console import Console

from awcu.errors import TableError
from awcu.runs.failures import FailedRun
from awcu.runs.record import RunRecord
from awcu.tables.paired import NOTHING, PairedDifference
from awcu.tables.spec import HeatMap, TableSpec
from awcu.tables.table import Table

SPEC = TableSpec(
    title="Which weighting wins",
    baseline="w=uniform",
    columns={"test/accuracy": "accuracy"},
    rows={"w=uniform": "uniform", "w=step": "step ×4, |d| ≥ 1"},
)


def run(variant: str, seed: int, accuracy: float | None = 0.8, **changes: Any) -> RunRecord:
    metrics = {"test/loss": 1.0} | ({} if accuracy is None else {"test/accuracy": accuracy})
    n = {"train": 80, "val": 10, "test": 11, "excluded": 0}
    return record(**{"variant": variant, "weighting": variant, "seed": seed, "n": n, "metrics": metrics} | changes)


def runs(scores: Mapping[str, Mapping[int, float]]) -> list[RunRecord]:
    return [run(variant, seed, value) for variant, mine in scores.items() for seed, value in mine.items()]


UNIFORM = {0: 0.78, 1: 0.81, 2: 0.84}
STEP = {0: 0.80, 1: 0.82, 2: 0.84}


def body(table: Table) -> dict[str, list[str]]:
    """Markdown rows by label."""
    lines = [line for line in table.to_markdown().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line[1:-1].replace("\\|", "¦").split("|")] for line in lines]
    return {label: rest for label, *rest in cells}


def printed(table: Table, width: int = 120) -> str:
    out = io.StringIO()
    Console(width=width, file=out).print(table.to_terminal())
    return out.getvalue()


class TestRecordColumns:
    SPEC = replace(SPEC, heat_map=HeatMap(("test/accuracy",), "size", {"size=5": "5", "size=9": "9", "": "all"}))

    def records(self) -> list[RunRecord]:
        found = runs({"w=uniform": UNIFORM, "w=step": STEP})
        other = {"data_fingerprint": "bbbb", "experiment": "else"}
        for seed in range(2):
            found += [run("size=5 w=uniform", seed, 0.5), run("size=5 w=step", seed, 0.6)]
            found += [run("size=9 w=uniform", seed, 0.7, weighting="w=uniform", **other)]
        return found

    def test_the_last_column_unless_main_says_otherwise(self) -> None:
        assert Table.from_records(self.SPEC, self.records()) == Table.from_records(
            self.SPEC, runs({"w=uniform": UNIFORM, "w=step": STEP})
        )
        assert self.SPEC.heat_map is not None
        five = replace(self.SPEC, heat_map=replace(self.SPEC.heat_map, main="size=5"))
        assert body(Table.from_records(five, self.records()))["step ×4, ¦d¦ ≥ 1"][0] == ".600 ± .000"


class TestNotConverged:
    def table(self, **columns: str) -> Table:
        records = [
            replace(one, metrics=one.metrics | {"probe/converged": float(one.variant != "w=step" or one.seed == 1)})
            for one in runs({"w=uniform": UNIFORM, "w=step": STEP})
        ]
        return Table.from_records(replace(SPEC, columns=SPEC.columns | columns), records)

    LABEL = "step ×4, |d| ≥ 1 (2 of 3 not converged)"

    def test_the_label_says_so(self, tmp_path: Path) -> None:
        table = self.table()
        assert list(body(table))[2:] == ["uniform", self.LABEL.replace("|", "¦")]
        assert self.LABEL in printed(table)
        table.to_csv(tmp_path / "table.csv")
        with (tmp_path / "table.csv").open(newline="") as file:
            assert [line["row"] for line in csv.DictReader(file)] == ["uniform", self.LABEL]
        assert [row.not_converged for row in table.rows] == [0, 2]

    def test_no_column_unless_asked(self) -> None:
        assert list(self.table().rows[0].cells) == ["test/accuracy"]
        asked = self.table(**{"probe/converged": "converged"})
        assert body(asked)["uniform"][2] == "1.000 ± .000"


class TestLeak:
    def test_the_label_is_stamped(self) -> None:
        records = [
            replace(one, n=one.n | {"leaked": 1200 + one.seed}) if one.variant == "w=step" else one
            for one in runs({"w=uniform": UNIFORM, "w=step": STEP})
        ]
        table = Table.from_records(SPEC, records)
        stamped = "step ×4, |d| ≥ 1 LEAK: trained on 1,202 of its test photographs"
        assert list(body(table))[2:] == ["uniform", stamped.replace("|", "¦")]
        assert stamped in " ".join(printed(table).split())
        assert "1200–1202 leaked" in table.footer


class TestPhotographs:
    """Differences whose interval is over photographs too."""

    KNOWN = PairedDifference("", "w=step", "w=uniform", "test/accuracy", (0, 1, 2), 388, 0.01, 0.02, 0.03)
    RECORDS = runs({"w=uniform": UNIFORM, "w=step": STEP, "w=power": UNIFORM})

    def test_the_footer_says_when_means_are_over_photographs_and_marks_those_that_are_not(self) -> None:
        means = {variant: np.mean(list(mine.values())) for variant, mine in (("w=uniform", UNIFORM), ("w=step", STEP))}
        known = [
            replace(self.KNOWN, variant=variant, baseline=NOTHING, difference=mean) for variant, mean in means.items()
        ]
        records = runs({"w=uniform": UNIFORM, "w=step": STEP})
        every, some = (Table.from_records(SPEC, records, mine) for mine in (known, known[:1]))
        for table in (every, some):
            assert (
                "± is the half-width of the 95 % interval of the mean over seeds and test photographs." in table.footer
            )
        assert "; †: over seeds only" in some.footer
        (marked,) = [label for label, cells in body(some).items() if cells[0].endswith(" †")]
        assert marked == "step ×4, ¦d¦ ≥ 1"

    def test_they_can_take_a_difference_back(self) -> None:
        sure = {seed: value + 0.02 + 0.001 * seed for seed, value in UNIFORM.items()}
        records = runs({"w=uniform": UNIFORM, "w=step": sure})
        known = replace(self.KNOWN, difference=0.021)
        assert body(Table.from_records(SPEC, records))["step ×4, ¦d¦ ≥ 1"][1] == "**+.021 ± .002**"
        assert body(Table.from_records(SPEC, records, [known]))["step ×4, ¦d¦ ≥ 1"][1] == "+.021 ± .039"

    def test_the_caption_says_which_intervals_are_over_photographs(self) -> None:
        some = Table.from_records(SPEC, self.RECORDS, [self.KNOWN])
        pairing = "paired by seed and test photograph, its interval over both (bootstrap of 388 photographs)"
        assert f"{pairing}; †: over seeds only; bold where" in some.footer
        lines = body(some)
        assert (lines["step ×4, ¦d¦ ≥ 1"][1], lines["w=power"][1]) == ("+.010 ± .039", ".000 ± .000 †")
        other = replace(self.KNOWN, variant="w=power", difference=0.0, photographs=1388)
        every = Table.from_records(SPEC, self.RECORDS, [self.KNOWN, other])
        assert "(bootstrap of 388 to 1,388 photographs); bold where" in every.footer
        assert "†" not in every.to_markdown()

    def test_csv(self, tmp_path: Path) -> None:
        Table.from_records(SPEC, self.RECORDS, [self.KNOWN]).to_csv(tmp_path / "table.csv")
        with (tmp_path / "table.csv").open(newline="") as file:
            assert [line["photographs"] for line in csv.DictReader(file)] == ["", "388", ""]


class TestContrasts:
    """Differences between two rows, neither of them the baseline."""

    SPEC = replace(SPEC, rows={**SPEC.rows, "w=drop": "drop"}, contrasts=(("w=step", "w=drop"), ("w=drop", "w=step")))
    DROP: ClassVar = {0: 0.77, 1: 0.82, 2: 0.84}
    RECORDS = runs({"w=uniform": UNIFORM, "w=step": STEP, "w=drop": DROP})

    def test_they_do_not_change_the_rows(self) -> None:
        without = replace(self.SPEC, contrasts=())
        assert Table.from_records(self.SPEC, self.RECORDS).rows == Table.from_records(without, self.RECORDS).rows

    def test_printed_below_the_rows(self) -> None:
        table = Table.from_records(self.SPEC, self.RECORDS)
        assert list(body(table))[-1] == "drop − step ×4, ¦d¦ ≥ 1"
        assert body(table)["step ×4, ¦d¦ ≥ 1 − drop"] == ["", "+.010 ± .043"]
        assert "drop − step ×4, |d| ≥ 1" in printed(table)
        assert table.footer.endswith(
            " The last rows are differences between the two rows that are named, corrected apart from the others."
        )
        alone = Table.from_records(replace(self.SPEC, contrasts=self.SPEC.contrasts[:1]), self.RECORDS)
        assert "The last row is a difference between" in alone.footer

    def test_over_photographs_where_they_are_known(self) -> None:
        known = PairedDifference("", "w=step", "w=drop", "test/accuracy", (0, 1, 2), 388, 0.01, 0.03, 0.05)
        lines = body(Table.from_records(self.SPEC, self.RECORDS, [known]))
        # S²/n is .0001 and (.05² − .03²)/2 more than that, so that .03² is left.
        assert lines["step ×4, ¦d¦ ≥ 1 − drop"][1] == "+.010 ± .059"
        assert lines["drop − step ×4, ¦d¦ ≥ 1"][1] == "−.010 ± .043 †"

    def test_over_seeds_alone_never_bold_beside_rows_over_photographs(self) -> None:
        sure = {seed: value - 0.1 - 0.001 * seed for seed, value in STEP.items()}
        records = runs({"w=uniform": UNIFORM, "w=step": STEP, "w=drop": sure})
        line = "step ×4, ¦d¦ ≥ 1 − drop"
        assert body(Table.from_records(self.SPEC, records))[line][1] == "**+.101 ± .002**"
        known = PairedDifference("", "w=step", "w=uniform", "test/accuracy", (0, 1, 2), 388, 0.01, 0.02, 0.03)
        table = Table.from_records(self.SPEC, records, [known])
        assert body(table)[line][1] == "+.101 ± .002 †"
        assert table.footer.endswith("from the others; with † they are never bold.")

    def test_a_row_without_runs(self) -> None:
        table = Table.from_records(self.SPEC, runs({"w=uniform": UNIFORM, "w=step": STEP}))
        assert body(table)["step ×4, ¦d¦ ≥ 1 − drop"] == ["", "– (0 pairs)"]

    def test_csv(self, tmp_path: Path) -> None:
        Table.from_records(self.SPEC, self.RECORDS).to_csv(tmp_path / "table.csv")
        with (tmp_path / "table.csv").open(newline="") as file:
            line = list(csv.DictReader(file))[-2]
        assert (line["variant"], line["row"]) == ("w=step − w=drop", "step ×4, |d| ≥ 1 − drop")
        assert (line["seeds"], line["mean"], line["pairs"]) == ("", "", "3")
        assert float(line["difference"]) == pytest.approx(0.01)


class TestFailures:
    def failed(self, variant: str, seed: str, error: str, experiment: str = "weighting") -> FailedRun:
        return FailedRun(experiment, variant, seed, error)

    def test_the_row_says_how_many_and_why(self) -> None:
        records = runs({"w=uniform": UNIFORM, "w=step": {0: 0.9, 2: 0.92}})
        failures = [self.failed("w=step", "1", "out of memory")]
        lines = body(Table.from_records(SPEC, records, failures=failures))
        assert "step ×4, ¦d¦ ≥ 1 (n = 2 of 3; 1 failed: out of memory)" in lines

    def test_a_seed_that_failed_everywhere_was_asked_for(self) -> None:
        failures = [self.failed(f"w={variant}", "3", "disk full") for variant in ("uniform", "step")]
        failures += [self.failed("w=step", "4", "disk full"), self.failed("w=step", "x", "no seed")]
        lines = body(Table.from_records(SPEC, runs({"w=uniform": UNIFORM, "w=step": STEP}), failures=failures))
        assert list(lines)[2:] == [
            "uniform (n = 3 of 6; 1 failed: disk full)",
            "step ×4, ¦d¦ ≥ 1 (n = 3 of 6; 3 failed: disk full; no seed)",
        ]

    def test_a_variant_that_never_succeeded_has_its_row(self) -> None:
        table = Table.from_records(
            SPEC, runs({"w=uniform": UNIFORM}), failures=[self.failed("w=power", "0", "no such network")]
        )
        assert body(table)["w=power (n = 0 of 3; 1 failed: no such network)"] == ["–", "–"]

    def test_in_columns(self) -> None:
        """A failed run belongs to the column whose tokens it carries."""
        spec = replace(SPEC, heat_map=HeatMap(("test/accuracy",), "size", {"size=5": "5", "": "all"}))
        failures = [self.failed("size=5 w=step", "0", "small"), self.failed("w=step", "0", "large")]
        text = Table.from_records(spec, runs({"w=uniform": UNIFORM}), failures=failures).to_markdown()
        assert "1 failed: large" in text
        assert "small" not in text


class TestTable:
    def test_markdown(self) -> None:
        sure = {seed: value + 0.1 + 0.001 * seed for seed, value in UNIFORM.items()}
        table = Table.from_records(SPEC, runs({"w=uniform": UNIFORM, "w=step": STEP, "w=power": sure}))
        assert table.to_markdown() == (
            "Which weighting wins\n"
            "\n"
            "|  | accuracy | Δ |\n"
            "| :-- | --: | --: |\n"
            "| uniform | .810 ± .075 | baseline |\n"
            "| step ×4, \\|d\\| ≥ 1 | .820 ± .050 | +.010 ± .025 |\n"
            "| w=power | .911 ± .077 | **+.101 ± .002** |\n"
            "\n"
            "gallery (aaaa), photographs: 80 train, 10 val, 11 test, split (split); 3 seeds (0, 1, 2); commit 1a2b3c4"
            ". ± is the half-width of the 95 % Student-t interval of the mean over training seeds on one split. Δ is "
            "the difference to uniform, paired by seed, its interval over seeds only; bold where it survives Holm's "
            "correction over the rows (adjusted p < .05).\n"
        )

    def test_overlapping_splits_are_said(self) -> None:
        records = runs({"w=uniform": UNIFORM, "w=step": STEP})
        one = Table.from_records(SPEC, records)
        many = Table.from_records(SPEC, [replace(run, split_fingerprint=str(run.seed)) for run in records])
        assert "Student-t interval of the mean over training seeds on one split. Δ" in one.footer
        widened = "95 % interval of the mean over seeds, widened for overlapping test splits (Nadeau & Bengio 2003). Δ"
        assert widened in many.footer

    def test_missing_seeds_are_said(self) -> None:
        two = {0: 0.9, 2: 0.92}
        lines = body(Table.from_records(SPEC, runs({"w=uniform": UNIFORM, "w=step": two})))
        assert lines["step ×4, ¦d¦ ≥ 1 (n = 2 of 3)"] == [".910 ± .127", "+.100 ± .254"]

    def test_missing_pairs_are_said(self) -> None:
        base = {0: 0.8, 1: 0.8}
        lines = body(Table.from_records(SPEC, runs({"w=uniform": base, "w=step": STEP})))
        assert lines["uniform (n = 2 of 3)"] == [".800 ± .000", "baseline"]
        assert lines["step ×4, ¦d¦ ≥ 1"] == [".820 ± .050", "+.010 ± .127 (2 pairs)"]
        other = {7: 0.8, 8: 0.8, 2: 0.8}
        lines = body(Table.from_records(SPEC, runs({"w=uniform": other, "w=step": STEP})))
        assert lines["step ×4, ¦d¦ ≥ 1"][1] == "+.040 (1 pair)"

    def test_one_seed_has_no_interval(self) -> None:
        table = Table.from_records(SPEC, runs({"w=uniform": {0: 0.8}, "w=step": {0: 0.82}}))
        assert body(table)["uniform"] == [".800", "baseline"]
        assert body(table)["step ×4, ¦d¦ ≥ 1"] == [".820", "+.020"]
        assert "±" not in table.to_markdown()
        assert "One seed has no interval. Δ is the difference to uniform, paired by seed; bold" in table.footer

    def test_listed_variant_without_runs_keeps_its_row(self) -> None:
        lines = body(Table.from_records(SPEC, runs({"w=uniform": UNIFORM})))
        assert lines["step ×4, ¦d¦ ≥ 1 (n = 0 of 3)"] == ["–", "–"]

    def test_undefined_metric(self) -> None:
        lines = body(Table.from_records(SPEC, runs({"w=uniform": UNIFORM, "w=step": STEP | {1: math.nan}})))
        assert lines["step ×4, ¦d¦ ≥ 1"] == ["nan (1 of 3)", "nan (1 of 3)"]

    def test_metric_that_one_run_lacks(self) -> None:
        records = [*runs({"w=uniform": UNIFORM}), run("w=step", 0, 0.8), run("w=step", 1, None)]
        lines = body(Table.from_records(SPEC, records))
        assert lines["step ×4, ¦d¦ ≥ 1 (n = 2 of 3)"] == [".800 (n = 1 of 2)", "+.020"]

    def test_trivial_predictor_counts_each_seed_once(self) -> None:
        records = [
            replace(one, metrics=one.metrics | {"test/trivial/accuracy": 0.7 if one.seed else 0.6})
            for one in runs({"w=uniform": {0: 0.8, 1: 0.8}, "w=step": {1: 0.8}})
        ]
        table = Table.from_records(SPEC, records)
        assert list(body(table))[2] == "trivial predictor"
        assert body(table)["trivial predictor"] == [".650", ""]

    def test_trivial_predictor_of_one_metric_only(self) -> None:
        spec = replace(SPEC, columns={"test/accuracy": "accuracy", "test/loss": "loss"})
        one = run("w=uniform", 0)
        record = replace(one, metrics=one.metrics | {"test/trivial/accuracy": 0.7})
        assert body(Table.from_records(spec, [record]))["trivial predictor"] == [".700", "", "–", ""]

    def test_undefined_trivial_predictor(self) -> None:
        one = run("w=uniform", 0)
        record = replace(one, metrics=one.metrics | {"test/trivial/accuracy": math.nan})
        assert body(Table.from_records(SPEC, [record]))["trivial predictor"] == ["nan (1 of 1)", ""]

    def test_provenance(self) -> None:
        records = [
            run("w=uniform", 0, n={"train": 80, "test": 11, "excluded": 0}),
            run(
                "w=uniform",
                4,
                n={"train": 78, "test": 13, "excluded": 5},
                git_dirty=True,
                git_commit="fedcba98",
            ),
        ]
        assert Table.from_records(SPEC, records).provenance == (
            "gallery (aaaa), photographs: 78–80 train, 11–13 test, 0–5 excluded, split (split); 2 seeds (0, 4); "
            "commit 1a2b3c4, fedcba9+ (+: with uncommitted changes)"
        )

    def test_variant_without_overrides(self) -> None:
        table = Table.from_records(replace(SPEC, baseline="", rows={}), runs({"": UNIFORM}))
        assert list(body(table))[2] == "(no overrides)"

    def test_terminal(self) -> None:
        text = printed(Table.from_records(SPEC, runs({"w=uniform": UNIFORM, "w=step": STEP})))
        lines = text.splitlines()
        assert [line.split() for line in lines if "step" in line] == [
            ["step", "×4,", "|d|", "≥", "1", ".820", "±", ".050", "+.010", "±", ".025"]
        ]
        assert "paired by seed" in " ".join(text.split())

    @pytest.mark.parametrize("metrics", [3, 6])
    def test_terminal_breaks_no_number_at_120_columns(self, metrics: int) -> None:
        keys = {f"test/m{place}": f"metric {place}" for place in range(metrics)}
        spec = replace(SPEC, columns=keys)
        records = [
            replace(one, metrics=dict.fromkeys(keys, one.metrics["test/accuracy"]))
            for one in runs({"w=uniform": UNIFORM, "w=step": STEP})
        ]
        text = printed(Table.from_records(spec, records))
        assert text.count(".820 ± .050") == metrics
        assert text.count("+.010 ± .025") == metrics

    def test_bold_in_the_terminal(self) -> None:
        sure = {seed: value + 0.1 for seed, value in UNIFORM.items()}
        rich_table = Table.from_records(SPEC, runs({"w=uniform": UNIFORM, "w=step": sure})).to_terminal()
        assert [str(getattr(cell, "style", "")) for cell in rich_table.columns[2].cells] == ["", "bold"]

    def test_csv(self, tmp_path: Path) -> None:
        records = runs({"w=uniform": UNIFORM, "w=step": STEP})
        records[0] = replace(records[0], metrics=records[0].metrics | {"test/trivial/accuracy": 0.7})
        table = Table.from_records(SPEC, records)
        table.to_csv(tmp_path / "table.csv")
        with (tmp_path / "table.csv").open(newline="") as file:
            trivial, uniform, step = csv.DictReader(file)
        assert (trivial["row"], trivial["seeds"], trivial["mean"]) == ("trivial predictor", "1", "0.7")
        assert (uniform["pairs"], uniform["difference"], uniform["p"], uniform["adjusted_p"]) == ("",) * 4
        cell = table.rows[1].cells["test/accuracy"]
        assert cell.difference is not None
        assert float(step["mean"]) == cell.value.mean
        assert float(step["half_width"]) == cell.value.half_width
        assert float(step["difference"]) == cell.difference.mean
        assert float(step["difference_half_width"]) == cell.difference.half_width
        assert float(step["p"]) == cell.difference.p_value
        assert float(step["adjusted_p"]) == cell.adjusted_p
        assert (step["variant"], step["metric"], step["seeds"], step["pairs"]) == (
            "w=step",
            "test/accuracy",
            "3",
            "3",
        )

    @pytest.mark.parametrize(
        ("records", "message"),
        [
            ([], "no runs; a table needs at least the baseline's"),
            (
                [run("w=uniform", 0), run("w=step", 1, data_fingerprint="bbbb", data="other")],
                r"one table has different data_fingerprint: aaaa \(gallery, 'w=uniform', seed 0\) and bbbb "
                r"\(other, 'w=step', seed 1\); rows are comparable on one data set only",
            ),
            (
                [run("w=uniform", 0), run("w=step", 0, split_fingerprint="else")],
                r"seed 0 has different split_fingerprint: split .* and else .*; pairing needs one split per seed",
            ),
            (
                [run("w=uniform", 0), run("w=step", 0, experiment="other")],
                "one table has different experiment: weighting .* and other .*; a variant is a change to one",
            ),
            (
                [run("w=uniform", 0), run("w=uniform", 1, weighting="Step()")],
                r"'w=uniform' has different weighting: w=uniform .* and Step\(\) .*; a row averages one setting",
            ),
            ([run("w=uniform", 3)] * 2, "'w=uniform' with seed 3 was run 2 times; keep one"),
            (
                [run("w=uniform", 0, metrics={"test/accuracy@1": 1.0, "val/x": 0.0})],
                "no record has the metric 'test/accuracy'; the nearest are test/accuracy@1$",
            ),
            ([run("w=step", 0)], "no run of the baseline 'w=uniform' among 'w=step'; train it"),
        ],
    )
    def test_refuses(self, records: list[RunRecord], message: str) -> None:
        with pytest.raises(TableError, match=message):
            Table.from_records(SPEC, records)

import pytest
from factories import run

from awcu.errors import ReportError
from awcu.reports.experiment import chosen_rows, command, leading_metric, natural, usual_spec
from awcu.runs.failures import FailedRun
from awcu.tables.spec import Ladder, TableSpec
from awcu.tables.table import Table

TWO, FOUR, SIXTEEN = (f"weighting.ratio={ratio} weighting=step" for ratio in (2, 4, 16))
SCORES = {"weighting=uniform": 0.6, SIXTEEN: 0.8, TWO: 0.7, "weighting=drop": 0.9}


def records(seeds=(0, 1)):
    return [
        run(variant=name, weighting=name, seed=seed, metrics={"test/auroc": score, "test/accuracy": 1 - score})
        for name, score in SCORES.items()
        # One row has fewer seeds.
        for seed in (seeds if name != "weighting=drop" else seeds[:1])
    ]


def table(**changes):
    spec = usual_spec("made", records(), [])
    return Table.from_records(TableSpec(**vars(spec) | changes), records())


class TestUsualSpec:
    def test_uniform_first_then_in_the_order_of_their_numbers(self):
        spec = usual_spec("made", records(), [FailedRun("made", FOUR, "0", "full")])
        assert (spec.title, spec.baseline) == ("made", "weighting=uniform")
        assert list(spec.rows.values()) == ["uniform", TWO, FOUR, SIXTEEN, "drop"]
        assert spec.columns == {"test/accuracy": "accuracy", "test/auroc": "AUROC"}

    def test_a_ratio_of_one_is_uniform(self):
        variants = ["weighting.ratio=0.5 weighting=step", "weighting.ratio=1 weighting=step"]
        spec = usual_spec("made", [run(variant=one, metrics={"test/auroc": 0.5}) for one in variants], [])
        assert spec.baseline == "weighting.ratio=1 weighting=step"

    def test_without_uniform_the_first(self):
        assert usual_spec("made", [run(variant="b", metrics={"test/auroc": 0.5}), run(variant="a")], []).baseline == "a"


class TestChosenRows:
    def test_baseline_and_the_best_of_as_many_seeds(self):
        assert [row.variant for row in chosen_rows(table(), [])] == ["weighting=uniform", SIXTEEN]

    def test_best_by_the_ladders_first_metric(self):
        ladder = Ladder(("test/accuracy",), "weight", {"": {"weighting=uniform": 1}})
        assert leading_metric(table(ladder=ladder)) == "test/accuracy"
        assert chosen_rows(table(ladder=ladder), [])[1].variant == TWO

    def test_the_baseline_may_be_alone(self):
        alone = [one for one in records() if one.variant == "weighting=uniform"]
        rows = chosen_rows(Table.from_records(usual_spec("made", alone, []), alone), [])
        assert [row.variant for row in rows] == ["weighting=uniform"]

    def test_named_by_variant_or_label(self):
        rows = chosen_rows(table(), ["drop", TWO])
        assert [row.variant for row in rows] == ["weighting=drop", TWO]

    def test_one_that_is_not_there(self):
        with pytest.raises(ReportError, match="no row is called 'dorp'; nearest: 'drop'"):
            chosen_rows(table(), ["dorp"])


class TestCommand:
    COMMON = ("experiment=e", "data.root=/home/me/photos")

    def of(self, *varied, **options):
        runs = [run(overrides=(*self.COMMON, *words.split())) for words in varied]
        return command("e", options.get("page", "train"), options.get("sweeps", False), runs)

    def test_a_grid_is_swept(self):
        grid = [f"seed={seed} weighting.ratio={ratio}" for seed in (0, 1) for ratio in (16, 2)]
        assert self.of(*grid) == "awcu train -m experiment=e 'data.root=…/photos' seed=0,1 weighting.ratio=2,16"

    def test_one_run(self):
        assert self.of("seed=3") == "awcu train experiment=e 'data.root=…/photos' seed=3"

    def test_what_is_no_grid_keeps_what_all_have(self):
        assert self.of("seed=0 weighting=a", "seed=1 weighting=a", "seed=1 weighting=b") == (
            "awcu train experiment=e 'data.root=…/photos'"
        )

    def test_an_experiment_that_names_its_runs(self):
        assert self.of("seed=0", "seed=1", page="probe", sweeps=True) == "awcu probe experiment=e 'data.root=…/photos'"


def test_two_comes_before_sixteen():
    assert sorted(["a16", "a2", "a", "a2.5", "b1"], key=natural) == ["a", "a2", "a2.5", "a16", "b1"]

"""Grid lines become the rows, weights and names that `awcu train -m` would make of them."""

import shlex
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from awcu.commands import main as cli
from awcu.config.hydra import conf_folder, variant
from awcu.errors import ConfigurationError, WeightingError
from awcu.probing.grid import GridRow, grid_rows
from awcu.ratings.weighting import Drop, Exponential, Power, SampleWeights, Step, Uniform, VoteConfidence
from awcu.runs.record import find_records


def test_every_combination_of_every_line_in_the_order_typed():
    lines = [
        "weighting=uniform",
        "weighting=step weighting.ratio=2,16 weighting.delta=0.5,1",
        "weighting=vote_confidence,power",
        "weighting=exponential weighting.beta=choice(0.5,2)",
    ]
    assert [row.weights for row in grid_rows(lines)] == [
        SampleWeights(Uniform()),
        *(SampleWeights(Step(delta, ratio)) for ratio in (2, 16) for delta in (0.5, 1)),
        SampleWeights(VoteConfidence()),
        SampleWeights(Power(1)),
        SampleWeights(Exponential(0.5)),
        SampleWeights(Exponential(2)),
    ]


def test_a_parameter_that_is_not_named_has_the_value_of_its_file():
    (row,) = grid_rows(["weighting=step weighting.ratio=8"])
    assert row.weights == SampleWeights(Step(delta=1.0, ratio=8))


def test_class_balance_makes_rows_of_its_own():
    rows = grid_rows(["weighting=drop weighting.delta=0.5 sample_weights.class_balance=false,true"])
    names = [f"sample_weights.class_balance={value} weighting.delta=0.5 weighting=drop" for value in (False, True)]
    weights = [SampleWeights(Drop(0.5), class_balance=value) for value in (False, True)]
    assert rows == [GridRow(name, weight) for name, weight in zip(names, weights, strict=True)]


@pytest.mark.parametrize(
    "line",
    [
        "weighting=uniform",
        "weighting=step weighting.ratio=16 weighting.delta=1.0",
        "weighting=step weighting.ratio=inf",
        "weighting=exponential weighting.beta=0.1 sample_weights.class_balance=True",
        "weighting=drop ++weighting.delta=0.5",
    ],
)
def test_a_row_has_the_name_that_the_same_overrides_have_in_training(line):
    (row,) = grid_rows([line])
    assert row.variant == variant(tuple(shlex.split(line)))


def test_one_setting_has_one_name_however_it_is_typed():
    (typed,) = grid_rows(["weighting=exponential weighting.beta=1e-1 sample_weights.class_balance=true"])
    assert typed.variant == "sample_weights.class_balance=True weighting.beta=0.1 weighting=exponential"


def test_swept_rows_have_the_names_that_a_multirun_gives():
    """Hydra's own sweeper is the reference: it writes `false,true` as False and True."""
    line = "weighting=step weighting.ratio=2.0,4,1e1 weighting.delta=0.5 sample_weights.class_balance=false,true"
    overrides = OverridesParser.create().parse_overrides(line.split())
    (jobs,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
    assert len(jobs) == 6
    assert [row.variant for row in grid_rows([line])] == [variant(tuple(job)) for job in jobs]


FILES = sorted(Path(conf_folder("probe/experiment")).glob("*.yaml"))
GRIDS = [[], ["probe_weighting/grid"], *([path.stem] for path in FILES)]


@pytest.mark.parametrize("experiment", GRIDS, ids=str)
def test_committed_grids_make_rows_whose_first_is_the_baseline(experiment):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        cfg = compose("probe", [f"experiment={name}" for name in experiment])
        rows = grid_rows(cfg.probe.weightings)
    assert rows[0].weights.weighting in (Uniform(), Step(delta=1, ratio=1))
    weights = [str(row.weights) for row in rows]
    assert len(set(weights)) == len(weights) > 1, "no two rows stand for the same weights"
    assert set(cfg.probe.save) <= {row.variant for row in rows}


def test_within_another_composition_the_rows_are_the_same():
    lines = ["weighting=uniform", "weighting=drop weighting.delta=0.5,1"]
    outside = grid_rows(lines)
    assert not GlobalHydra.instance().is_initialized(), "nothing is left behind that a Hydra job would trip over"
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        compose("probe")
        assert grid_rows(lines) == outside


def test_within_a_hydra_job_the_rows_are_the_same(rated_folder, tmp_path, monkeypatch, capsys):
    small = [
        "data=table", f"data.root={rated_folder}", "data.ratings.vote_columns=[c1,c2,c3,c4,c5]", "images.size=64",
        "data.ratings.scale=[1,2,3,4,5]", "data.ratings.midpoint=3", "data.ratings.val=0.25", "data.ratings.test=0.25",
        "network.backbone=test_resnet", "features.workers=0", f"features.folder={tmp_path}", "probe.seeds=[0,2]",
        "probe.penalties=[0.1,1]", "probe.folds=2",
    ]  # fmt: skip
    lines = ["weighting=uniform", "weighting=drop weighting.delta=0.25,0.5"]
    grid = f"probe.weightings=[{','.join(repr(line) for line in lines)}]"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["awcu", "probe", *small, grid])
    cli.main()
    found = {(record.variant, record.weighting) for record in find_records(tmp_path / "runs")}
    assert found == {(row.variant, str(row.weights)) for row in grid_rows(lines)}
    assert "6 records in runs/probe/results.csv" in capsys.readouterr().out.replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    ("lines", "error", "message"),
    [
        ([], ConfigurationError, "probe.weightings is empty; name at least the baseline, weighting=uniform"),
        (
            ["weighting=uniform", "weighting=step seed=1,2"],
            ConfigurationError,
            "'weighting=step seed=1,2' sets seed; a row differs from another in weighting and sample_weights only",
        ),
        (["weighting=step task.warmup=0"], ConfigurationError, "sets task.warmup;"),
        (["weightings=step"], ConfigurationError, "sets weightings;"),
        (["weighting=uniform", "weighting=step,"], ConfigurationError, "'weighting=step,' cannot be read"),
        (["weighting='step"], ConfigurationError, "cannot be read .No closing quotation.; write overrides as for"),
        (["weighting"], ConfigurationError, "'weighting' cannot be read"),
        (["weighting=stpe"], ConfigurationError, "weightings: weighting=stpe: .*; nearest: step"),
        (
            ["weighting=step weighting.dleta=1"],
            ConfigurationError,
            r"weightings: .*dleta=1: weighting\.dleta is no setting; nearest: weighting\.delta",
        ),
        (
            ["weighting=step weighting.rato=2"],
            ConfigurationError,
            r"weightings: .*rato=2: weighting\.rato is no setting; nearest: weighting\.ratio",
        ),
        (["weighting=uniform weighting.delta=1"], ConfigurationError, r"weighting=uniform weighting\.delta=1: "),
        (
            ["weighting=drop +weighting.dleta=1"],
            ConfigurationError,
            r"awcu\.ratings\.weighting\.Drop cannot be built.*'dleta'",
        ),
        (["weighting=drop weighting.delta=far"], ConfigurationError, r"awcu\.ratings\.weighting\.Drop cannot be built"),
        (
            ["weighting=drop weighting.delta=0.5,1", "weighting=step", "weighting.delta=1 weighting=drop"],
            ConfigurationError,
            r"'weighting\.delta=1 weighting=drop' and 'weighting\.delta=1 weighting=drop' are the same weights twice",
        ),
        (["weighting=step", "weighting=step weighting.ratio=4"], ConfigurationError, "are the same weights twice"),
        (["~weighting"], ConfigurationError, "~weighting"),
        (["weighting=null"], ConfigurationError, "weighting=null"),
        (["+sample_weights.foo=1"], ConfigurationError, "sample_weights.foo"),
        (["weighting=uniform sample_weights.class_balance=maybe"], ConfigurationError, "must be true or false"),
        (
            ["weighting=step sample_weights.anneal=none,cosine"],
            ConfigurationError,
            "weighting=step sample_weights.anneal=cosine anneals; .* anneal with awcu train",
        ),
        (["weighting=step sample_weights.anneal=slowly"], WeightingError, "anneal is one of none, linear, cosine"),
        (["weighting=drop weighting.delta=-1"], WeightingError, r"Drop\(delta=-1\) is not a weighting: delta is"),
        (["weighting=step weighting.ratio=2,0"], WeightingError, r"Step\(delta=1.0, ratio=0\) is not a weighting"),
    ],
)
def test_a_line_that_makes_no_row_is_refused_by_name(lines, error, message):
    with pytest.raises(error, match=message):
        grid_rows(lines)


@pytest.mark.parametrize("lines", [["weighting=step,"], ["weighting=stpe"], ["weighting=drop weighting.delta=-1"]])
def test_a_refusal_leaves_hydra_as_it_was(lines):
    with pytest.raises(ValueError):
        grid_rows(lines)
    assert not GlobalHydra.instance().is_initialized()
    assert len(grid_rows(["weighting=uniform"])) == 1

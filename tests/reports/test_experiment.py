"""What `awcu report` reads, and what it says where something is not as it should be."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from conftest import file_size_limit
from factories import leave_run, run, scored

from awcu.commands import main as cli
from awcu.commands.report import make_report
from awcu.errors import ConfigurationError, ReportError, TableError
from awcu.reports.experiment import Experiment, chosen_rows, command, leading_metric, natural, usual_spec
from awcu.runs.failures import FailedRun
from awcu.runs.record import RunRecord, write_results_csv
from awcu.tables.spec import Ladder, TableSpec
from awcu.tables.table import Table

TABLE = """
title: Made <b>bold</b>
baseline: w=uniform
columns: {test/auroc: AUROC, test/srcc: SRCC}
rows: {w=uniform: uniform, w=step: step ×4}
"""


@pytest.fixture
def made(tmp_path):
    """Runs of two variants on two seeds of which nothing but record and predictions are left."""
    for place, variant in enumerate(("w=uniform", "w=step")):
        for seed in (0, 1):
            leave_run(tmp_path / "runs", variant, seed, scored(5 * place + seed))
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "table.yaml").write_text(TABLE)
    return tmp_path


def report(folder, **changes):
    """The page."""
    settings = {"word": "experiment=smoke", "runs": folder / "runs", "table": None, "out": folder / "page.html"}
    make_report(**settings | {"rows": [], "photographs": 2} | changes)
    return (folder / "page.html").read_text()


class TestExperiment:
    @pytest.mark.parametrize("word", ["experiment=weighting/oasis", "weighting/oasis"])
    def test_as_for_train(self, word):
        assert Experiment.find(word) == Experiment("weighting/oasis", "weighting/oasis", "train", sweeps=True)

    def test_one_without_a_name_runs_under_that_of_the_one_it_builds_on(self):
        found = Experiment.find("experiment=finetune_upper")
        assert (found.asked, found.name, found.sweeps) == ("finetune_upper", "finetune", False)

    def test_probes_have_another_command(self):
        assert Experiment.find("experiment=probe_ladder").page == "probe"

    @pytest.mark.parametrize("word", ["data=ava", "experiment=", ""])
    def test_other_words_are_refused(self, word):
        with pytest.raises(ReportError, match=r"names no experiment; write experiment=<name>, as for awcu train"):
            Experiment.find(word)

    def test_the_nearest_names_of_one_that_is_not_there(self):
        with pytest.raises(
            ConfigurationError, match=r"experiment=weighting/oasys does not exist; nearest: weighting/o"
        ):
            Experiment.find("experiment=weighting/oasys")


class TestRuns:
    def test_without_a_table_of_its_own_the_usual_one(self, made):
        html = report(made)
        assert "<h1>smoke</h1>" in html
        assert ">accuracy</button>" in html
        assert 'data-key="w=step">w=step</th>' in html

    def test_of_its_name_unless_a_folder_is_given(self, made, monkeypatch):
        monkeypatch.chdir(made)
        shutil.move(made / "runs", made / "tmp")
        shutil.move(made / "tmp", made / "runs" / "smoke")
        shutil.move(made / "table", made / "experiments" / "smoke")
        make_report("experiment=smoke", None, None, None, [], 0)
        html = (made / "runs" / "smoke" / "report.html").read_text()
        assert "<h1>Made &lt;b&gt;bold&lt;/b&gt;</h1>" in html
        assert 'data-key="step ×4">step ×4</th>' in html

    @pytest.mark.parametrize("folder", ["nowhere", "table"])
    def test_none_yet(self, made, folder):
        says = rf"{folder} holds no finished run; train some first: awcu train experiment=smoke, or name their folder"
        with pytest.raises(ReportError, match=says):
            report(made, runs=made / folder)
        assert not (made / "page.html").exists()

    def test_none_but_failed_ones(self, tmp_path):
        FailedRun("smoke", "w=step", "0", "disk full").save(tmp_path / "runs" / "a")
        with pytest.raises(ReportError, match=r"runs holds no finished run \(1 failed, first: disk full\); train"):
            report(tmp_path)

    def test_of_two_data_sets(self, made):
        path = made / "runs" / "w=step-1" / "record.json"
        replace(RunRecord.load(path), data_fingerprint="bbbb").save(path)
        with pytest.raises(TableError, match="one table has different data_fingerprint: aaaa"):
            report(made)

    def test_a_table_that_is_named_must_be_there(self, made):
        with pytest.raises(OSError, match=r"table\.yaml"):
            report(made, table=made / "nowhere")

    def test_a_row_that_is_not_there(self, made):
        with pytest.raises(ReportError, match="no row is called 'w=stop'; nearest: 'w=step'"):
            report(made, rows=["w=stop"])

    def test_fewer_photographs_than_none(self, made):
        with pytest.raises(ReportError, match="--n -1 is not a number of photographs; give 0 or more"):
            report(made, photographs=-1)


def test_a_full_disk_leaves_the_page_before(made):
    (made / "page.html").write_text("before")
    with file_size_limit(4000), pytest.raises(ReportError, match=r"page\.html cannot be written \(File too large\)"):
        report(made)
    assert (made / "page.html").read_text() == "before"
    assert not list(made.glob(".*.tmp"))


def test_records_without_folders_have_no_photographs(tmp_path):
    """As those that a sweep of probes leaves."""
    rows = [
        run(variant=name, weighting=name, metrics={"test/auroc": 0.5, "test/trivial/auroc": 0.5}) for name in ("a", "b")
    ]
    write_results_csv(rows, tmp_path / "runs" / "results.csv")
    html = report(tmp_path)
    assert "No run of this row left a predictions.csv" in html
    assert "There are none: the runs are from before awcu kept a history.csv" in html


class TestCommandLine:
    def call(self, monkeypatch, *arguments):
        monkeypatch.setattr(sys, "argv", ["awcu", "report", *map(str, arguments)])
        cli.main()

    def test_a_page_and_where_it_is(self, made, monkeypatch, capsys):
        out, table = made / "deep" / "page.html", made / "table"
        self.call(monkeypatch, "experiment=smoke", "--runs", made / "runs", "--table", table, "--out", out, "--n", 1,
                  "--row", "step ×4")  # fmt: skip
        assert re.fullmatch(rf"{out} \(0\.\d MB\)\n", capsys.readouterr().out)
        assert re.findall(r"<h3>(\S+ \S+)", out.read_text()) == ["step ×4"]

    def test_faults_end_in_one_line(self, monkeypatch):
        with pytest.raises(SystemExit, match=r"^awcu: experiment=smok does not exist; nearest: smoke"):
            self.call(monkeypatch, "experiment=smok")


def test_nothing_found_needs_no_torch(tmp_path):
    code = "import sys; from awcu.commands.report import make_report; from pathlib import Path\n"
    code += f"try: make_report('smoke', Path({str(tmp_path)!r}), None, None, [], 1)\nexcept ValueError: pass\n"
    code += "sys.exit(', '.join({'torch', 'matplotlib'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


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

import csv
import math
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from awcu.bounds import MAX_PIXELS
from awcu.commands import main as cli
from awcu.errors import ImageError, SourceError
from awcu.images.decoding import decode
from awcu.runs.record import read_results_csv, write_results_csv

ROOT = Path(__file__).parents[2]
EXPERIMENTS = sorted(
    path.parent.relative_to(ROOT / "experiments").as_posix() for path in (ROOT / "experiments").rglob("results.csv")
)


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["awcu", *map(str, arguments)])
    cli.main()


def cells(path):
    with path.open(newline="") as file:
        return [cell for row in csv.reader(file) for cell in row]


def test_help_needs_no_torch():
    code = "import sys; sys.argv = ['awcu', '--help']\nfrom awcu.commands.main import main\n"
    code += "try: main()\nexcept SystemExit: pass\n"
    code += "sys.exit(', '.join({'torch', 'pandas', 'matplotlib', 'hydra'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in ("prepare", "train", "probe", "features"))


@pytest.mark.parametrize(
    ("command", "function"),
    [
        ("prepare", "awcu.commands.prepare.main"),
        ("train", "awcu.commands.train.main"),
        ("probe", "awcu.commands.probe.main"),
        ("features", "awcu.commands.probe.features_main"),
    ],
)
def test_what_hydra_reads_reaches_it_untouched(monkeypatch, command, function):
    seen = []
    monkeypatch.setattr(function, lambda: seen.append(list(sys.argv)))
    call(monkeypatch, command, "--help", "-m", "seed=1,2")
    assert seen == [[f"awcu {command}", "--help", "-m", "seed=1,2"]]


@pytest.mark.parametrize("command", ["train", "table"])
def test_the_command_reads_what_cameras_write(monkeypatch, tmp_path, command):
    """Pillow's own limit is below; a host process keeps it, but this process is ours."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    monkeypatch.setattr("awcu.commands.train.main", lambda: None)
    with suppress(SystemExit):
        call(monkeypatch, command, *([tmp_path] if command == "table" else []))
    assert Image.MAX_IMAGE_PIXELS == MAX_PIXELS == 200_000_000
    # Nor does Pillow's remark stand before our line on what is larger.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 11)
    Image.new("L", (4, 3)).save(tmp_path / "a.png")
    assert decode(tmp_path / "a.png").shape == (3, 4, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "trainer.max_epoch=3"], r"^awcu: trainer\.max_epoch is no setting; nearest: trainer\.max_epochs"),
        (["train", "-m", "weighting=step,unifrom"], "^awcu: weighting=unifrom does not exist; nearest: uniform"),
        (["features", "features.flp=true"], r"^awcu: features\.flp is no setting; nearest: features\.flip"),
        (["prepare", "--cfg", "job", "short_sid=3"], "^awcu: short_sid is no setting; nearest: short_side"),
        (["train", "experiment=reproduc"], "^awcu: experiment=reproduc does not exist; nearest: reproduce"),
    ],
)
def test_a_misspelt_override_ends_in_one_line_before_hydra_starts(monkeypatch, arguments, message):
    monkeypatch.setattr(f"awcu.commands.{cli.HYDRA[arguments[0]][0].split('.')[-1]}.main", lambda: None)
    with pytest.raises(SystemExit, match=message):
        call(monkeypatch, *arguments)


@pytest.mark.parametrize("option", [["--config-dir", "/mine"], ["--shell-completion"], ["-cn=mine"]])
def test_overrides_for_other_pages_are_left_to_hydra(monkeypatch, option):
    seen = []
    monkeypatch.setattr("awcu.commands.train.main", lambda: seen.append(list(sys.argv)))
    call(monkeypatch, "train", *option, "my.own=3")
    assert seen == [["awcu train", *option, "my.own=3"]]


@pytest.mark.parametrize("command", ["train", "probe", "features", "prepare"])
def test_a_folder_that_hydra_cannot_make_ends_in_one_line(monkeypatch, tmp_path, capsys, command):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"^awcu: .*Not a directory: '.*file/out'; HYDRA_FULL_ERROR=1 shows where$"):
        call(monkeypatch, command, f"hydra.run.dir={tmp_path}/file/out")
    assert capsys.readouterr().err == ""
    assert cli.FULL_ERROR not in os.environ


def test_what_hydra_refuses_is_said_in_its_words_alone(monkeypatch, capsys):
    with pytest.raises(SystemExit, match=r"^Cannot find primary config 'mine'"):
        call(monkeypatch, "train", "-cn=mine")
    assert capsys.readouterr().err == ""


def test_a_traceback_for_who_asks_hydra_for_it(monkeypatch, tmp_path):
    monkeypatch.setenv(cli.FULL_ERROR, "1")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        call(monkeypatch, "prepare", f"hydra.run.dir={tmp_path}/file/out")
    assert cli.FULL_ERROR in os.environ


class TestTraced:
    """Alike in commands that Hydra reads and in the others."""

    COMMANDS = pytest.mark.parametrize(
        ("words", "function"),
        [
            ("prepare", "awcu.commands.prepare.run"),
            ("train --dry-run", "awcu.commands.dry_run.dry_run"),
            ("table made", "awcu.commands.table.make_table"),
            ("score a.jpg", "awcu.commands.judging.score"),
        ],
    )
    LOST = FileNotFoundError(2, "No such file or directory", "list.txt")

    @pytest.fixture
    def raising(self, monkeypatch):
        def command(error, words="prepare", function="awcu.commands.prepare.run"):
            def run(*arguments):
                raise error

            monkeypatch.setattr(function, run)
            call(monkeypatch, *words.split())

        return command

    @COMMANDS
    def test_one_line_says_how_to_see_where_a_file_was_missed(self, raising, words, function):
        with pytest.raises(SystemExit, match=r"^awcu: .*: 'list\.txt'; HYDRA_FULL_ERROR=1 shows where$"):
            raising(self.LOST, words, function)

    @COMMANDS
    def test_a_fault_that_we_name_needs_no_traceback(self, raising, words, function):
        with pytest.raises(SystemExit, match=r"^awcu: a\.jpg: no such file$"):
            raising(ImageError("a.jpg: no such file"), words, function)

    @COMMANDS
    @pytest.mark.parametrize("error", [LOST, SourceError("AVA: fetch it")])
    def test_where_it_was_raised_for_who_asks(self, monkeypatch, raising, error, words, function):
        monkeypatch.setenv(cli.FULL_ERROR, "1")
        with pytest.raises(type(error)) as raised:
            raising(error, words, function)
        assert raised.value is error
        assert raised.traceback[-1].name == "run"

    def test_ctrl_c_has_no_traceback(self, monkeypatch, raising):
        monkeypatch.setenv(cli.FULL_ERROR, "1")
        with pytest.raises(SystemExit, match=r"^awcu: stopped"):
            raising(KeyboardInterrupt())


def test_an_option_of_prepare_reaches_hydra_as_a_setting(monkeypatch):
    seen = []
    monkeypatch.setattr("awcu.commands.prepare.main", lambda: seen.append(list(sys.argv)))
    call(monkeypatch, "prepare", "--download", "data=ava")
    assert seen == [["awcu prepare", "download=true", "data=ava"]]


def test_prepare_needs_no_torch():
    code = "import sys, awcu.commands.prepare, awcu.datasets.readers.table\n"
    code += "sys.exit(', '.join({'torch', 'wandb'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_committed_tables_are_fresh(monkeypatch, tmp_path, capsys, experiment):
    """Rendering the committed results again changes no table, here or in any README."""
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    shutil.copy(ROOT / "README.md", tmp_path)
    folder, block = Path("experiments") / experiment, f"<!-- table:{experiment} -->"
    readmes = [one for one in sorted(tmp_path.rglob("README.md")) if block in one.read_text()]
    call(monkeypatch, "table", tmp_path / folder, *(word for one in readmes for word in ("--readme", one)))
    for path in [folder / "table.md", *(one.relative_to(tmp_path) for one in readmes)]:
        assert (tmp_path / path).read_text() == (ROOT / path).read_text(), f"{path} is stale: run make tables"
    for one, other in zip(*(cells(root / folder / "table.csv") for root in (tmp_path, ROOT)), strict=True):
        # Not to the last bit, which SciPy's version decides.
        assert one == other or math.isclose(float(one), float(other), rel_tol=1e-9), "table.csv is stale"
    assert (tmp_path / folder / "table.md").read_text().splitlines()[0].split()[0] in capsys.readouterr().out


def test_a_rung_of_an_experiments_own_sweep_needs_no_group_typed():
    words = ["train", "experiment=reproduce", "weighting.ratio=4", "hydra/launcher=basic", "--cfg", "job"]
    done = subprocess.run([sys.executable, "-m", "awcu", *words], capture_output=True, text=True)
    assert "ratio: 4" in done.stdout, done.stderr


class TestTable:
    """A made experiment, two folders deep, with two columns of records."""

    TABLE = """
title: Made
baseline: w=uniform
columns: {test/auroc: AUROC}
rows: {w=uniform: uniform, w=a: A}
"""
    HEAT_MAP = 'heat_map: {metrics: [test/auroc], x_label: size, columns: {size=5: "5", "": all}}\n'

    def make(self, root, plots=""):
        folder = root / "experiments" / "made" / "nested"
        folder.mkdir(parents=True)
        (folder / "table.yaml").write_text(self.TABLE + plots)
        write_results_csv(self.records(), folder / "results.csv")
        return folder

    def records(self):
        template = read_results_csv(ROOT / "experiments/reproduce/results.csv")[0]
        scores = {"w=uniform": 0.5, "w=a": 0.6}
        return [
            replace(
                template,
                experiment="made/nested",
                variant=f"{column} {variant}".strip(),
                weighting=variant,
                seed=seed,
                split_fingerprint=str(seed),
                metrics={"test/auroc": score + 0.01 * seed},
            )
            for column in ("size=5", "")
            for variant, score in scores.items()
            for seed in range(3)
        ]

    def test_every_picture_that_is_asked_for(self, monkeypatch, tmp_path):
        folder = self.make(tmp_path, self.HEAT_MAP)
        (tmp_path / "README.md").write_text("<!-- table:made/nested --><!-- /table:made/nested -->")
        call(monkeypatch, "table", folder, "--readme", tmp_path / "README.md")
        names = ["heat_map.png", "results.csv", "table.csv", "table.md", "table.yaml"]
        assert sorted(one.name for one in folder.iterdir()) == names
        markdown = (folder / "table.md").read_text()
        assert markdown.strip() in (tmp_path / "README.md").read_text()

    def test_no_picture_that_is_not(self, monkeypatch, tmp_path):
        folder = self.make(tmp_path)
        call(monkeypatch, "table", folder, "--out", tmp_path / "out")
        assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["table.csv", "table.md"]

    def test_runs_of_a_sweep_in_one_process(self, monkeypatch, tmp_path):
        """The sweep's own results.csv may be the one that is written."""
        folder = self.make(tmp_path)
        before = (folder / "results.csv").read_bytes()
        for _ in range(2):
            call(monkeypatch, "table", folder, "--runs", folder, "--out", folder)
            assert (folder / "results.csv").read_bytes() == before

    def test_needs_neither_torch_nor_pandas(self, tmp_path):
        folder = self.make(tmp_path, self.HEAT_MAP)
        code = (
            f"import sys; sys.argv = ['awcu', 'table', {str(folder)!r}]\nfrom awcu.commands.main import main\nmain()\n"
        )
        code += "sys.exit(', '.join({'torch', 'pandas', 'hydra', 'scipy.stats'} & set(sys.modules)) or 0)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def test_make_tables_finds_nested_experiments_and_the_readmes_with_their_block(self, tmp_path):
        folder = self.make(tmp_path)
        shutil.copy(ROOT / "Makefile", tmp_path)
        block = "<!-- table:made/nested -->\n<!-- /table:made/nested -->\n"
        for path, text in ((folder.parent, block), (tmp_path, "none"), (tmp_path / "experiments", "none either")):
            (path / "README.md").write_text(text)
        bin_folder = Path(sys.executable).parent
        make = ["make", "--old-file=install", "tables", f"BIN={bin_folder}"]
        done = subprocess.run(make, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "| uniform | .510" in (folder.parent / "README.md").read_text()
        assert (tmp_path / "README.md").read_text() == "none"
        assert (folder / "table.md").is_file()


def test_faults_end_in_one_line(monkeypatch, tmp_path):
    (tmp_path / "table.yaml").write_text("title: t\nbaseline: b\ncolumns: {test/accuracy: accuracy}\n")
    with pytest.raises(SystemExit, match=r"^awcu: .*holds neither record\.json nor results\.csv"):
        call(monkeypatch, "table", tmp_path, "--runs", tmp_path)
    with pytest.raises(SystemExit, match=r"^awcu: .*holds no finished run"):
        call(monkeypatch, "maps", tmp_path)

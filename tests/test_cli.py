import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from awcu import cli

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["awcu", *map(str, arguments)])
    cli.main()


def test_help_needs_no_torch():
    code = (
        "import sys; sys.argv = ['awcu', '--help']\nfrom awcu.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    )
    code += "sys.exit(', '.join({'torch', 'pandas', 'matplotlib', 'hydra'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout


@pytest.mark.parametrize("experiment", sorted(path.parent.name for path in EXPERIMENTS.glob("*/results.csv")))
def test_committed_tables_are_fresh(monkeypatch, tmp_path, capsys, experiment):
    """Rendering the committed results again changes no table, here or in a README."""
    folder = tmp_path / experiment
    shutil.copytree(EXPERIMENTS / experiment, folder)
    shutil.copy(EXPERIMENTS.parent / "README.md", tmp_path)
    call(monkeypatch, "table", folder, "--readme", tmp_path / "README.md", "--readme", folder / "README.md")
    for name in ("README.md", f"{experiment}/README.md", f"{experiment}/table.md", f"{experiment}/table.csv"):
        committed = EXPERIMENTS.parent / name if name == "README.md" else EXPERIMENTS / name
        assert (tmp_path / name).read_text() == committed.read_text(), f"{name} is stale: run make tables"
    assert "trivial predictor" in capsys.readouterr().out


def test_faults_end_in_one_line(monkeypatch, tmp_path):
    (tmp_path / "table.yaml").write_text("title: t\nbaseline: b\ncolumns: {test/accuracy: accuracy}\n")
    with pytest.raises(SystemExit, match=r"^awcu: .*holds no record\.json"):
        call(monkeypatch, "table", tmp_path, "--runs", tmp_path)
    with pytest.raises(SystemExit, match=r"^awcu: .*holds no finished run"):
        call(monkeypatch, "maps", tmp_path)


def test_gallery_draws_a_contact_sheet(monkeypatch, tmp_path, capsys):
    call(monkeypatch, "gallery", "--n", 2, "--out", tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
    assert "sheet.png" in capsys.readouterr().out

"""`awcu export` from a run to a folder that stands alone."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TINY_RUN
from huggingface_hub import ModelCard
from hydra import compose, initialize_config_dir

from awcu.commands import export
from awcu.commands import main as cli
from awcu.commands.export import listing
from awcu.commands.train import run
from awcu.config.hydra import conf_folder
from awcu.errors import ModelError
from awcu.inference.predictor import AestheticModel
from awcu.models import pretrained
from awcu.models.usual import Usual

pytestmark = pytest.mark.usefixtures("one_thread")

OVERRIDES = (*TINY_RUN, "weighting=step")


@pytest.fixture
def call(monkeypatch):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["awcu", "export", *map(str, arguments)])
        cli.main()

    return call


@pytest.fixture
def finished(rated_folder, tmp_path):
    """The folder of a real run, moved since, and its record."""
    overrides = (*OVERRIDES, f"data.root={rated_folder}")
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        cfg = compose("train", list(overrides))
    record = run(cfg, tmp_path / "trained", overrides)
    return (tmp_path / "trained").rename(tmp_path / "moved"), record


def test_a_run_becomes_a_folder_that_stands_alone(call, finished, rated_folder, tmp_path, monkeypatch, capsys):
    folder, record = finished
    with (folder / "predictions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    monkeypatch.chdir(tmp_path)
    call(folder, "--out", "out/model")
    printed = capsys.readouterr().out
    shutil.rmtree(folder)

    names = ["README.md", "config.json", "model.safetensors"]
    assert sorted(path.name for path in Path("out/model").iterdir()) == names
    assert [line.split()[0] for line in printed.splitlines()[:3]] == [f"out/model/{name}" for name in names]
    three_lines = "\n".join(printed.splitlines()[-3:])
    shutil.copy(rated_folder / "images" / rows[0]["image_id"], "photograph.jpg")
    exec(three_lines, {})
    assert f"score={float(rows[0]['score']):.4f}"[:9] in capsys.readouterr().out

    judge = AestheticModel.from_pretrained("out/model", "cpu")
    verdicts = judge.score([rated_folder / "images" / row["image_id"] for row in rows])
    expected = [float(row["score"]) for row in rows]
    assert [verdict.score for verdict in verdicts] == pytest.approx(expected, rel=1e-4, abs=1e-6)

    card = Path("out/model/README.md").read_text()
    assert {result.metric_type: result.metric_value for result in ModelCard(card).data.eval_results} == {
        "accuracy": record.metrics["test/accuracy"],
        "balanced_accuracy": record.metrics["test/balanced_accuracy"],
        "roc_auc": record.metrics["test/auroc"],
        "spearmanr": record.metrics["test/srcc"],
        "pearsonr": record.metrics["test/plcc"],
    }
    assert "Step(delta=1.0, ratio=4.0)" in card
    assert 'from_pretrained("model")' in card
    assert f"on the {record.n['test']} test photographs" in card
    for path in Path("out/model").iterdir():
        assert str(tmp_path).encode() not in path.read_bytes(), f"{path} names a folder of this machine"


def test_a_checkpoint_alone_gives_a_card_that_knows_less(call, checkpoint, tmp_path):
    call(checkpoint, "--out", tmp_path / "model")
    assert "commit and command are not known" in (tmp_path / "model" / "README.md").read_text()
    assert AestheticModel.from_pretrained(tmp_path / "model", "cpu").config.attribute_names == ("indoors", "outdoors")


def test_save_pretrained_writes_the_same_model(checkpoint, tmp_path):
    model = AestheticModel.from_pretrained(checkpoint, "cpu")
    model.save_pretrained(tmp_path / "model")
    again = AestheticModel.from_pretrained(tmp_path / "model", "cpu")
    assert again.config == model.config
    with pytest.raises(ModelError, match="model exists; name another folder"):
        model.save_pretrained(tmp_path / "model")
    model.save_pretrained(tmp_path / "model", overwrite=True)
    again.save_pretrained(str(tmp_path / "copy"))
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("model", "copy")]
    assert weights[0] == weights[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "model"]


def test_onnx_comes_along(call, checkpoint, tmp_path, monkeypatch, capsys):
    """What it holds is tested with `awcu.inference.onnx`; here, that it gets the model and the place."""
    seen = []

    def write(model, path):
        seen.append(model.config.network["backbone"])
        path.write_bytes(b"onnx")

    monkeypatch.setattr("awcu.inference.onnx.export", write)
    call(checkpoint, "--out", tmp_path / "model", "--onnx")
    assert seen == ["test_resnet"]
    assert (tmp_path / "model" / "model.onnx").read_bytes() == b"onnx"
    assert "model.onnx" in capsys.readouterr().out
    assert "`model.onnx`" in (tmp_path / "model" / "README.md").read_text()
    call(checkpoint, "--out", tmp_path / "model", "--overwrite")
    assert not (tmp_path / "model" / "model.onnx").exists()


def test_a_failure_leaves_nothing(call, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(SystemExit, match=r"^awcu: ONNX export needs onnxscript; .*awcu\[onnx\]"):
        call(checkpoint, "--out", tmp_path / "model", "--onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_is_pushed_is_the_folder(call, checkpoint, tmp_path, monkeypatch, capsys):
    pushed = []
    monkeypatch.setattr(pretrained, "upload", lambda *arguments: pushed.append(arguments) or "https://where")
    call(checkpoint, "--out", tmp_path / "model", "--push", "user/name", "--private")
    assert pushed == [(tmp_path / "model", "user/name", True)]
    printed = capsys.readouterr().out
    assert "https://where" in printed
    assert 'from_pretrained("user/name")' in printed
    assert 'from_pretrained("user/name")' in (tmp_path / "model" / "README.md").read_text()


def test_faults_end_in_one_line(call, checkpoint, tmp_path):
    with pytest.raises(SystemExit, match=r"^awcu: .*none is neither the folder of a finished run .* nor a \.ckpt"):
        call(tmp_path / "none", "--out", tmp_path / "model")
    with pytest.raises(SystemExit, match=r"^awcu: .*none\.ckpt is no model"):
        call(tmp_path / "none.ckpt", "--out", tmp_path / "model")
    (tmp_path / "model").mkdir()
    with pytest.raises(SystemExit, match=r"^awcu: .*model exists; name another folder"):
        call(checkpoint, "--out", tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_help_needs_no_torch():
    code = (
        "import sys; sys.argv = ['awcu', 'export', '--help']\nfrom awcu.commands.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "sys.exit(', '.join({'torch', 'numpy', 'huggingface_hub', 'omegaconf'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--onnx" in done.stdout


def test_sizes_are_listed(tmp_path):
    (tmp_path / "a").write_bytes(bytes(1_500))
    (tmp_path / "longer").write_bytes(bytes(2_340_000))
    assert [line.removeprefix(str(tmp_path)) for line in listing(tmp_path)] == [
        "/a          1.5 kB",
        "/longer     2.3 MB",
    ]


def test_the_function_is_as_good_as_the_command(checkpoint, tmp_path):
    export.export(checkpoint, tmp_path / "model", "model")
    assert (tmp_path / "model" / "config.json").is_file()


def test_reasons_need_the_runs_validation_photographs(call, finished, tmp_path, monkeypatch):
    """Of a set too small to say what is usual, nothing is said; of a larger one, the seen photographs are the run's."""
    folder, record = finished
    seen = []

    def usual_of(photographs, scores):
        seen.extend(photographs)
        return (Usual("noise", tuple(map(float, range(21))), None, None),)

    monkeypatch.setattr("awcu.inference.reasons.usual_of", usual_of)
    call(folder, "--out", tmp_path / "model", "--reasons")
    assert len(seen) == record.n["val"]
    assert seen[0].ndim == 3
    (one,) = AestheticModel.from_pretrained(tmp_path / "model", "cpu").config.reference.usual
    assert one.name == "noise"


def test_reasons_of_a_checkpoint_are_refused(finished, tmp_path):
    folder, _ = finished
    (checkpoint, *_) = folder.rglob("*.ckpt")
    with pytest.raises(ModelError, match=r"does not say which photographs it was validated on; give the run's folder"):
        export.export(checkpoint, tmp_path / "model", "model", reasons=True)

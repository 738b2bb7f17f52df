import math

import pytest

from awcu.commands.train import run
from awcu.errors import RecordError
from awcu.runs.history import FILE, read_history, write_history
from awcu.runs.record import RunRecord
from awcu.training.callbacks import EpochHistory

EPOCHS = [
    {"epoch": 1, "train/loss": 0.7000000000000001, "seconds": 2.5},
    {"epoch": 2, "train/loss": 0.5, "val/auroc": math.nan, "seconds": 2.0},
]


def test_every_bit_comes_back(tmp_path):
    write_history(EPOCHS, tmp_path / FILE)
    assert (tmp_path / FILE).read_text() == (
        "epoch,train/loss,seconds,val/auroc\n1,0.7000000000000001,2.5,\n2,0.5,2.0,nan\n"
    )
    assert read_history(tmp_path / FILE) == EPOCHS


def test_runs_from_before_it_was_kept_have_none(tmp_path):
    assert read_history(tmp_path / FILE) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ""),
        ("epoch,val/auroc\n1\n", r"is no list of epochs \(zip"),
        ("epoch,val/auroc\n1,high\n", r"is no list of epochs \(could not convert string to float: 'high'"),
        ("step,val/auroc\n1,0.5\n", r"is no list of epochs \('epoch'\); restore it, or remove it"),
        ("epoch,val/auroc\n1,0.5\n1,0.6\n", r"has the epochs \[1.0, 1.0\], which do not count up"),
    ],
    ids=["empty", "length", "number", "column", "doubled"],
)
def test_a_damaged_file_is_refused(tmp_path, text, says):
    (tmp_path / FILE).write_text(text)
    if not says:
        assert read_history(tmp_path / FILE) == []
        return
    with pytest.raises(RecordError, match=rf"history\.csv {says}"):
        read_history(tmp_path / FILE)


def test_a_run_leaves_what_it_logged(configured, tmp_path, capsys, one_thread, monkeypatch):
    """The last line's validation metrics are the record's; the loss is Lightning's own mean, and on the terminal."""
    logged = []

    def noting(history, trainer, pl_module, write=EpochHistory.on_train_epoch_end):
        logged.append(trainer.callback_metrics["train/loss"].item())
        write(history, trainer, pl_module)

    monkeypatch.setattr(EpochHistory, "on_train_epoch_end", noting)
    run(configured("trainer.checkpoint=last", "+trainer.accumulate_grad_batches=2"), tmp_path / "run")
    first, last = read_history(tmp_path / "run" / FILE)
    assert (first["epoch"], last["epoch"]) == (1, 2)
    metrics = RunRecord.load(tmp_path / "run" / "record.json").metrics
    expected = {key: value for key, value in metrics.items() if key.startswith("val/") and "trivial" not in key}
    assert {key: value for key, value in last.items() if key.startswith("val/")} == expected
    assert set(last) == {"epoch", "train/loss", "train/gradient_norm", "train/clipped", "seconds", *expected}
    assert [first["train/loss"], last["train/loss"]] == pytest.approx(logged, rel=1e-5)
    assert f"loss {last['train/loss']:.3f}" in capsys.readouterr().out.splitlines()[-1]
    assert last["seconds"] > 0


@pytest.mark.parametrize(("limit", "clipped"), [("1e-6", 1), ("1e6", 0), ("null", 0)])
def test_the_share_of_clipped_steps_is_told_and_the_norm_is_that_before(
    configured, tmp_path, one_thread, limit, clipped
):
    run(configured("trainer.max_epochs=1", f"trainer.gradient_clip_val={limit}"), tmp_path / "run")
    (line,) = read_history(tmp_path / "run" / FILE)
    assert line["train/clipped"] == clipped
    assert line["train/gradient_norm"] > 1e-3


def test_an_epoch_without_validation_repeats_none(configured, tmp_path, one_thread):
    run(configured("+trainer.check_val_every_n_epoch=2"), tmp_path / "run")
    first, last = read_history(tmp_path / "run" / FILE)
    assert "val/auroc" not in first
    assert "val/auroc" in last


def test_measuring_leaves_none(configured, tmp_path, one_thread):
    run(configured("trainer.max_epochs=1"), tmp_path / "run")
    run(configured("fit=false", f"ckpt_path={tmp_path}/run/checkpoints/last.ckpt"), tmp_path / "measured")
    assert not (tmp_path / "measured" / FILE).exists()

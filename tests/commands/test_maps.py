"""`awcu maps` and `awcu gallery`, and how a finished run comes back."""

import sys

import numpy as np
import pytest
from PIL import Image

from awcu.commands import main as cli
from awcu.commands.maps import load_run
from awcu.datasets.gallery import contact_sheet
from awcu.errors import TaskError
from awcu.runs.record import RunRecord


@pytest.fixture
def call(monkeypatch):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["awcu", *map(str, arguments)])
        cli.main()

    return call


def test_a_finished_run_comes_back_with_its_test_split(trained_run):
    record = RunRecord.load(trained_run / "record.json")
    model, test = load_run(trained_run)
    assert len(test) == record.n["test"]
    assert model.config.attribute_names == ("indoors", "outdoors")
    assert model.config.reference.n == record.n["val"]


def test_a_folder_without_a_finished_run_is_named(tmp_path):
    with pytest.raises(TaskError, match="holds no finished run"):
        load_run(tmp_path)


def test_maps_are_drawn_a_row_a_photograph_from_the_best_rated_on(call, trained_run, tmp_path, drawn, capsys):
    call("maps", trained_run, "--n", 2, "--out", tmp_path / "maps.png")
    (figure,) = drawn
    _, test = load_run(trained_run)
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    captions = [title for title in titles if "rated" in title]
    assert [float(caption.split()[1]) for caption in captions] == pytest.approx(
        [test.mean_score.max(), test.mean_score.min()], abs=0.005
    )
    assert capsys.readouterr().out == f"{tmp_path / 'maps.png'}\n"


def test_gallery_draws_the_contact_sheet_of_its_seed(call, tmp_path, capsys):
    call("gallery", "--n", 2, "--seed", 3, "--out", tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        np.testing.assert_array_equal(np.asarray(sheet), contact_sheet(3, range(2)))
    assert capsys.readouterr().out == f"{tmp_path / 'sheet.png'}\n"

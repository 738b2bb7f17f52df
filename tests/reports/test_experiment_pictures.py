"""Which photographs are shown, by whose models, and what is said where one or the other is missing."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from factories import scored_photographs as scored

from awcu.errors import ImageError, RecordError
from awcu.inference.predictor import AestheticModel
from awcu.reports.experiment_pictures import LONGEST, show
from awcu.reports.panels import panels
from awcu.runs.predictions import ScoredPhotographs
from awcu.runs.record import RunRecord
from awcu.tables.disagreement import disagreements

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def runs(experiment_runs, tmp_path):
    """Seed → folder and record of the uniform runs, for the test alone."""
    copied = {}
    for seed in (0, 1):
        folder = tmp_path / f"uniform_{seed}"
        shutil.copytree(experiment_runs / folder.name, folder)
        copied[seed] = folder, RunRecord.load(folder / "record.json")
    return copied


def test_the_ends_of_the_ranking_with_the_models_own_maps(runs, experiment_runs):
    said = {seed: ScoredPhotographs.read(folder / "predictions.csv", one) for seed, (folder, one) in runs.items()}
    expected = disagreements(said)
    shown = show("uniform", runs, 2)
    assert (shown.label, shown.tested, shown.least, shown.faults) == ("uniform", len(expected), 2, [])
    assert [one.of for one in shown.farthest] == expected[:2]
    assert [one.of for one in shown.nearest] == expected[:-3:-1]
    for one in (*shown.farthest, *shown.nearest):
        assert one.seed in one.of.seeds
        model = AestheticModel.from_pretrained(runs[one.seed][0])
        expected_panels = panels(model.explain(experiment_runs.parent / "images" / one.of.image_id), 1, None, LONGEST)
        pairs = zip(
            (one.photograph, *one.maps), (expected_panels[0], expected_panels[1], *expected_panels[3]), strict=True
        )
        for panel, other in pairs:
            assert (panel.title, panel.note) == (other.title, other.note)
            assert np.array_equal(panel.picture, other.picture)


def test_no_more_than_there_are_and_none_twice(runs):
    shown = show("uniform", runs, 50)
    names = [one.of.image_id for one in [*shown.farthest, *shown.nearest]]
    assert len(names) == len(set(names)) == shown.tested
    assert len(shown.farthest) - len(shown.nearest) in (0, 1)


def test_what_two_seeds_say_counts_more(runs, monkeypatch):
    """Where there are enough such photographs."""
    said = {0: scored("abcd", [4, 3, 2, 1], [1, 2, 4, 5]), 1: scored("bc", [2, 1], [2, 4])}
    monkeypatch.setattr(ScoredPhotographs, "read", lambda path, record: said[record.seed])
    for n, least, names in ((1, 2, ["b", "c"]), (2, 1, ["a", "d", "c", "b"])):
        shown = show("uniform", runs, n)
        assert shown.least == least
        assert sorted(one.of.image_id for one in [*shown.farthest, *shown.nearest]) == sorted(names)


def test_none_asked_for(runs):
    shown = show("uniform", runs, 0)
    assert (shown.farthest, shown.nearest, shown.faults) == ([], [], [])
    assert shown.tested


def test_without_a_checkpoint_the_photograph_alone(runs):
    for folder, record in runs.values():
        shutil.rmtree(folder / "checkpoints")
        # Or it would be found where it was before it was copied.
        replace(record, checkpoint="gone.ckpt").save(folder / "record.json")
    shown = show("uniform", runs, 1)
    (one,) = shown.farthest
    assert max(one.photograph.picture.shape) == LONGEST
    assert one.maps == ()
    assert re.fullmatch(
        r"No maps of seed 0: .* the checkpoint 'gone\.ckpt' of record\.json is not there.*", shown.faults[0]
    )
    assert len(shown.faults) == 1


@pytest.mark.parametrize("missing", ["data", "configuration"])
def test_without_the_photographs_their_names(runs, missing):
    path = runs[0][0] / ".hydra" / "config.yaml"
    if missing == "data":
        path.write_text(path.read_text().replace("  root: /", "  root: /nowhere/", 1))
    else:
        path.unlink()
    shown = show("uniform", runs, 1)
    assert [one.photograph for one in [*shown.farthest, *shown.nearest]] == [None, None]
    (fault,) = shown.faults
    assert fault.startswith("No photographs: ")


def test_a_photograph_that_cannot_be_read(runs, monkeypatch):
    def damaged(self, path):
        raise ImageError(f"{path}: zero bytes")

    monkeypatch.setattr(AestheticModel, "explain", damaged)
    shown = show("uniform", runs, 1)
    assert shown.farthest[0].photograph is None
    assert all(fault.startswith("A photograph cannot be read: ") for fault in shown.faults)


def test_without_predictions(runs):
    for folder, _ in runs.values():
        (folder / "predictions.csv").unlink()
    shown = show("uniform", runs, 1)
    assert shown.tested == 0
    assert shown.faults == ["No run of this row left a predictions.csv, so no photographs can be shown."]


def test_predictions_of_another_run_are_refused(runs):
    folder, record = runs[0]
    (folder / "predictions.csv").write_text("image_id,split,mean_score,high,score\na,test,4,1,-1\nb,test,1,0,2\n")
    with pytest.raises(RecordError, match="they are not of one run"):
        show("uniform", {0: (folder, record)}, 1)

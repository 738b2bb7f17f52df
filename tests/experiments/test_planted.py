"""What experiments/maps/planted computes itself: tolerance of a cell, crops anywhere, and its averages."""

import math
import types

import numpy as np
import pytest

from awcu.images.boxes import Box


@pytest.fixture(scope="module")
def measure(compared):
    from experiments.maps.planted import measure

    return measure


def test_a_map_touches_what_has_a_pixel_in_its_strongest_cell(measure):
    values = np.zeros((2, 3), np.float32)
    values[1, 2] = 1  # rows 4 to 7, columns 8 to 11
    mask = np.zeros((8, 12), bool)
    mask[:4] = mask[:, :8] = True
    assert measure.touches(values, mask) == 0
    mask[4, 11] = True
    assert measure.touches(values, mask) == 1


def test_what_a_crop_of_this_size_keeps_on_average_by_brute_force(measure):
    mask = np.random.default_rng(0).random((7, 9)) < 0.3
    box = Box(2, 1, 7, 5)
    places = [Box(x, y, x + 5, y + 4) for x in range(9 - 5 + 1) for y in range(7 - 4 + 1)]
    assert measure.kept_anywhere(box, mask) == pytest.approx(np.mean([measure.kept(one, mask) for one in places]))
    assert measure.kept_anywhere(Box(0, 0, 9, 7), mask) == pytest.approx(1)


def test_photographs_are_averaged_not_their_flaws(measure):
    rows = [
        {"photograph": "a", "kind": "smear", "score/fell": 1.0, "crop/removed": 0.5},
        {"photograph": "a", "kind": "cast", "score/fell": 0.0, "crop/removed": math.nan},
        {"photograph": "b", "kind": "smear", "score/fell": 1.0, "crop/removed": 0.1},
        {"photograph": "b", "kind": "cast", "score/fell": 1.0, "crop/removed": math.nan},
        {"photograph": "a", "kind": "dark", "score/fell": 0.0},
        {"photograph": "b", "kind": "dark", "score/fell": 1.0},
    ]
    lines = measure.summary(rows, ["smear", "cast", "dark"])
    found = {(line["kind"], line["method"], line["measure"]): tuple(line.values())[3:] for line in lines}
    assert found["local", "score", "fell"][:2] == (2, 0.75)
    # Two photographs: every other redraw is of one of them alone.
    assert found["local", "score", "fell"][2:] == (0.5, 1.0)
    assert found["smear", "crop", "removed"][:2] == (2, pytest.approx(0.3))
    assert found["local", "crop", "removed"][1] == pytest.approx(0.3)
    assert found["whole", "score", "fell"][1] == 0.5
    assert math.isnan(found["cast", "crop", "removed"][1])


def test_a_flaw_of_the_gallerys_own_lies_where_the_picture_changes(measure):
    intact, flaws = measure.own_flaws("g00003")
    assert flaws
    for flaw in flaws:
        changed = np.abs(flaw.photograph.astype(int) - intact).max(axis=2)
        assert changed[flaw.mask].mean() > 5 * changed[~flaw.mask].mean()


def test_only_the_gallery_has_flaws_of_its_own(measure, monkeypatch):
    monkeypatch.setattr(measure.measurement, "unseen", lambda *_: types.SimpleNamespace(name="OASIS beauty"))
    with pytest.raises(SystemExit, match="add data=gallery"):
        measure.chosen(None, ["data=oasis"], 1, 0, own=True)

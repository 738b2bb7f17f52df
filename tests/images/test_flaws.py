"""Planted flaws lie where their mask says, are as strong as stated, and are the same every time."""

import io
import os
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.special import ndtr

from awcu.errors import ImageError
from awcu.images.flaws import LOCAL, WHOLE, plant


def picture(height=120, width=160, seed=0):
    """Smooth colours under fine texture, so that every kind has something to change."""
    rng = np.random.default_rng(seed)
    smooth = cv2.resize(rng.uniform(40, 200, (4, 6, 3)), (width, height), interpolation=cv2.INTER_LINEAR)
    return (smooth + rng.normal(0, 25, smooth.shape)).clip(0, 255).astype(np.uint8)


def flat(level, side=120):
    return np.full((side, side, 3), level, np.uint8)


def depth(flaw):
    """Pixels to the rim of the mask."""
    return cv2.distanceTransform(np.pad(flaw.mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]


def core(flaw, share=0.45):
    """What lies deep inside the mask, where the edit has set in fully."""
    return depth(flaw) > share * depth(flaw).max()


def middle(flaw):
    return tuple(round(places.mean()) for places in np.nonzero(flaw.mask))


def change(photograph, flaw):
    return float(np.abs(flaw.photograph.astype(int) - photograph)[flaw.mask].mean())


def jpeg(photograph, quality):
    file = io.BytesIO()
    Image.fromarray(photograph).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@given(
    kind=st.sampled_from(LOCAL),
    seed=st.integers(0, 2**40),
    height=st.integers(32, 120),
    width=st.integers(32, 120),
    strength=st.sampled_from([0.3, 1.0]),
)
@settings(max_examples=120, deadline=None)
def test_a_local_flaw_lies_in_a_patch_of_4_to_15_percent(kind, seed, height, width, strength):
    photograph = picture(height, width)
    flaw = plant(photograph, kind, seed=seed, strength=strength)
    assert flaw.kind == kind
    assert flaw.photograph.dtype == np.uint8
    assert 0.04 <= flaw.mask.mean() <= 0.15
    np.testing.assert_array_equal(flaw.photograph[~flaw.mask], photograph[~flaw.mask])
    assert change(photograph, flaw) > 0
    assert cv2.connectedComponents(flaw.mask.astype(np.uint8))[0] == 2, "ground and one patch"


@pytest.mark.parametrize("kind", WHOLE)
def test_a_flaw_of_the_whole_frame(kind):
    photograph = picture()
    flaw = plant(photograph, kind, seed=1)
    assert flaw.mask.all()
    assert flaw.mask.shape == photograph.shape[:2]
    assert flaw.photograph.shape == photograph.shape
    assert change(photograph, flaw) > 5


@pytest.mark.parametrize("kind", LOCAL + WHOLE)
def test_the_photograph_itself_stays_as_it_is(kind):
    photograph = picture()
    photograph.flags.writeable = False
    kept = photograph.copy()
    flaw = plant(photograph, kind, seed=0)
    np.testing.assert_array_equal(photograph, kept)
    assert flaw.photograph.flags.writeable


def fingerprints():
    planted = [plant(picture(), kind, seed=7, strength=0.7) for kind in LOCAL + WHOLE]
    return [zlib.crc32(flaw.photograph.tobytes() + flaw.mask.tobytes()) for flaw in planted]


def test_the_same_bytes_in_every_call_and_process():
    code = "from test_flaws import fingerprints; print(fingerprints())"
    folders = os.pathsep.join([os.path.dirname(__file__), *sys.path])  # noqa: PTH120
    other = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": folders, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == str(fingerprints()) == str(fingerprints())


@pytest.mark.parametrize("kind", LOCAL)
def test_another_seed_is_another_place(kind):
    masks = {plant(picture(), kind, seed=seed).mask.tobytes() for seed in range(5)}
    assert len(masks) == 5


def test_patches_reach_every_part_of_the_frame():
    covered = sum(plant(picture(), "blotch", seed=seed).mask.astype(int) for seed in range(150))
    assert covered[18:-18, 24:-24].min() > 0


@pytest.mark.parametrize("kind", ["finger", "distraction"])
def test_what_enters_from_an_edge_touches_it(kind):
    touched = set()
    for seed in range(20):
        mask = plant(picture(), kind, seed=seed).mask
        edges = {"top": mask[0], "bottom": mask[-1], "left": mask[:, 0], "right": mask[:, -1]}
        found = {name for name, edge in edges.items() if edge.any()}
        assert found
        touched |= found
    assert len(touched) == 4


@pytest.mark.parametrize("kind", LOCAL + WHOLE)
def test_a_stronger_flaw_changes_more_in_the_same_place(kind):
    photograph = picture()
    flaws = [plant(photograph, kind, seed=3, strength=strength) for strength in (0.25, 0.5, 1.0)]
    assert all((flaw.mask == flaws[0].mask).all() for flaw in flaws)
    changes = [change(photograph, flaw) for flaw in flaws]
    assert changes == sorted(set(changes))


@pytest.mark.parametrize(
    ("kind", "level", "strength", "expected"),
    [
        # sRGB: level 188 is .5029 of the light, an eighth of which (3 EV less) is level 70.9.
        ("dark", 188, 1, 71),
        ("blotch", 188, 1, 71),
        # 1.5 EV less: .1778 → 117.3
        ("dark", 188, 0.5, 117),
        # 2.5 EV more than level 64, .0513 → .290 → 146.6
        ("bright", 64, 1, 147),
        ("bright", 0, 1, 0),
        ("bright", 200, 1, 255),
    ],
)
def test_exposure_in_ev(kind, level, strength, expected):
    flaw = plant(flat(level), kind, seed=0, strength=strength)
    assert np.unique(flaw.photograph[core(flaw)]).tolist() == [expected]


def test_a_highlight_adds_light():
    flaw = plant(flat(100), "highlight", seed=0)
    assert flaw.photograph[middle(flaw)].tolist() == [255] * 3
    # On black, a quarter of white's light is level 136.9.
    weak = plant(flat(0), "highlight", seed=0, strength=0.25)
    assert weak.photograph[middle(weak)].tolist() == [137] * 3


def test_a_cast_moves_two_channels_by_one_ev_each():
    flaw = plant(flat(128), "cast", seed=0)
    colours = np.unique(flaw.photograph[core(flaw)], axis=0)
    # Level 128 is .2159 of the light; twice that is level 175.6 and half of it 92.4.
    assert sorted(colours[0].tolist()) == [92, 128, 176]
    assert len(colours) == 1


@pytest.mark.parametrize(("kind", "sd"), [("noise", 30), ("grain", 22.5)])
def test_noise_of_the_standard_deviation_stated(kind, sd):
    flaw = plant(flat(128, side=400), kind, seed=0, strength=0.5)
    drawn = flaw.photograph[core(flaw, 0.5) if kind == "noise" else flaw.mask].astype(float)
    assert drawn.mean() == pytest.approx(128, abs=1)
    assert drawn.std() == pytest.approx(sd, rel=0.03)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.05, "channels are drawn by themselves"


@pytest.mark.parametrize(("strength", "quality"), [(1, 5), (0.5, 50)])
def test_compression_is_that_of_jpeg(strength, quality):
    photograph = picture()
    truth = jpeg(photograph, quality)
    np.testing.assert_array_equal(plant(photograph, "compression", seed=0, strength=strength).photograph, truth)
    flaw = plant(photograph, "blocks", seed=0, strength=strength)
    np.testing.assert_array_equal(flaw.photograph[core(flaw)], truth[core(flaw)])


def test_blur_is_gaussian_with_a_share_of_the_side():
    step = flat(0, side=200)
    step[:, 100:] = 200
    blurred = plant(step, "blur", seed=0, strength=0.8).photograph[100, :, 0]
    np.testing.assert_allclose(blurred, 200 * ndtr((np.arange(200) - 99.5) / (0.8 * 0.025 * 200)), atol=2)


def test_a_smear_draws_out_along_a_line():
    dots = flat(0, side=240)
    dots[20::40, 20::40] = 255
    flaws = (plant(dots, "smear", seed=seed) for seed in range(20))
    flaw, (y, x) = next((one, at) for one in flaws for at in np.argwhere(dots[..., 0]) if depth(one)[*at] > 18)
    drawn = np.argwhere(flaw.photograph[y - 20 : y + 20, x - 20 : x + 20, 0])
    assert len(drawn) > 15
    # The line is as long as 12 % of 240 pixels.
    assert np.linalg.norm(np.ptp(drawn, axis=0)) == pytest.approx(28, abs=2)
    across, along = np.linalg.eigvalsh(np.cov(drawn.T))
    assert across < 0.02 * along


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_tilt_in_degrees(strength):
    horizon = flat(0, side=201)
    horizon[100:] = 255
    signs = set()
    for seed in range(6):
        tilted = plant(horizon, "tilt", seed=seed, strength=strength).photograph[..., 0]
        left, right = ((tilted[:, column] < 128).sum() for column in (20, 180))
        angle = np.degrees(np.arctan2(float(left) - float(right), 160))
        assert abs(angle) == pytest.approx(12 * strength, abs=0.4)
        signs.add(np.sign(angle))
    assert signs == {-1, 1}


@pytest.mark.parametrize("kind", ["highlight", "blotch"])
def test_a_place_where_nothing_would_show_is_given_up(kind):
    photograph = flat(255 if kind == "highlight" else 0)
    photograph[:, :70] = 128
    for seed in range(30):
        flaw = plant(photograph, kind, seed=seed)
        shown = np.abs(flaw.photograph.astype(int) - photograph).max(axis=2)[flaw.mask] >= 8
        assert shown.mean() >= 0.5


def test_a_photograph_where_nothing_shows_anywhere():
    flaw = plant(flat(255), "highlight", seed=0)
    np.testing.assert_array_equal(flaw.photograph, flat(255))
    assert 0.04 <= flaw.mask.mean() <= 0.15


@pytest.mark.parametrize("long", [(40, 400), (400, 40)])
@pytest.mark.parametrize("kind", LOCAL + WHOLE)
def test_a_long_frame(kind, long):
    assert plant(picture(*long), kind, seed=0).photograph.shape == (*long, 3)


@pytest.mark.parametrize(
    ("photograph", "arguments", "message"),
    [
        (picture(), {"kind": "hilight"}, "'hilight' is no kind of flaw; nearest: highlight"),
        (picture(), {"kind": "xyz"}, "'xyz' is no kind of flaw; nearest: smear, .*tilt"),
        (picture().astype(float), {}, r"shape \(120, 160, 3\) and type float64.*decode it first"),
        (picture()[..., 0], {}, r"shape \(120, 160\)"),
        (np.zeros((40, 40, 4), np.uint8), {}, r"shape \(40, 40, 4\)"),
        (picture(31, 60), {}, "60×31 pixels, a side below 32"),
        (picture(), {"strength": 0}, "strength=0: give a number above 0"),
        (picture(), {"strength": 1.1}, "strength=1.1"),
        (picture(), {"strength": float("nan")}, "strength=nan"),
        (picture(), {"seed": -1}, "seed=-1: give an integer"),
    ],
)
def test_what_cannot_be_planted(photograph, arguments, message):
    with pytest.raises(ImageError, match=message):
        plant(photograph, **({"kind": "blotch", "seed": 0} | arguments))

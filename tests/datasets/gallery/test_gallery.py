import hashlib
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from awcu.datasets import gallery
from awcu.datasets.gallery import cache
from awcu.datasets.gallery.plan import STYLE_COUNTS, VISIBLE_MEAN, VISIBLE_SHARE, Plan
from awcu.datasets.gallery.rater_model import rating_probabilities
from awcu.datasets.gallery.sample import AREA_WORTH, best_crop
from awcu.datasets.gallery.styles import luminance

SMALL = 96
SCALE = np.arange(1, 11)


@pytest.fixture(scope="module")
def plans():
    return [gallery.draw_plan(0, index) for index in range(5000)]


def with_only(plan, scene, styles=(), causes=(), subject_x=0.5):
    """The plan with a scene, styles and full-strength causes of one's own choice."""
    return replace(
        plan,
        scene=scene,
        styles=frozenset(styles),
        causes=dict.fromkeys(causes, 1.0),
        subject_x=subject_x,
        aspect=(3, 2),
    )


def painted(scene, styles=(), causes=(), index=3, subject_x=0.5):
    plan = with_only(gallery.draw_plan(1, index), scene, styles, causes, subject_x)
    return gallery.render_plan(plan, SMALL)


def grey(sample):
    return luminance(sample.image.astype(np.float32) / 255)


def mask_of(sample, style):
    return sample.style_masks[gallery.STYLES.index(style)]


def visible(folder):
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")]


def digest(seed, index):
    sample = gallery.render(seed, index, SMALL)
    parts = (sample.image, sample.votes, sample.cause_map, sample.style_masks, np.array(sample.crop))
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def test_same_bytes_in_any_order_and_in_another_process():
    forwards = [digest(5, index) for index in range(4)]
    backwards = [digest(5, index) for index in reversed(range(4))]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == 4
    assert digest(6, 0) != forwards[0]
    here = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {here!r}); from test_gallery import digest; print(digest(5, 2))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == forwards[2]


def test_label_statistics_are_those_of_ava(plans):
    votes = np.stack([plan.votes for plan in plans])
    count = votes.sum(1)
    mean = votes @ SCALE / count
    within = np.sqrt(votes @ SCALE**2 / count - mean**2)
    assert mean.mean() == pytest.approx(5.38, abs=0.06)
    assert mean.std() == pytest.approx(0.73, rel=0.05)
    assert within.mean() == pytest.approx(1.43, rel=0.03)
    assert count.min() >= 80
    assert count.max() <= 549
    assert count.mean() == pytest.approx(210, rel=0.03)
    assert (mean > 5).mean() == pytest.approx(0.71, abs=0.03)
    assert (np.abs(mean - 5) < 1).mean() == pytest.approx(0.77, abs=0.03)


def test_visible_share_of_the_latent_quality(plans):
    visible = np.array([plan.visible_quality for plan in plans])
    quality = np.array([plan.quality for plan in plans])
    assert visible.mean() == pytest.approx(VISIBLE_MEAN, abs=0.05)
    assert visible.var() / quality.var() == pytest.approx(VISIBLE_SHARE, abs=0.05)


def test_styles_come_at_the_rates_of_ava(plans):
    rates = np.mean([[style in plan.styles for style in gallery.STYLES] for plan in plans], axis=0)
    np.testing.assert_allclose(rates / (np.array(STYLE_COUNTS) / 2809), 1, atol=0.3)
    assert {plan.scene for plan in plans} == {"landscape", "water", "street", "night", "still_life", "flower", "bust"}
    assert {plan.aspect for plan in plans} == {(3, 2), (1, 1), (2, 3)}


def test_rating_probabilities_by_hand():
    # Quality 5.5 between two ratings: symmetric, and half the raters say 6 or more.
    shares = rating_probabilities(5.5, 1.4)
    assert shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares, shares[::-1])
    assert shares[5:].sum() == pytest.approx(0.5)
    # All of a rater sure of 9 within half a point: almost all say 9.
    assert rating_probabilities(9.0, 0.1)[8] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("plan", [gallery.draw_plan(2, index) for index in range(12)], ids=lambda plan: plan.scene)
def test_every_sample_is_consistent(plan: Plan):
    sample = gallery.render_plan(plan, SMALL)
    high, wide = sample.image.shape[:2]
    assert min(high, wide) == SMALL
    assert wide * plan.aspect[1] == high * plan.aspect[0]
    assert sample.image.dtype == np.uint8
    assert sample.image.std() > 15
    assert sample.cause_map.sum() == pytest.approx(sample.visible_quality, abs=1e-4)
    assert sample.quality == pytest.approx(5.38 + sample.visible_quality - VISIBLE_MEAN + sample.context)
    np.testing.assert_array_equal(sample.style_masks.any(axis=(1, 2)), sample.attributes == 1)
    x0, y0, x1, y1 = sample.crop
    assert 0 <= x0 < x1 <= wide
    assert 0 <= y0 < y1 <= high
    assert (x1 - x0) / (y1 - y0) == pytest.approx(wide / high, rel=0.05)


STYLE_SCENES = {
    "Light_On_White": "still_life", "Long_Exposure": "night", "Macro": "flower", "Motion_Blur": "street",
    "Shallow_DOF": "street", "Silhouettes": "landscape", "Vanishing_Point": "street",
}  # fmt: skip


@pytest.mark.parametrize("style", gallery.STYLES)
def test_a_style_changes_the_picture_where_its_mask_is(style):
    scene = STYLE_SCENES.get(style, "landscape")
    off_centre = 1 / 3 if style == "Rule_of_Thirds" else 0.5
    plain, styled = painted(scene), painted(scene, [style], subject_x=off_centre)
    mask = mask_of(styled, style)
    assert mask.any()
    assert styled.attributes.tolist() == [int(name == style) for name in gallery.STYLES]
    change = np.abs(styled.image.astype(int) - plain.image).mean(-1)
    assert change[mask].mean() > 5


def test_negative_is_the_inverse():
    plain, negative = painted("water"), painted("water", ["Negative_Image"])
    np.testing.assert_allclose(negative.image.astype(int), 255 - plain.image.astype(int), atol=1)


def test_grain_adds_fine_detail():
    plain, grained = painted("bust"), painted("bust", ["Image_Grain"])
    fine = [np.std(grey(sample) - cv2.GaussianBlur(grey(sample), (0, 0), 1.5)) for sample in (plain, grained)]
    assert fine[1] > 2 * fine[0]


def test_shallow_depth_of_field_blurs_the_background_and_keeps_the_subject():
    plain, shallow = painted("street"), painted("street", ["Shallow_DOF"])
    mask = cv2.erode(mask_of(shallow, "Shallow_DOF").astype(np.uint8), np.ones((7, 7))) > 0
    detail = [np.abs(cv2.Laplacian(grey(sample), cv2.CV_32F)) for sample in (plain, shallow)]
    assert detail[1][mask].mean() < 0.4 * detail[0][mask].mean()
    assert detail[1][mask].mean() < 0.4 * detail[1][~mask].mean()


def test_duotone_has_one_line_of_colours_and_complementary_has_two_opposite_hues():
    colours = painted("flower", ["Duotones"]).image.reshape(-1, 3).astype(float)
    share = np.linalg.svd(colours - colours.mean(0), compute_uv=False) ** 2
    assert share[0] / share.sum() > 0.98
    pair = painted("flower", ["Complementary_Colors", "Macro"])
    macro = mask_of(pair, "Macro")
    chroma = pair.image / 255.0 - pair.image.mean(-1, keepdims=True) / 255
    inside, outside = chroma[macro].mean(0), chroma[~macro].mean(0)
    assert inside @ outside / np.linalg.norm(inside) / np.linalg.norm(outside) < -0.7


def test_light_on_white_and_silhouettes():
    white = painted("still_life", ["Light_On_White"])
    assert np.median(grey(white)[mask_of(white, "Light_On_White")]) > 0.9
    dark = painted("water", ["Silhouettes"])
    mask = cv2.erode(mask_of(dark, "Silhouettes").astype(np.uint8), np.ones((3, 3))) > 0
    assert grey(dark)[mask].mean() < 0.2


@pytest.mark.parametrize("flaw", ["highlight", "edge_object", "smear", "finger"])
@pytest.mark.parametrize("scene", ["landscape", "bust"])
def test_a_flaw_lies_where_the_picture_really_changed(flaw, scene):
    clean, spoilt = painted(scene), painted(scene, causes=[flaw])
    region = spoilt.cause_map < 0.3 * spoilt.cause_map.min()
    change = np.abs(spoilt.image.astype(int) - clean.image).mean(-1)
    assert (spoilt.cause_map <= 0).all()
    assert region.mean() > 0.01
    assert change[region].mean() > 8
    assert change[spoilt.cause_map == 0].mean() < 0.25 * change[region].mean()


@pytest.mark.parametrize("cause", ["light", "harmony", "rim"])
def test_a_good_cause_is_positive_and_changes_the_picture(cause):
    clean, better = painted("water"), painted("water", causes=[cause])
    assert better.cause_map.min() >= 0
    assert better.visible_quality == pytest.approx(gallery.CAUSES[cause].weight)
    change = np.abs(better.image.astype(int) - clean.image).mean(-1)
    weight = better.cause_map / better.cause_map.sum()
    assert (change * weight).sum() > 6


def test_a_tilt_is_negative_along_the_horizon_and_is_no_reason_to_crop():
    tilted = painted("water", causes=["tilt"])
    rows = np.nonzero(tilted.cause_map < 0.5 * tilted.cause_map.min())[0]
    assert 0.25 < rows.mean() / SMALL < 0.75
    assert tilted.crop == (0, 0, SMALL * 3 // 2, SMALL)


def test_the_subject_stands_where_the_plan_says():
    for x in (1 / 3, 2 / 3):
        columns = np.nonzero(mask_of(painted("water", ["Rule_of_Thirds"], subject_x=x), "Rule_of_Thirds"))[1]
        assert columns.mean() / (SMALL * 1.5) == pytest.approx(x, abs=0.05)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_crop_cuts_an_edge_flaw_away(index):
    sample = painted("landscape", causes=["edge_object"], index=index)
    x0, y0, x1, y1 = sample.crop
    assert sample.crop != (0, 0, SMALL * 3 // 2, SMALL)
    assert sample.cause_map[y0:y1, x0:x1].sum() > 0.1 * sample.cause_map.sum()


def test_best_crop_by_hand():
    assert best_crop(np.zeros((40, 60), np.float32)) == (0, 0, 60, 40)
    flawed = np.zeros((40, 60), np.float32)
    flawed[:, 51:] = -0.5 / (40 * 9)
    # 15 % off the right: .85 x 60 = 51 columns, 34 rows; worth .8 x .7225 = .578 against .3 for the whole.
    x0, y0, x1, y1 = best_crop(flawed)
    assert (x0, x1, y1 - y0) == (0, 51, 34)
    assert AREA_WORTH == 0.8
    slight = flawed * 0.1
    assert best_crop(slight) == (0, 0, 60, 40)


def test_read_renders_once_and_keeps_the_truth(tmp_path, monkeypatch, capsys):
    ratings = gallery.read(tmp_path, n=6, seed=3, short_side=SMALL)
    assert "6 pictures" in capsys.readouterr().err
    assert ratings.votes.shape == (6, 10)
    assert ratings.attribute_names == gallery.STYLES
    assert visible(tmp_path) == ["format1-seed3-n6-96px"]
    known, sample = gallery.truth(ratings, "g00002"), gallery.render(3, 2, SMALL)
    assert known.crop == sample.crop
    assert known.scene == sample.scene
    assert (known.quality, known.context) == (sample.quality, sample.context)
    np.testing.assert_array_equal(known.style_masks, sample.style_masks)
    np.testing.assert_allclose(known.cause_map, sample.cause_map, rtol=2e-3, atol=1e-8)
    picture = cv2.imread(str(ratings.image_paths[2]))[..., ::-1]
    assert np.abs(picture.astype(int) - sample.image).mean() < 8
    np.testing.assert_array_equal(ratings.votes[2], sample.votes)

    monkeypatch.setattr(cache, "render", lambda *_: pytest.fail("rendered a second time"))
    again = gallery.read(tmp_path, n=6, seed=3, short_side=SMALL)
    assert again.fingerprint == ratings.fingerprint
    other_split = gallery.read(tmp_path, n=6, seed=3, short_side=SMALL, split_seed=1, val=0.0, test=0.5)
    assert other_split.fingerprint == ratings.fingerprint


def test_worker_processes_write_the_same_gallery(tmp_path, monkeypatch):
    alone = gallery.read(tmp_path / "alone", n=4, short_side=64)
    monkeypatch.setattr(cache, "FEW", 1)
    monkeypatch.setattr(cache, "worker_count", lambda: 2)
    together = gallery.read(tmp_path / "together", n=4, short_side=64)
    assert together.fingerprint == alone.fingerprint
    for mine, theirs in zip(alone.image_paths, together.image_paths, strict=True):
        assert Path(str(mine)).read_bytes() == Path(str(theirs)).read_bytes()


def test_an_interrupted_rendering_leaves_nothing(tmp_path, monkeypatch):
    whole = cache.render

    def interrupted(seed, index, short_side):
        if index == 2:
            raise KeyboardInterrupt
        return whole(seed, index, short_side)

    monkeypatch.setattr(cache, "render", interrupted)
    with pytest.raises(KeyboardInterrupt):
        gallery.read(tmp_path, n=4, short_side=64)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_leftovers_of_a_killed_process_are_not_taken_for_a_gallery_and_go(tmp_path):
    left = tmp_path / ".format1-seed0-n2-64px.partial" / "images"
    left.mkdir(parents=True)
    (left / "other.jpg").touch()
    assert len(gallery.read(tmp_path, n=2, short_side=64)) == 2
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["format1-seed0-n2-64px"]
    assert not list(tmp_path.rglob("other.jpg"))


def test_a_second_run_waits_for_the_pictures_of_the_first(tmp_path, monkeypatch):
    """Two threads stand for two processes; the first is held up until the second has long begun."""
    whole, painted, second_began, found = cache.render, [], threading.Event(), {}

    def slowly(seed, index, short_side):
        assert second_began.wait(60)
        time.sleep(0.1)
        painted.append(index)
        return whole(seed, index, short_side)

    monkeypatch.setattr(cache, "render", slowly)
    one = threading.Thread(target=lambda: found.update(one=gallery.read(tmp_path, n=3, short_side=64)))
    one.start()
    while not any(path.is_dir() for path in tmp_path.iterdir()):
        time.sleep(0.01)
    second_began.set()
    found["two"] = gallery.read(tmp_path, n=3, short_side=64)
    one.join()
    assert painted == [0, 1, 2]
    assert found["one"].fingerprint == found["two"].fingerprint


def test_a_folder_that_cannot_appear_is_an_error(tmp_path):
    folder = tmp_path / "gallery"
    with pytest.raises(OSError, match="gallery"), cache._appearing(folder):
        folder.touch()
    assert list(tmp_path.iterdir()) == [folder]


def test_errors_say_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="index -1: both must be 0 or more"):
        gallery.render(0, -1)
    with pytest.raises(ValueError, match="short_side 32: pictures need at least 64 pixels"):
        gallery.render(0, 0, 32)
    with pytest.raises(ValueError, match="n 0: a gallery has at least 1 picture"):
        gallery.read(tmp_path, n=0)
    with pytest.raises(ValueError, match="0 pictures in 6 columns"):
        gallery.contact_sheet(0, [])
    ratings = gallery.read(tmp_path, n=1, short_side=64)
    with pytest.raises(KeyError, match="'g9' is not in gallery; use one of its image_ids"):
        gallery.truth(ratings, "g9")
    with pytest.raises(FileNotFoundError, match="only gallery pictures have a known truth"):
        gallery.truth(tmp_path, "g00000")
    (tmp_path / "format1-seed0-n1-64px" / "votes.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"votes.csv is missing.*delete it and read again"):
        gallery.read(tmp_path, n=1, short_side=64)


def test_contact_sheet_lays_pictures_out():
    sheet = gallery.contact_sheet(0, [0, 1, 2], columns=2, short_side=64)
    assert sheet.shape == (2 * 104, 2 * 104, 3)
    assert (sheet[104:, 104:] == gallery.MOUNT).all()
    assert sheet[:104, :104].std() > 10

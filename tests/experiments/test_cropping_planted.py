"""What experiments/cropping/planted computes itself: true crops, what is fitted, and its averages."""

import numpy as np
import pytest
import torch
from experiments.cropping.planted import choose, judge, learn
from PIL import Image

from awcu.images.boxes import Box
from awcu.inference.predictor import AestheticModel
from awcu.models.pretrained import BUNDLED


def crops(choose, **known):
    """Of two photographs, the first to be cut: the whole frame, two crops, and those of AesAM and smartcrop."""
    given = {
        "names": np.array(["a", "b"]),
        "cut": np.array([True, False]),
        "area": np.tile([1.0, 0.72, 0.49, 1.0, 0.9], (2, 1)),
        "overlap": np.array([[0.5, 0.9, 0.3, 0.5, 0.6], [1, 0.72, 0.49, 1, 0.9]]),
        "removed": np.array([[0, 1, 0.2, 0, 0.4], [np.nan] * 5]),
    }
    rest = {name: np.zeros((2, 5)) for name in ("rise", "gain", "contrast", "salient", "flawed")}
    return choose.Crops(**(given | rest | {"worths": {}, "left_out": {}, "flaws_out": {}} | known))


def test_the_largest_crop_without_a_flaw_by_hand():
    mask = np.zeros((48, 96), bool)
    assert judge.largest_without(mask) == Box(0, 0, 96, 48)
    mask[:, :20] = True
    left, top, right, bottom = judge.largest_without(mask)
    # 76 columns are free, 79 with a trace, in steps of 2 %.
    assert right == 96
    assert 18 <= left <= 22
    assert bottom - top == pytest.approx((right - left) / 2, abs=1)
    mask[:] = True
    assert judge.largest_without(mask) == Box(0, 0, 96, 48)


def test_the_crops_that_are_judged_begin_with_the_whole_and_the_largest():
    boxes = judge.crops_of((100, 200), (0.8, 0.5), 3)
    assert len(boxes) == 19
    assert boxes[0].tolist() == [0, 0, 200, 100]
    assert boxes[5].tolist() == [20, 10, 180, 90]  # the middle of the larger ones
    assert boxes[-1].tolist() == [100, 50, 200, 100]


def test_a_crop_is_taken_where_it_gains_more_than_its_size_must():
    known = crops(choose, gain=np.array([[0, 0.7, 2.2, 9, 9], [0, 0.25, 0.1, 9, 9]]))
    point, found = choose.measured(lambda one: choose.offset(one, one.gain), known, known)
    # The most cautious of those that take the good crop of the first photograph and leave the second whole.
    assert point == (0.6, np.inf)
    assert found["iou"][:2] == (2, pytest.approx(0.95))
    assert found["gained"][1] == pytest.approx(0.2)
    assert found["gone"][:2] == (1, 1)
    assert found["left_whole"][:2] == (1, 1)
    assert found["kept"][1] == pytest.approx(0.72)


def test_what_is_fitted_is_fitted_to_the_validation_photographs():
    val = crops(choose, gain=np.array([[0, 0.7, 0, 0, 0], [0, 0.25, 0, 0, 0]]))
    test = crops(choose, gain=np.array([[0, 0.55, 0, 0, 0], [0, 0.65, 0, 0, 0]]))
    _, found = choose.measured(lambda one: choose.offset(one, one.gain), val, test)
    assert found["val"][1] == pytest.approx(0.95)
    assert found["iou"][1] == pytest.approx((0.5 + 0.72) / 2)


def test_a_crop_that_scores_lower_than_the_frame_may_be_the_best_of_its_size():
    known = crops(
        choose,
        area=np.tile([1.0, 0.72, 0.72, 0.49, 1.0, 0.9], (2, 1)),
        gain=np.array([[0, -1, -2, -3, 9, 9], [0, -1.5, -1.5, -3, 9, 9]]),
    )
    np.testing.assert_allclose(choose.among_its_size(known)[:, :-2], [[0, 0.5, -0.5, 0], [0, 0, 0, 0]])


def test_the_photograph_is_left_whole_where_no_crop_is_without_its_lowest_places():
    out = np.array([[0, 1, 0.97, 0, 0], [0, 0.3, 0.2, 0, 0]])
    known = crops(choose, left_out=dict.fromkeys(choose.DEPTHS, out))
    values = dict(choose.lowest(known))[choose.DEPTHS[0],]
    assert choose.taken(known, values).tolist() == [1, 0]


def test_a_flaw_map_learns_from_masks_of_training_photographs_alone():
    rng = np.random.default_rng(0)

    def sample(learned=True):
        mask = np.zeros((4, 6), bool)
        mask[:, :2] = True
        features = rng.normal(size=(3, 4, 6))
        features[0] = mask if learned else 1 - mask
        return {"features": features, "mask": mask}

    train, val = [sample() for _ in range(8)], [sample(), sample()]
    (held_out, _), (found, other) = choose.flaw_maps(train, val, [sample(), sample(learned=False)])
    for one in (held_out, found):
        assert one[:, :2].min() > one[:, 2:].max()
    # Its own mask has taught nothing.
    assert other[:, :2].max() < other[:, 2:].min()


def test_a_head_needs_training_photographs():
    with pytest.raises(SystemExit, match=r"no training photographs were judged.*judge\.py --train 400"):
        choose.ridge({"train": (np.zeros((0, 3)), np.zeros(0)), "samples": []})


def test_two_samples_of_a_photograph_count_as_one():
    n, mean, low, high = choose.by_photograph(np.array(["a", "a", "b"]), np.array([0.0, 1.0, 1.0]))
    assert (n, mean) == (2, 0.75)
    assert (low, high) == (0.5, 1.0)


def test_the_ridge_head_is_scikit_learns():
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    features, ratings = rng.normal(size=(30, 4)), rng.normal(size=30)
    val = [
        {"split": "val", "kind": "", "pooled": rng.normal(size=(2, 4)), "score": float(score)}
        for score in rng.normal(size=9)
    ]
    head = choose.ridge({"train": (features, ratings), "samples": val})
    expected = [linear_model.Ridge(alpha=alpha).fit(features, ratings) for alpha in choose.PENALTIES]
    assert any(np.allclose(head.weight, one.coef_) and np.isclose(head.bias, one.intercept_) for one in expected)


def test_a_crop_has_the_frames_score_less_what_of_the_flaw_it_holds():
    frames, inside = torch.tensor([[3.0, 2.0], [3.0, 2.9], [1.0, 1.5]]), torch.tensor([0.0, 0.5, 1.0])
    # A flaw costs what it cost, but half a rating point at least.
    expected = torch.tensor([[3, 2, 3, 3], [3, 2.5, 3, 2.75], [1, 0.5, 1, 0.5]])
    torch.testing.assert_close(learn.targets(frames, inside), expected)


def test_crops_to_learn_from_have_the_frames_aspect_and_know_what_they_hold():
    random = np.random.default_rng(0)
    photograph = random.integers(256, size=(96, 128, 3), dtype=np.uint8)
    drawn = [learn.shown(photograph, random) for _ in range(40)]
    for one in drawn:
        intact, flawed, crop, flawed_crop = one.images
        assert (intact == photograph).all()
        assert flawed.shape == photograph.shape
        assert (flawed != photograph).any()
        for part in (crop, flawed_crop):
            assert part.shape[1] / part.shape[0] == pytest.approx(4 / 3, abs=0.03)
            assert 0.6 <= part.shape[0] / 96 <= 1
    assert min(one.inside for one in drawn) == 0
    assert max(one.inside for one in drawn) == 1


def test_learning_moves_the_upper_blocks_and_the_head_alone(tmp_path):
    random = np.random.default_rng(0)
    paths = [str(tmp_path / f"{name}.png") for name in "ab"]
    for path in paths:
        Image.fromarray(random.integers(256, size=(96, 128, 3), dtype=np.uint8)).save(path)
    model = AestheticModel.from_pretrained(BUNDLED)
    before = {name: value.clone() for name, value in model.net.state_dict().items()}
    learn.learn(model, paths, batch=2, seed=0)
    moved = {name for name, value in model.net.state_dict().items() if not torch.equal(value, before[name])}
    assert "aesthetic_head.weight" in moved
    assert {name.split(".")[2] for name in moved if name.startswith("backbone.blocks")} == {"5", "6"}
    assert not any("running" in name for name in moved)

"""Photographs are prepared as their description says."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from awcu.errors import ImageError
from awcu.images.decoding import decode
from awcu.images.transforms import Preparation

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def picture(height=40, width=60, seed=0):
    """Smooth colours without symmetry."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def prepare(pixels, aspect="warp", size=32, seed=0, **options):
    return Preparation(size, aspect, MEAN, STD, **options)(pixels, seed=seed)


def normalized(pixels):
    """`(3, h, w)` of `(h, w, 3)` in [0, 255], by hand."""
    return torch.from_numpy(((pixels / 255 - MEAN) / STD).transpose(2, 0, 1)).float()


def test_a_read_only_photograph_of_the_size_wanted():
    pixels = picture(32, 32)
    pixels.flags.writeable = False
    kept = pixels.copy()
    torch.testing.assert_close(prepare(pixels), normalized(pixels), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(pixels, kept)


@pytest.mark.parametrize("aspect", ["warp", "letterbox", "crop"])
@pytest.mark.parametrize(("height", "width"), [(40, 60), (60, 40), (32, 32), (10, 15), (301, 7)])
@pytest.mark.parametrize("random_crop", [False, True])
def test_a_square_of_the_size_asked_for(aspect, height, width, random_crop):
    prepared = prepare(picture(height, width), aspect, size=33, random_crop=random_crop, flip=True, color=True)
    assert prepared.shape == (3, 33, 33)
    assert prepared.dtype == torch.float32


@pytest.mark.parametrize(("height", "width"), [(40, 60), (60, 40), (100, 100)])
def test_warp_is_an_area_average_of_the_whole_frame(height, width):
    expected = cv2.resize(picture(height, width), (32, 32), interpolation=cv2.INTER_AREA)
    torch.testing.assert_close(prepare(picture(height, width)), normalized(expected), atol=1e-5, rtol=1e-5)


def test_normalisation_by_hand():
    prepared = prepare(np.full((8, 8, 3), (255, 0, 51), dtype=np.uint8))
    for channel, value in enumerate([(1 - 0.5) / 0.2, -0.4 / 0.25, (0.2 - 0.3) / 0.3]):
        assert prepared[channel].unique().tolist() == pytest.approx([value], abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(40, 60), (60, 40)])
def test_letterbox_keeps_the_proportions_and_pads_with_the_mean(height, width):
    """3:2 at 30 pixels is 30×20: five rows or columns of padding on each side."""
    prepared = prepare(picture(height, width), "letterbox", size=30)
    if height > width:
        prepared = prepared.transpose(1, 2)
    # The mean is rounded to one of 256 levels.
    level = 0.5 / 255 / min(STD)
    for padding in (prepared[:, :5], prepared[:, 25:]):
        assert padding.abs().max() <= level
    inside = cv2.resize(picture(height, width), (30, 20) if width > height else (20, 30), interpolation=cv2.INTER_AREA)
    expected = normalized(inside) if width > height else normalized(inside).transpose(1, 2)
    torch.testing.assert_close(prepared[:, 5:25], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(40, 60), (60, 40)])
def test_crop_keeps_the_proportions_and_cuts_the_long_side(height, width):
    """3:2 at 20 pixels is 30×20, of which the middle 20×20 is kept."""
    fitted = cv2.resize(picture(height, width), (30, 20) if width > height else (20, 30), interpolation=cv2.INTER_AREA)
    middle = normalized(fitted[:, 5:25] if width > height else fitted[5:25])
    torch.testing.assert_close(prepare(picture(height, width), "crop", size=20), middle, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("aspect", ["warp", "letterbox", "crop", "keep"])
def test_flip_mirrors_half_of_the_photographs_exactly(aspect):
    plain = prepare(picture(), aspect)
    flips = 0
    for seed in range(40):
        prepared = prepare(picture(), aspect, seed=seed, flip=True)
        mirrored = torch.equal(prepared, plain.flip(2))
        assert mirrored or torch.equal(prepared, plain)
        flips += mirrored
    # Binomial: outside with a probability below 1 in 5,000.
    assert 8 <= flips <= 32


@pytest.mark.parametrize("aspect", ["warp", "letterbox", "crop", "keep"])
def test_a_mirrored_photograph_is_known_by_its_seed(aspect):
    settings = {"size": 64, "aspect": aspect, "mean": [0.5] * 3, "std": [0.5] * 3}
    plain = Preparation(**settings).seen(picture())
    flipping = Preparation(**settings, flip=True)
    for seed in range(20):
        expected = plain[:, ::-1] if flipping.mirrors(seed) else plain
        np.testing.assert_array_equal(flipping.seen(picture(), seed=seed), expected)
    assert not any(Preparation(**settings).mirrors(seed) for seed in range(20))


@pytest.mark.parametrize("aspect", ["warp", "letterbox", "crop", "keep"])
def test_without_augmentation_the_seed_is_no_matter(aspect):
    assert torch.equal(prepare(picture(), aspect, seed=1), prepare(picture(), aspect, seed=2))


@pytest.mark.parametrize("augmentation", ["random_crop", "color"])
def test_augmentation_depends_on_the_seed_alone(augmentation):
    first, again, other = (prepare(picture(), seed=seed, **{augmentation: True}) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, prepare(picture()))


def test_color_changes_light_a_little_and_nothing_else():
    grey = np.full((32, 32, 3), 128, dtype=np.uint8)
    for seed in range(10):
        prepared = prepare(grey, seed=seed, color=True)
        levels = prepared * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
        assert levels.amax() - levels.amin() < 2 / 255
        assert abs(levels.mean().item() - 128 / 255) < 0.12


def test_an_unknown_aspect_is_refused():
    with pytest.raises(ImageError, match=r"images\.aspect='stretch' is none of warp, letterbox, crop, keep"):
        Preparation(32, "stretch", MEAN, STD)


def test_a_frame_that_would_fill_the_memory_is_refused():
    with pytest.raises(ImageError, match=r"images\.size=2049 is above 2048 pixels; choose a smaller one"):
        Preparation(2049, "warp", MEAN, STD)


class TestKeep:
    @pytest.mark.parametrize(
        ("size", "height", "width", "frame"),
        [
            # By hand: 224 √(2/3) = 182.9 and 224 √(3/2) = 274.3 pixels are 5.7 and 8.6 cells of 32.
            (224, 400, 600, (192, 288)),
            (224, 600, 400, (288, 192)),
            (224, 3000, 4000, (192, 256)),
            (224, 1080, 1920, (160, 288)),
            (224, 50, 50, (224, 224)),
            (224, 100, 400, (128, 448)),
            (32, 100, 400, (32, 64)),
        ],
    )
    def test_frame_is_the_photograph_s_rounded_to_cells(self, size, height, width, frame):
        kept = Preparation(size, "keep", MEAN, STD)
        assert kept.frame(height, width) == frame
        assert kept(picture(height, width)).shape == (3, *frame)

    def test_the_whole_frame_is_seen(self):
        expected = cv2.resize(picture(400, 600), (288, 192), interpolation=cv2.INTER_AREA)
        torch.testing.assert_close(prepare(picture(400, 600), "keep", 224), normalized(expected), atol=1e-5, rtol=1e-5)

    def test_augmented_it_has_the_frame_asked_for(self):
        for options in ({"flip": True}, {"random_crop": True, "color": True}):
            kept = Preparation(224, "keep", MEAN, STD, **options)
            assert kept(picture(300, 400)).shape == (3, 192, 256)
            assert kept(picture(300, 400), (96, 160), seed=1).shape == (3, 96, 160)

    def test_a_photograph_smaller_than_a_cell_is_refused(self):
        with pytest.raises(ImageError, match=r"60×31 pixels, a side shorter than one cell of 32: .* use a larger copy"):
            Preparation(64, "keep", MEAN, STD).frame(31, 60)

    def test_a_proportion_beyond_four_is_refused(self):
        with pytest.raises(ImageError, match=r"401×100 pixels, one side more than 4 times .*; crop it, or train with"):
            Preparation(64, "keep", MEAN, STD).frame(100, 401)


@pytest.mark.parametrize("size", [(1, 1), (100, 1), (1, 100), (3, 2)])
@pytest.mark.parametrize("aspect", ["warp", "letterbox", "crop"])
def test_the_smallest_and_longest_photographs_are_prepared(tmp_path, size, aspect):
    Image.new("RGB", size, (255, 0, 51)).save(tmp_path / "a.png")
    prepared = prepare(decode(tmp_path / "a.png", 32), aspect)
    assert prepared.shape == (3, 32, 32)
    # The middle is the photograph, whatever is around it.
    assert prepared[:, 15, 15].tolist() == pytest.approx([2.5, -1.6, -1 / 3], abs=1e-5)

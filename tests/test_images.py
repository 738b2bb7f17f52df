"""Photographs are decoded whole or refused, and prepared as their description says."""

import os
import struct
import zlib

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from awcu import images
from awcu.images import ImageError, decode, preparation, unreadable

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
EXIF_ORIENTATION = 0x0112


def picture(height=40, width=60, seed=0):
    """Smooth colours, so that JPEG keeps them nearly, and no symmetry."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_that_declares(width, height):
    """A few hundred bytes that call themselves an 8-bit grey picture of any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_rgb_comes_back_as_written(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.png")
    decoded = decode(tmp_path / "a.png")
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, picture())


def test_jpeg_comes_back_nearly_as_written(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.jpg", quality=98, subsampling=0)
    assert np.abs(decode(str(tmp_path / "a.jpg")).astype(int) - picture()).mean() < 2


@pytest.mark.parametrize(
    ("image", "options", "expected"),
    [
        (Image.new("L", (5, 4), 77), {}, (77, 77, 77)),
        (Image.new("1", (5, 4), 1), {}, (255, 255, 255)),
        (Image.new("LA", (5, 4), (77, 9)), {}, (77, 77, 77)),
        (Image.new("RGBA", (5, 4), (10, 20, 30, 128)), {}, (10, 20, 30)),
        (Image.new("RGB", (5, 4), (10, 20, 30)).quantize(4), {}, (10, 20, 30)),
        (Image.new("RGB", (5, 4), (10, 20, 30)).quantize(4), {"transparency": bytes([128, 0, 255])}, (10, 20, 30)),
        (Image.new("RGB", (5, 4), (10, 20, 30)).quantize(4), {"transparency": 0}, (10, 20, 30)),
        # 16 bits a pixel: 0x8040 is half of white.
        (Image.fromarray(np.full((4, 5), 0x8040, dtype=np.uint16)), {}, (128, 128, 128)),
    ],
    ids=["grey", "black and white", "grey alpha", "alpha", "palette", "palette alpha", "palette key", "16-bit grey"],
)
def test_every_kind_of_png_becomes_rgb(tmp_path, image, options, expected):
    image.save(tmp_path / "a.png", **options)
    np.testing.assert_array_equal(decode(tmp_path / "a.png"), np.full((4, 5, 3), expected))


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [("L", 77, (77, 77, 77)), ("CMYK", (0, 255, 255, 0), (255, 0, 0)), ("CMYK", (255, 255, 0, 0), (0, 0, 255))],
)
def test_every_kind_of_jpeg_becomes_rgb(tmp_path, mode, color, expected):
    Image.new(mode, (16, 8), color).save(tmp_path / "a.jpg", quality=98)
    decoded = decode(tmp_path / "a.jpg").astype(int)
    assert decoded.shape == (8, 16, 3)
    assert np.abs(decoded - expected).max() <= 4


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda p: p),
        (2, np.fliplr),
        (3, lambda p: np.rot90(p, 2)),
        (6, lambda p: np.rot90(p, -1)),
        (8, np.rot90),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_exif_orientation_is_turned_upright(tmp_path, orientation, turn, suffix):
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    Image.fromarray(picture()).save(tmp_path / f"a.{suffix}", exif=exif, quality=98)
    upright = turn(picture()).astype(int)
    decoded = decode(tmp_path / f"a.{suffix}")
    assert decoded.shape == upright.shape
    assert np.abs(decoded - upright).mean() < 3


def jpeg(folder):
    Image.fromarray(picture(120, 160)).save(folder / "whole.jpg", quality=95)
    return (folder / "whole.jpg").read_bytes()


def png(folder):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(folder / "whole.png")
    return (folder / "whole.png").read_bytes()


@pytest.mark.parametrize("whole", [jpeg, png])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_file_cut_short_is_never_returned_half_grey(tmp_path, whole, share):
    data = whole(tmp_path)
    (tmp_path / "a.jpg").write_bytes(data[: int(share * len(data))])
    with pytest.raises(ImageError, match=r"a\.jpg: damaged or cut short \(.+\); fetch the photograph again"):
        decode(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"a\.jpg: no such file; check the image folder"),
        (b"", r"a\.jpg: zero bytes; fetch the photograph again"),
        (b"<html>404 Not Found</html>", r"a\.jpg: not an image in a format Pillow reads"),
        (b"\xff\xd8\xff", r"a\.jpg: (not an image|damaged)"),
        (png_that_declares(20_000, 20_000), r"a\.jpg: declares 20000×20000 pixels, more than 200,000,000; shrink it"),
        (png_that_declares(9_500, 9_500), r"a\.jpg: damaged or cut short"),
    ],
    ids=["missing", "empty", "text", "first bytes", "400 megapixels", "90 megapixels cut short"],
)
def test_what_is_no_photograph_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=message):
        decode(tmp_path / "a.jpg")


def test_the_limit_is_on_pixels_not_sides(tmp_path, monkeypatch):
    Image.fromarray(picture(40, 60)).save(tmp_path / "a.png")
    monkeypatch.setattr(images, "MAX_PIXELS", 2400)
    assert decode(tmp_path / "a.png").shape == (40, 60, 3)
    monkeypatch.setattr(images, "MAX_PIXELS", 2399)
    with pytest.raises(ImageError, match="declares 60×40 pixels, more than 2,399"):
        decode(tmp_path / "a.png")


def test_an_image_error_is_an_os_error():
    with pytest.raises(OSError, match="no such file"):
        decode("nowhere.jpg")


def test_unreadable_lists_every_fault(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "good.png")
    (tmp_path / "cut.jpg").write_bytes(jpeg(tmp_path)[:900])
    (tmp_path / "empty.jpg").touch()
    names = ["good.png", "cut.jpg", "whole.jpg", "empty.jpg", "missing.jpg", "good.png"]
    faults = unreadable([str(tmp_path / name) for name in names])
    assert list(faults) == [1, 3, 4]
    for row, reason in {1: "cut short", 3: "zero bytes", 4: "no such file"}.items():
        assert names[row] in faults[row]
        assert reason in faults[row]


def test_unreadable_looks_again_at_a_file_that_changed(tmp_path):
    path = tmp_path / "a.jpg"
    whole = jpeg(tmp_path)
    for content, faulty in ((whole, False), (whole[:900], True), (whole, False)):
        path.write_bytes(content)
        assert bool(unreadable([str(path)])) == faulty
    # The same length, damaged: only the time of change tells.
    path.write_bytes(bytes(len(whole)))
    os.utime(path, ns=(1, 1))
    assert list(unreadable(np.array([str(path)]))) == [0]
    path.unlink()
    assert list(unreadable([str(path)])) == [0]


def test_unreadable_decodes_an_unchanged_file_once(tmp_path, monkeypatch):
    Image.fromarray(picture()).save(tmp_path / "a.png")
    path = str(tmp_path / "a.png")
    decoded = []
    monkeypatch.setattr(images, "decode", decoded.append)
    assert unreadable([path]) == {}
    assert unreadable([path]) == {}
    assert decoded == [path]


def prepare(pixels, aspect="warp", size=32, seed=0, **options):
    compose = preparation(size, aspect, MEAN, STD, **options)
    compose.set_random_seed(seed)
    return compose(image=pixels)["image"]


def normalized(pixels):
    """`(3, h, w)` of `(h, w, 3)` in [0, 255], by hand."""
    return torch.from_numpy(((pixels / 255 - MEAN) / STD).transpose(2, 0, 1)).float()


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


@pytest.mark.parametrize("aspect", ["warp", "letterbox", "crop"])
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


@pytest.mark.parametrize("aspect", ["warp", "letterbox", "crop"])
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
    with pytest.raises(ImageError, match=r"images\.aspect='stretch' is none of warp, letterbox, crop"):
        preparation(32, "stretch", MEAN, STD)

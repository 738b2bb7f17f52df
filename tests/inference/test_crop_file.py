"""A crop is the photograph's own pixels in the photograph's own kind of file."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from awcu.images.boxes import Box
from awcu.images.decoding import upright
from awcu.inference.crop_file import cut

BOX = Box(3, 5, 23, 35)  # of the upright 40×60
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
UPRIGHT = np.rot90(PIXELS, -1)
CUT = (slice(5, 35), slice(3, 23))
Tag = ExifTags.Base


def exif():
    """As a camera held on its side writes it."""
    written = Image.Exif()
    written[Tag.Orientation] = 6
    written[Tag.Make] = "a maker"
    written[ExifTags.IFD.Exif] = {
        Tag.DateTimeOriginal: "2020:02:03 04:05:06",
        Tag.ExifImageWidth: 60,
        Tag.ExifImageHeight: 40,
    }
    written[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N"}
    return written.tobytes()


def cropped(path, **options):
    content, ending = cut(upright(path), BOX, **options)
    with Image.open(io.BytesIO(content)) as crop:
        crop.load()
        return crop, ending


@pytest.mark.parametrize(
    ("kind", "mode", "ending"),
    [
        *(("PNG", "RGB", ".png"), ("PNG", "RGBA", ".png"), ("PNG", "P", ".png"), ("PNG", "1", ".png")),
        *(("TIFF", "RGB", ".tif"), ("TIFF", "CMYK", ".tif"), ("TIFF", "L", ".tif")),
    ],
)
def test_lossless_kinds_keep_every_pixel(tmp_path, kind, mode, ending):
    image = Image.fromarray(PIXELS).convert(mode)
    image.save(tmp_path / "a", kind, exif=exif())
    crop, found = cropped(tmp_path / "a")
    assert (crop.format, crop.mode, found) == (kind, mode, ending)
    expected = image.transpose(Image.Transpose.ROTATE_270).crop(BOX).convert("RGBA")
    np.testing.assert_array_equal(np.asarray(crop.convert("RGBA")), np.asarray(expected))


def test_16_bits_stay_16(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 65536, (60, 40), dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    crop, _ = cropped(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(crop), pixels[CUT])


@pytest.mark.parametrize(
    ("kind", "mode", "written", "ending"),
    [
        *(("JPEG", "RGB", "JPEG", ".jpg"), ("JPEG", "L", "JPEG", ".jpg"), ("JPEG", "CMYK", "JPEG", ".jpg")),
        *(("MPO", "RGB", "JPEG", ".jpg"), ("WEBP", "RGB", "WEBP", ".webp"), ("AVIF", "RGB", "AVIF", ".avif")),
        *(("BMP", "RGB", "BMP", ".bmp"), ("GIF", "P", "PNG", ".png"), ("JPEG2000", "RGB", "PNG", ".png")),
    ],
)
def test_every_kind_stays_what_it_is_or_becomes_png(tmp_path, kind, mode, written, ending):
    smooth = Image.fromarray(PIXELS[:4, :6]).resize((40, 60)).convert(mode)
    smooth.save(tmp_path / "a", kind, quality=100)
    crop, found = cropped(tmp_path / "a", quality=98)
    assert (crop.format, crop.mode, found) == (written, mode, ending)
    assert crop.size == (20, 30)
    expected = np.asarray(smooth.convert("RGB"))[CUT].astype(int)
    assert np.abs(np.asarray(crop.convert("RGB")) - expected).mean() < 5


def test_inks_become_colours_where_png_knows_none(tmp_path):
    image = Image.new("CMYK", (40, 60), (0, 255, 255, 0))
    image.format = "PSD"
    content, ending = cut(image, BOX)
    with Image.open(io.BytesIO(content)) as crop:
        assert (ending, crop.mode, crop.getpixel((0, 0))) == (".png", "RGB", (255, 0, 0))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_camera_data_and_profile_stay_but_for_orientation(tmp_path, kind):
    Image.fromarray(PIXELS).save(tmp_path / "a", kind, exif=exif(), icc_profile=b"a profile")
    content, _ = cut(upright(tmp_path / "a"), BOX)
    with Image.open(io.BytesIO(content)) as crop:
        found = crop.getexif()
        assert found.get(Tag.Orientation, 1) == 1
        assert found[Tag.Make] == "a maker"
        assert found.get_ifd(ExifTags.IFD.Exif) == {
            Tag.DateTimeOriginal: "2020:02:03 04:05:06",
            Tag.ExifImageWidth: 20,
            Tag.ExifImageHeight: 30,
        }
        assert found.get_ifd(ExifTags.IFD.GPSInfo) == {ExifTags.GPS.GPSLatitudeRef: "N"}
        assert crop.info["icc_profile"] == b"a profile"
        assert crop.size == (20, 30)


def test_the_thumbnail_of_the_whole_is_left_out(tmp_path):
    thumbnail = b"\xff\xd8 the whole photograph, small \xff\xd9"
    plain = Image.Exif()
    plain[Tag.Make] = "a maker"
    # Behind the first directory, of one entry: 10 bytes of header, 2, 12, then where the next directory is.
    first = plain.tobytes()
    second = b"\0\1" + b"\x02\x01\0\4\0\0\0\1" + (99).to_bytes(4, "big") + b"\0\0\0\0"
    tiff = bytearray(first[6:])
    assert tiff[:2] in (b"MM", b"II")
    order = "big" if tiff[:2] == b"MM" else "little"
    if order == "little":
        second = b"\1\0" + b"\x01\x02\4\0\1\0\0\0" + (99).to_bytes(4, "little") + b"\0\0\0\0"
    tiff[22:26] = len(tiff).to_bytes(4, order)
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + bytes(tiff) + second + thumbnail)
    assert thumbnail in (tmp_path / "a.jpg").read_bytes()
    content, _ = cut(upright(tmp_path / "a.jpg"), BOX)
    assert thumbnail not in content
    with Image.open(io.BytesIO(content)) as crop:
        assert dict(crop.getexif()) == {Tag.Make: "a maker"}


def test_camera_data_that_cannot_be_written_costs_no_crop(tmp_path):
    image = Image.fromarray(PIXELS)
    image.format = "JPEG"
    image.getexif()[Tag.Make] = object()
    content, _ = cut(image, Box(0, 0, 20, 30))
    with Image.open(io.BytesIO(content)) as crop:
        assert dict(crop.getexif()) == {}


def test_an_error_of_ours_is_not_taken_for_garbled_camera_data(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=exif())
    with pytest.raises(AttributeError, match="width"):
        cut(upright(tmp_path / "a.jpg"), tuple(BOX))


def test_garbled_camera_data_cost_no_crop(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=exif())
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole.replace(b"MM\0*", b"XX\0*").replace(b"II*\0", b"XX*\0"))
    content, _ = cut(upright(tmp_path / "a.jpg"), Box(3, 5, 23, 35))
    with Image.open(io.BytesIO(content)) as crop:
        assert (crop.size, dict(crop.getexif())) == ((20, 30), {})


def test_camera_data_too_large_for_a_jpeg_is_left_out():
    image = Image.fromarray(PIXELS)
    image.format = "JPEG"
    image.getexif()[Tag.ImageDescription] = "x" * 70_000
    content, _ = cut(image, Box(0, 0, 20, 30))
    with Image.open(io.BytesIO(content)) as crop:
        assert dict(crop.getexif()) == {}


@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_a_jpeg_keeps_how_coarse_its_colours_are(tmp_path, sampling):
    from PIL import JpegImagePlugin

    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", subsampling=sampling)
    crop, _ = cropped(tmp_path / "a.jpg")
    assert JpegImagePlugin.get_sampling(crop) == sampling


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_quality_is_what_was_asked_for(tmp_path, kind):
    Image.fromarray(PIXELS).save(tmp_path / "a", kind)
    sizes = [len(cut(upright(tmp_path / "a"), BOX, quality)[0]) for quality in (20, 60, 95)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3
    assert len(cut(upright(tmp_path / "a"), BOX)[0]) == sizes[2]

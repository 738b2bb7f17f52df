"""Photographs are decoded whole or refused."""

import base64
import io
import os
import struct
import subprocess
import sys
import time
import zlib
from contextlib import suppress

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, features

from awcu.errors import ImageError
from awcu.images import decoding as images
from awcu.images.decoding import (
    Encoded,
    declared_size,
    decode,
    decode_bytes,
    read_bytes,
    suffixes,
    unreadable,
    upright,
    upright_size,
)

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
        # On white: 255 − 178 · 51/255, and so on.
        (Image.new("LA", (5, 4), (77, 51)), {}, (219, 219, 219)),
        (Image.new("RGBA", (5, 4), (10, 20, 30, 51)), {}, (206, 208, 210)),
        (Image.new("RGBA", (5, 4), (10, 20, 30, 0)), {}, (255, 255, 255)),
        (Image.new("RGBA", (5, 4), (10, 20, 30, 255)), {}, (10, 20, 30)),
        (Image.new("RGB", (5, 4), (10, 20, 30)).quantize(4), {}, (10, 20, 30)),
        (Image.new("RGB", (5, 4), (10, 20, 30)).quantize(4), {"transparency": bytes([51, 0, 255])}, (206, 208, 210)),
        (Image.new("RGB", (5, 4), (10, 20, 30)).quantize(4), {"transparency": 0}, (255, 255, 255)),
        # 16 bits a pixel: 0x8040 is half of white.
        (Image.fromarray(np.full((4, 5), 0x8040, dtype=np.uint16)), {}, (128, 128, 128)),
    ],
    ids=[
        *("grey", "black and white", "grey alpha", "alpha", "clear", "opaque"),
        *("palette", "palette alpha", "palette key", "16-bit grey"),
    ],
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


def png_of_16_bits(colour_type, *levels):
    """5×4 pixels of the given levels in 0..65535."""
    row = b"\0" + struct.pack(f">{len(levels)}H", *levels) * 5
    header = struct.pack(">IIBBBBB", 5, 4, 16, colour_type, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * 4)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (png_of_16_bits(0, 0x8040), (128, 128, 128)),
        (png_of_16_bits(2, 0x8040, 0x4020, 0xC0FF), (128, 64, 192)),
        # A fifth of half-grey on white, and of three colours.
        (png_of_16_bits(4, 0x8040, 0x3333), (230, 230, 230)),
        (png_of_16_bits(6, 0x8040, 0x4020, 0xC0FF, 0x3333), (230, 217, 242)),
    ],
    ids=["grey", "colour", "grey alpha", "colour alpha"],
)
def test_16_bits_become_8(tmp_path, content, expected):
    (tmp_path / "a").write_bytes(content)
    decoded = decode(tmp_path / "a").astype(int)
    assert decoded.shape == (4, 5, 3)
    assert np.abs(decoded - expected).max() <= 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO", "AVIF"])
def test_of_several_pictures_the_first_counts(tmp_path, kind):
    first, second = Image.new("RGB", (16, 8), (200, 0, 0)), Image.new("RGB", (16, 8), (0, 200, 0))
    # Named as another kind: only the content counts.
    first.save(tmp_path / "a.jpg", kind, save_all=True, append_images=[second])
    decoded = decode(tmp_path / "a.jpg").astype(int)
    assert decoded.shape == (8, 16, 3)
    assert np.abs(decoded - (200, 0, 0)).max() <= 4


# 16×8, red beside blue, of 581 bytes.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAb1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAAAA"
    "AERAAAIAAQAAAAAB4QABAAAAAAAAAEAAAgAAAAACIQABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZl"
    "AgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH/"
    "/wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xy"
    "bmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAEAAAAAEAAAAIAAAAAf///9AAAAAC////yAAAAAIAAAAQcGl4aQAAAAAD"
    "CAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAGmlyZWYAAAAAAAAADmNkc2MAAgABAAEAAABsbWRhdAAAADwoAa8JyGfGGiOYlv94//sfITZ2"
    "P+isVxVx9zBp92vLtQBePiXV64nd85XePFJiIupL93LVLsDjJldr2mwAAAAGRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA="
)


def test_heic_as_telephones_write_it(tmp_path):
    pytest.importorskip("pi_heif")
    (tmp_path / "a.heic").write_bytes(HEIC)
    decoded = decode(tmp_path / "a.heic").astype(int)
    assert decoded.shape == (8, 16, 3)
    # HEIC turns by a box of its own; its EXIF, which here says a quarter turn, does not count.
    assert np.abs(decoded[1:7, 1:6] - (200, 30, 40)).max() <= 25
    assert np.abs(decoded[1:7, 10:15] - (20, 40, 220)).max() <= 25
    assert {".heic", ".heif"} <= suffixes()


def test_avif_is_turned_upright(tmp_path):
    assert features.check("avif")
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    Image.fromarray(picture()).save(tmp_path / "a.avif", exif=exif, quality=95, subsampling="4:4:4")
    assert np.abs(decode(tmp_path / "a.avif").astype(int) - np.rot90(picture(), -1)).mean() < 4


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK"])
def test_a_turned_tiff_is_not_garbled(tmp_path, mode):
    """Pillow 13 maps a file that it opens by name into memory, and reads it with the sides exchanged."""
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    plain = Image.fromarray(picture()).convert(mode)
    plain.save(tmp_path / "plain.tif")
    plain.save(tmp_path / "turned.tif", exif=exif)
    np.testing.assert_array_equal(decode(tmp_path / "turned.tif"), np.rot90(decode(tmp_path / "plain.tif"), -1))


def test_a_garbled_exif_costs_no_photograph(tmp_path, recwarn):
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    exif[0x010E] = "a description"
    Image.fromarray(picture()).save(tmp_path / "a.jpg", exif=exif, quality=98)
    whole = (tmp_path / "a.jpg").read_bytes()
    # Byte order mark of the directory.
    (tmp_path / "a.jpg").write_bytes(whole.replace(b"MM\0*", b"XX\0*").replace(b"II*\0", b"XX*\0"))
    assert np.abs(decode(tmp_path / "a.jpg").astype(int) - picture()).mean() < 3


class TestRemarksOnExif:
    """What Pillow says of a tag that the file is too short for; in processes without pytest's filters."""

    CODE = """
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from PIL import Image
from awcu.images.decoding import decode

print(decode(sys.argv[1]).shape)
for start in ("fork", "spawn"):
    with ProcessPoolExecutor(1, get_context(start)) as pool:
        print(pool.submit(decode, sys.argv[1]).result().shape)
"""

    def said(self, tmp_path, code, *options):
        head = struct.pack("<2sHLH", b"II", 42, 8, 2)
        cut = struct.pack("<HHLL", 0x010E, 2, 200, 9000)
        turned = struct.pack("<HHLHH", EXIF_ORIENTATION, 3, 1, 6, 0)
        exif = b"Exif\0\0" + head + cut + turned + bytes(4)
        Image.fromarray(picture(40, 60)).save(tmp_path / "a.jpg", exif=exif)
        command = [sys.executable, *options, "-c", code, str(tmp_path / "a.jpg")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout.splitlines(), done.stderr

    def test_are_hidden_in_workers_too(self, tmp_path):
        assert self.said(tmp_path, self.CODE) == (["(60, 40, 3)"] * 3, "")

    def test_are_shown_to_who_asks(self, tmp_path):
        _, said = self.said(tmp_path, self.CODE, "-W", "always::UserWarning")
        assert said.count("UserWarning: Tag data larger than file. Skipping tag 270") == 3

    def test_on_sizes_stay_the_host_processs(self, tmp_path):
        code = "import sys; from PIL import Image; import awcu.images.decoding\n"
        code += "Image.MAX_IMAGE_PIXELS = 2399; Image.open(sys.argv[1]).close()"
        assert "DecompressionBombWarning" in self.said(tmp_path, code)[1]


def test_upright_keeps_colours_depth_and_profile(tmp_path):
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 8
    cmyk = Image.fromarray(picture()).convert("CMYK")
    cmyk.save(tmp_path / "a.jpg", exif=exif, icc_profile=b"a profile")
    image = upright(tmp_path / "a.jpg")
    assert (image.mode, image.size, image.format) == ("CMYK", (40, 60), "JPEG")
    assert image.info["icc_profile"] == b"a profile"
    Image.fromarray(np.full((4, 5), 0x8040, dtype=np.uint16)).save(tmp_path / "a.png")
    assert np.asarray(upright(tmp_path / "a.png"))[0, 0] == 0x8040


@pytest.mark.parametrize(("at_least", "shape"), [(60, (75, 100, 3)), (80, (150, 200, 3)), (601, (600, 800, 3))])
def test_a_jpeg_is_decoded_small_where_that_is_enough(tmp_path, at_least, shape):
    Image.fromarray(picture(600, 800)).save(tmp_path / "a.jpg")
    assert decode(tmp_path / "a.jpg", at_least).shape == shape


def test_a_photograph_in_memory_is_the_one_on_disk(tmp_path):
    """Turned, so that what the file declares differs from what is shown."""
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    Image.fromarray(picture()).save(tmp_path / "a.png", exif=exif)
    held = Encoded((tmp_path / "a.png").read_bytes(), "a.png")
    np.testing.assert_array_equal(np.asarray(upright(held)), decode(tmp_path / "a.png"))
    assert upright(held).format == "PNG"
    assert declared_size(held) == (60, 40)


@pytest.mark.parametrize(("data", "says"), [(b"", "a.png: zero bytes"), (b"words", "a.png: not an image in a format")])
@pytest.mark.parametrize("read", [upright, declared_size])
def test_what_is_no_photograph_in_memory_is_refused_by_its_name(read, data, says):
    with pytest.raises(ImageError, match=says):
        read(Encoded(data, "a.png"))


def test_suffixes_are_of_what_is_read():
    assert {".jpg", ".jpeg", ".png", ".tif", ".webp", ".gif", ".bmp", ".avif", ".mpo"} <= suffixes()
    assert {".jp2", ".j2k"} <= suffixes()
    # Pillow reads these, some by Ghostscript or in Python: seconds for every megapixel.
    assert not {".pdf", ".eps", ".ico", ".icns", ".dds", ".qoi", ".fits", ".ppm", ".psd", ".tga"} & suffixes()


@pytest.mark.parametrize("kind", ["ICO", "ICNS", "DDS", "QOI", "PPM", "TGA", "PCX", "SGI", "MSP", "XBM", "EPS"])
def test_other_formats_are_refused_whatever_their_name(tmp_path, kind):
    colours = Image.fromarray(picture(32, 32)).convert("1" if kind in ("MSP", "XBM") else "RGB")
    colours.save(tmp_path / "a.jpg", kind)
    with pytest.raises(
        ImageError, match=r"a\.jpg: not an image in a format that is read here \(JPEG, PNG, .*JPEG 2000\)"
    ):
        decode(tmp_path / "a.jpg")


def test_a_jpeg_2000_comes_back_as_written(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.jp2", irreversible=False)
    np.testing.assert_array_equal(decode(tmp_path / "a.jp2"), picture())


def encoded(kind, **options):
    file = io.BytesIO()
    Image.fromarray(picture(24, 32)).save(file, kind, **options)
    return file.getvalue()


WHOLE = [
    *(encoded("JPEG"), encoded("JPEG", progressive=True), encoded("PNG"), encoded("GIF"), encoded("WEBP")),
    *(encoded("TIFF"), encoded("BMP")),
]


@st.composite
def damaged(draw):
    """A photograph of some kind with a few bytes changed, taken out or added, perhaps cut short."""
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, min(len(data) - 1, draw(st.sampled_from([40, 200, 5000])))))
        data[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(data[: draw(st.integers(1, len(data)))] if draw(st.booleans()) else data)


@pytest.mark.filterwarnings("ignore:::PIL")
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=damaged() | st.binary(max_size=200))
def test_damaged_bytes_are_a_photograph_or_an_error(tmp_path, monkeypatch, data):
    monkeypatch.setattr(images, "MAX_PIXELS", 1_000_000)
    (tmp_path / "a.jpg").write_bytes(data)
    decoded = None
    # Anything else that is raised fails the test.
    with suppress(ImageError):
        decoded = decode(tmp_path / "a.jpg", 16)
    if decoded is not None:
        assert decoded.dtype == np.uint8
        assert decoded.ndim == 3
        assert decoded.shape[2] == 3
        assert decoded.size


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
        (b"<html>404 Not Found</html>", r"a\.jpg: not an image in a format that is read here"),
        (b"\xff\xd8\xff", r"a\.jpg: (not an image|damaged)"),
        (png_that_declares(20_000, 20_000), r"a\.jpg: declares 20000×20000 pixels, more than 200,000,000; shrink it"),
        (png_that_declares(9_500, 9_500), r"a\.jpg: damaged or cut short"),
        (png_that_declares(50_000, 50_000), r"a\.jpg: declares 50000×50000 pixels, more than"),
        (png_that_declares(30_000, 2), r"a\.jpg: declares 30000×2 pixels, one side more than 100 times the other; cut"),
        (png_that_declares(2, 201), r"a\.jpg: declares 2×201 pixels, one side"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", r"a\.jpg: not an image in a format"),
    ],
    ids=[
        *("missing", "empty", "text", "first bytes", "400 megapixels", "90 megapixels cut short"),
        *("2,500 megapixels", "thread", "upright thread", "EPS"),
    ],
)
def test_what_is_no_photograph_is_refused(tmp_path, monkeypatch, content, message):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=message):
        decode(tmp_path / "a.jpg")


def test_a_folder_is_no_photograph(tmp_path):
    with pytest.raises(ImageError, match=r"Is a directory;"):
        decode(tmp_path)


def test_floating_point_pixels_are_refused(tmp_path):
    Image.fromarray(np.full((4, 5), 0.5, dtype=np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=r"a\.tif: floating-point pixels"):
        decode(tmp_path / "a.tif")


def test_the_limit_is_on_pixels_not_sides(tmp_path, monkeypatch):
    Image.fromarray(picture(40, 60)).save(tmp_path / "a.png")
    monkeypatch.setattr(images, "MAX_PIXELS", 2400)
    assert decode(tmp_path / "a.png").shape == (40, 60, 3)
    monkeypatch.setattr(images, "MAX_PIXELS", 2399)
    with pytest.raises(ImageError, match="declares 60×40 pixels, more than 2,399"):
        decode(tmp_path / "a.png")


def test_pillows_own_limit_stays_the_host_processs(tmp_path, monkeypatch):
    code = "from PIL import Image; host = Image.MAX_IMAGE_PIXELS; import awcu.images.decoding; print(host)"
    code += "; assert host is not None and Image.MAX_IMAGE_PIXELS == host"
    subprocess.run([sys.executable, "-c", code], check=True)
    Image.fromarray(picture(40, 60)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1199)
    with pytest.raises(ImageError, match=r"a\.png: declares more pixels than Pillow may read here .*; shrink it"):
        decode(tmp_path / "a.png")


@pytest.mark.parametrize("read", [decode, read_bytes])
def test_a_file_of_any_size_is_not_read(tmp_path, read):
    with (tmp_path / "a.webp").open("wb") as file:
        file.write(encoded("WEBP"))
        file.truncate(40_000_000_000)  # sparse: it takes no disk
    with pytest.raises(ImageError, match=r"a\.webp: has 40\.0 GB, more than 2\.0 GB; shrink it first"):
        read(tmp_path / "a.webp")


def scans(side, size):
    """A progressive JPEG may hold any number of scans, each of few bytes and as long to decode as the first."""
    file = io.BytesIO()
    Image.new("L", (side, side), 99).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * (size // len(last)) + whole[-2:]


def test_decoding_ends_when_it_takes_too_long(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(scans(1000, 4_000_000))
    monkeypatch.setattr(images, "MAX_DECODING", 0.05)
    started = time.thread_time()
    with pytest.raises(ImageError, match=r"a\.jpg: decoding takes more than 0\.05 seconds of one core; save it anew"):
        decode(tmp_path / "a.jpg")
    assert time.thread_time() - started < 10


def test_a_jpeg_of_any_number_of_scans_frees_the_core_when_nobody_waits_any_more():
    """Read by 64 kB, as Pillow does, 2,000 scans of 17 ms lay between two looks at the clock."""
    data, started = scans(4000, 200_000), time.thread_time()
    with pytest.raises(ImageError, match=r"a\.jpg: nobody waits for it any more"):
        decode_bytes(data, "a.jpg", 224, time.monotonic() + 0.5)
    assert time.thread_time() - started < 5


def test_decoding_ends_when_nobody_waits_any_more():
    gone = Encoded(encoded("PNG"), "a.png", until=time.monotonic() - 1)
    for read in (upright, lambda one: decode_bytes(*one[:2], None, one.until)):
        with pytest.raises(ImageError, match=r"a\.png: nobody waits for it any more"):
            read(gone)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_strips_make_the_same_photograph(tmp_path, monkeypatch, mode):
    image = Image.fromarray(picture(61, 40)).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    image.save(tmp_path / "a.tif" if mode == "CMYK" else tmp_path / "a.png")
    (path,) = tmp_path.iterdir()
    whole = decode(path)
    monkeypatch.setattr(images, "STRIP", 41)
    np.testing.assert_array_equal(decode(path), whole)


def test_a_large_photograph_is_averaged_in_blocks_to_no_less_than_twice_what_is_needed(tmp_path, monkeypatch):
    Image.fromarray(picture(130, 200)).save(tmp_path / "a.png")
    monkeypatch.setattr(images, "STRIP", 2000)
    assert decode(tmp_path / "a.png", 12).shape == (130, 200, 3)
    monkeypatch.setattr(images, "LARGE", 130 * 200)
    assert decode(tmp_path / "a.png", 12).shape == (130, 200, 3)
    monkeypatch.setattr(images, "LARGE", 130 * 200 - 1)
    assert decode(tmp_path / "a.png").shape == (130, 200, 3)
    shrunk = decode(tmp_path / "a.png", 12)  # 130 / 24: by 5
    blocks = picture(130, 200).reshape(26, 5, 40, 5, 3).mean((1, 3))
    assert shrunk.shape == blocks.shape
    assert np.abs(shrunk - blocks).max() <= 1
    assert decode(tmp_path / "a.png", 60).shape == (130, 200, 3)


@pytest.mark.slow
@pytest.mark.parametrize("at_least", [None, 256])
def test_the_largest_photograph_takes_less_than_two_gigabytes(tmp_path, at_least):
    """14,000 × 14,000 pixels with transparency, converted whole, took 2.7."""
    line = zlib.compressobj(1)
    data = b"".join(line.compress(bytes(1 + 4 * 14_000)) for _ in range(14_000)) + line.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 14_000, 14_000, 8, 6, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    code = (
        "from pathlib import Path; from PIL import Image; from awcu.images.decoding import decode\n"
        "Image.MAX_IMAGE_PIXELS = None\n"
        f"decode({str(tmp_path / 'a.png')!r}, {at_least})\n"
        # Not ru_maxrss, which begins at what the process that starts this one has in memory.
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    kilobytes = int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    assert kilobytes < (1_600_000 if at_least is None else 1_200_000)


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


def test_upright_size_is_that_of_the_decoded_photograph(tmp_path):
    path = tmp_path / "a.jpg"
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        Image.fromarray(picture(20, 30)).save(path, exif=exif)
        assert upright_size(path) == decode(path).shape[:2]
    path.write_bytes(b"")
    with pytest.raises(ImageError, match=r"a\.jpg: zero bytes"):
        upright_size(path)

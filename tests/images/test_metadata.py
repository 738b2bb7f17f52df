"""What photographs say of themselves, written by Pillow and by exiftool."""

import shutil
import subprocess
from datetime import datetime

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from awcu.errors import ImageError, XmpError
from awcu.images.metadata import rating_within, time_taken

EXIFTOOL = shutil.which("exiftool")
foreign = pytest.mark.skipif(EXIFTOOL is None, reason="needs Debian's libimage-exiftool-perl")
PACKET = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="%s"/></rdf:RDF></x:xmpmeta>"""


def save(path, exif=(), **options):
    tags = Image.Exif()
    for tag, value in dict(exif).items():
        if tag in (0x9003, 0x9004, 0x9291, 0x9292):
            tags.get_ifd(ExifTags.IFD.Exif)[tag] = value
        else:
            tags[tag] = value
    Image.fromarray(np.full((8, 12, 3), 90, np.uint8)).save(path, exif=tags, **options)
    return path


class TestTime:
    @pytest.mark.parametrize(
        ("exif", "expected"),
        [
            ({0x9003: "2024:05:06 07:08:09"}, datetime(2024, 5, 6, 7, 8, 9)),
            ({0x9003: "2024:05:06 07:08:09", 0x9291: "25"}, datetime(2024, 5, 6, 7, 8, 9, 250_000)),
            ({0x9003: "2024:05:06 07:08:09", 0x9291: "1234567"}, datetime(2024, 5, 6, 7, 8, 9, 123_456)),
            ({0x9003: "2024:05:06 07:08:09", 0x9291: "ab"}, datetime(2024, 5, 6, 7, 8, 9)),
            ({0x9004: "2024:05:06 07:08:09", 0x9292: "5"}, datetime(2024, 5, 6, 7, 8, 9, 500_000)),
            ({0x9003: "0000:00:00 00:00:00", 0x9004: "2024:05:06 07:08:09"}, datetime(2024, 5, 6, 7, 8, 9)),
            ({0x9003: "    :  :     :  :  "}, None),
            ({0x0132: "2024:05:06 07:08:09"}, None),  # when it was edited last
            ({}, None),
        ],
    )
    def test_by_hand(self, tmp_path, exif, expected):
        assert time_taken(save(tmp_path / "a.jpg", exif)) == expected

    def test_garbled_exif_says_nothing(self, tmp_path):
        path = save(tmp_path / "a.jpg", {0x9003: "2024:05:06 07:08:09"})
        path.write_bytes(path.read_bytes().replace(b"MM\x00*", b"MM\x00\xff"))
        assert time_taken(path) is None

    def test_no_photograph(self, tmp_path):
        with pytest.raises(ImageError, match="no such file"):
            time_taken(tmp_path / "none.jpg")

    @pytest.mark.exiftool
    @foreign
    def test_as_exiftool_writes_it(self, tmp_path):
        path = save(tmp_path / "a.jpg")
        wanted = ["-DateTimeOriginal=2020:02:29 23:59:58", "-SubSecTimeOriginal=07"]
        subprocess.run([EXIFTOOL, "-q", *wanted, path], check=True)
        assert time_taken(path) == datetime(2020, 2, 29, 23, 59, 58, 70_000)


class TestRating:
    @pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.avif"])
    def test_of_xmp(self, tmp_path, name):
        assert rating_within(save(tmp_path / name, xmp=PACKET % b"4")) == "4"
        assert rating_within(save(tmp_path / name, xmp=PACKET % b"0")) is None
        assert rating_within(save(tmp_path / name)) is None

    def test_of_png_and_tiff(self, tmp_path):
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", (PACKET % b"-1").decode())
        assert rating_within(save(tmp_path / "a.png", pnginfo=text)) == "-1"
        assert rating_within(save(tmp_path / "a.tif", {700: PACKET % b"2"})) == "2"

    def test_of_exif(self, tmp_path):
        assert rating_within(save(tmp_path / "a.jpg", {0x4746: 3})) == "3"
        assert rating_within(save(tmp_path / "a.jpg", {0x4746: 0})) is None
        assert rating_within(save(tmp_path / "a.jpg", {0x4746: 3}, xmp=PACKET % b"5")) == "5"

    def test_damaged_xmp_is_not_taken_for_none(self, tmp_path):
        with pytest.raises(XmpError, match="is damaged"):
            rating_within(save(tmp_path / "a.jpg", xmp=b"<x:xmpmeta"))

    @pytest.mark.exiftool
    @foreign
    @pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
    @pytest.mark.parametrize("tag", ["XMP-xmp:Rating", "IFD0:Rating"])
    def test_as_exiftool_writes_it(self, tmp_path, name, tag):
        path = save(tmp_path / name)
        subprocess.run([EXIFTOOL, "-q", f"-{tag}=4", path], check=True)
        assert rating_within(path) == "4"

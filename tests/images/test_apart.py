"""Another process decodes what this one should not, to the same pixels, and ends with its time."""

import io
import time

import numpy as np
import pytest
from images.test_decoding import HEIC, picture
from PIL import Image

from awcu.errors import ImageError
from awcu.images.apart import decoded_apart
from awcu.images.decoding import Encoded, declared_format, decode_bytes


def saved(image, kind="JPEG2000"):
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_a_jpeg_2000_becomes_a_tiff_of_the_same_pixels(mode):
    if mode == "I;16":
        image = Image.fromarray(np.arange(2400, dtype=np.uint16).reshape(40, 60) * 27)
    else:
        image = Image.fromarray(picture()).convert(mode)
    photograph = Encoded(saved(image), "a\0.jp2")
    apart = decoded_apart(photograph)
    assert declared_format(apart) == "TIFF"
    assert apart.name == "a\0.jp2"
    np.testing.assert_array_equal(decode_bytes(apart.data, "")[0], decode_bytes(photograph.data, "")[0])


def test_a_heic_becomes_one_too():
    pytest.importorskip("pi_heif")
    apart = decoded_apart(Encoded(HEIC))
    assert declared_format(apart) == "TIFF"
    np.testing.assert_array_equal(decode_bytes(apart.data, "")[0], decode_bytes(HEIC, "")[0])


def test_other_formats_stay_as_they_are():
    photograph = Encoded(saved(Image.fromarray(picture()), "PNG"))
    assert decoded_apart(photograph) is photograph


def test_what_is_damaged_is_refused_by_its_name():
    with pytest.raises(ImageError, match=r"^a\.jp2: damaged or cut short \(.*\); fetch the photograph again$"):
        decoded_apart(Encoded(saved(Image.fromarray(picture()))[:-400], "a.jp2"))


def test_the_process_ends_when_nobody_waits_any_more():
    late = Encoded(saved(Image.fromarray(picture())), "a.jp2")
    with pytest.raises(ImageError, match=r"a\.jp2: nobody waits for it any more"):
        decoded_apart(late._replace(until=time.monotonic() + 0.01))


def test_a_decoder_that_ends_its_process_ends_no_other(monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(ImageError, match=r"a\.jp2: its decoder ended with 1; fetch or save it anew"):
        decoded_apart(Encoded(saved(Image.fromarray(picture())), "a.jp2"))

"""Save a crop with the format, colours and camera data of its photograph, at full resolution."""

import io
from typing import Any

from PIL import ExifTags, Image, JpegImagePlugin

from awcu.images.boxes import Box

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp", "AVIF": ".avif", "BMP": ".bmp"}
"""Extension by format; other formats become PNG, which is lossless."""

LARGEST_EXIF = 65_533  # bytes; the limit in a JPEG
_IN_TIFF = {"ImageDescription", "Make", "Model", "Software", "DateTime", "Artist", "Copyright", "ExifOffset", "GPSInfo"}


def cut(photograph: Image.Image, box: Box, quality: int = 95) -> tuple[bytes, str]:
    """The crop as a file's content, and the matching file extension.

    It keeps the colour profile and the EXIF, except the orientation, which has been applied, and the thumbnail, which
    would show the whole photograph. XMP is left out: it repeats the orientation and may hold another program's crop.

    Args:
        photograph: From `awcu.images.decoding.upright`.
        box: A box within it.
        quality: Quality of JPEG, WebP and AVIF, in [1, 100].
    """
    kind = {"MPO": "JPEG"}.get(str(photograph.format), str(photograph.format))
    crop = photograph.crop(box)
    if kind not in SUFFIXES:
        kind = "PNG"
        crop = crop.convert("RGB") if crop.mode in ("CMYK", "YCbCr", "LAB", "HSV") else crop
    options: dict[str, Any] = {"icc_profile": photograph.info.get("icc_profile"), "exif": _exif(photograph, box)}
    if kind == "JPEG":
        # Keep the camera's chroma subsampling; -1 is one that Pillow cannot write.
        sampling = JpegImagePlugin.get_sampling(photograph)
        options |= {"quality": quality, "subsampling": "4:2:0" if sampling < 0 else sampling, "optimize": True}
    elif kind == "TIFF":
        # Pillow cannot write EXIF into a compressed TIFF.
        options["compression"] = "raw"
    elif kind in ("WEBP", "AVIF"):
        options["quality"] = quality
    file = io.BytesIO()
    crop.save(file, kind, **{name: value for name, value in options.items() if value is not None})
    return file.getvalue(), SUFFIXES[kind]


def _exif(photograph: Image.Image, box: Box) -> bytes | None:
    """None where there is no EXIF, or garbled EXIF: losing it is better than losing the crop.

    Only what Pillow reads and writes may fail; it raises whatever it stumbles over.
    """
    try:
        exif = photograph.getexif()
        camera = exif.get_ifd(ExifTags.IFD.Exif) if ExifTags.IFD.Exif in exif else {}
    except Exception:
        return None
    # In a TIFF, the same directory describes where and how the pixels are stored.
    others = {tag for tag in exif if photograph.format == "TIFF" and ExifTags.TAGS.get(tag) not in _IN_TIFF}
    for tag in others | ({ExifTags.Base.Orientation} & set(exif)):
        del exif[tag]
    # Pillow can read this only while the file is open.
    camera.pop(ExifTags.IFD.Interop, None)
    sides = {ExifTags.Base.ExifImageWidth: box.width, ExifTags.Base.ExifImageHeight: box.height}
    camera |= {tag: side for tag, side in sides.items() if tag in camera}
    try:
        written = exif.tobytes()
    except Exception:
        # Cameras write EXIF that Pillow cannot write back.
        return None
    return written if len(exif) and len(written) <= LARGEST_EXIF else None

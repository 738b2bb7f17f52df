"""Render HTML pages from `templates/`: values are escaped, and a missing one is an error."""

import base64
import io
from collections.abc import Callable
from functools import cache

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from numpy.typing import NDArray
from PIL import Image

QUALITY = 85  # JPEG quality in pages


def data_uri(picture: NDArray[np.uint8] | bytes, kind: str = "jpeg") -> str:
    """A picture as a data URI.

    Args:
        picture: `(H, W, 3)` RGB, or `(H, W, 4)` RGBA for a PNG, or a file's content.
        kind: "jpeg", "png", or "svg+xml" for a file's content.
    """
    if not isinstance(picture, bytes):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format=kind, quality=QUALITY)
        picture = file.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


@cache
def template(name: str, package: str = "awcu.reports", **filters: Callable[..., str]) -> Template:
    """Load a template from the package's folder `templates`, with filters by name."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("awcu.reports")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment.get_template(name)

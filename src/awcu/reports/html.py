"""Pages for the browser, from `templates/`: inserted values are escaped, a missing one is an error."""

import base64
import io
from collections.abc import Callable
from functools import cache

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from numpy.typing import NDArray
from PIL import Image

QUALITY = 85  # of the JPEGs in a page


def data_uri(picture: NDArray[np.uint8] | bytes, kind: str = "jpeg") -> str:
    """A picture as an address that holds it whole.

    Args:
        picture: `(H, W, 3)` RGB, as PNG also `(H, W, 4)` RGBA; or a file's content.
        kind: "jpeg", "png", or "svg+xml" for a file's content.
    """
    if not isinstance(picture, bytes):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format=kind, quality=QUALITY)
        picture = file.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


@cache
def template(name: str, package: str = "awcu.reports", **filters: Callable[..., str]) -> Template:
    """The template of a file in the package's folder `templates`; filters by the names that it uses."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("awcu.reports")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment.get_template(name)

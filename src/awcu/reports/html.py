"""Pages for the browser, from `templates/`: what is set into them is escaped, what is missing is an error."""

import base64
import io
from collections.abc import Callable
from functools import cache

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from numpy.typing import NDArray
from PIL import Image

QUALITY = 85  # of the JPEGs in a page


def data_uri(picture: NDArray[np.uint8]) -> str:
    """The picture as a JPEG within an address."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


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

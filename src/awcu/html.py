"""Pages for the browser, from `templates/`: what is set into them is escaped, what is missing is an error."""

from collections.abc import Callable
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


@cache
def template(name: str, **filters: Callable[..., str]) -> Template:
    """The template of a file; filters by the names that it uses."""
    environment = Environment(
        loader=PackageLoader("awcu", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment.get_template(name)

"""Limits on what visitors may ask of the web page's server."""

from dataclasses import dataclass, field, fields

from awcu.errors import LimitError


@dataclass(frozen=True)
class Limits:
    """Limits per visitor, except `waiting`; integers ≥ 1.

    Attributes:
        megabytes: Largest file.
        megapixels: Most pixels that a file may declare.
        photographs: Most photographs in one list; the page enforces it.
        waiting: Most photographs of all visitors being sent, waiting or being judged.
        seconds: Time allowed to send a photograph, and again to judge it.

    Raises:
        LimitError: A limit is less than 1.
    """

    megabytes: int = field(default=40, metadata={"help": "largest file"})
    megapixels: int = field(default=60, metadata={"help": "largest photograph"})
    photographs: int = field(default=100, metadata={"help": "photographs in one list"})
    waiting: int = field(default=16, metadata={"help": "photographs of all visitors at once"})
    seconds: int = field(default=60, metadata={"help": "time to send a photograph, and again to judge it"})

    def __post_init__(self) -> None:
        for one in fields(self):
            if getattr(self, one.name) < 1:
                raise LimitError(f"{one.name} {getattr(self, one.name)} is below 1; give a number from 1")

"""What visitors may ask of the web page's server."""

from dataclasses import dataclass, field, fields

from awcu.errors import LimitError


@dataclass(frozen=True)
class Limits:
    """Limits per request, unless said otherwise; whole numbers ≥ 1.

    Attributes:
        megabytes: Size of a file.
        megapixels: Size that a file declares.
        photographs: Length of one list; the page enforces it.
        waiting: Photographs of all visitors that are uploading, waiting or being judged.
        seconds: Time to upload a photograph, and again to judge it.

    Raises:
        LimitError: A limit is less than 1.
    """

    megabytes: int = field(default=40, metadata={"help": "size of a file"})
    megapixels: int = field(default=60, metadata={"help": "size of a photograph"})
    photographs: int = field(default=100, metadata={"help": "photographs in one list"})
    waiting: int = field(default=16, metadata={"help": "photographs of all visitors at once"})
    seconds: int = field(default=60, metadata={"help": "time to upload a photograph, and to judge it"})

    def __post_init__(self) -> None:
        for one in fields(self):
            if getattr(self, one.name) < 1:
                raise LimitError(
                    f"{one.name}={getattr(self, one.name)} lets nobody in; give a whole number of at least 1"
                )

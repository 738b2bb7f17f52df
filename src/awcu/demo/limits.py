"""What visitors may ask of the web page's server."""

from dataclasses import dataclass, field, fields

from awcu.errors import LimitError


@dataclass(frozen=True)
class Limits:
    """For each visitor but where it says otherwise; whole numbers ≥ 1.

    Attributes:
        megabytes: Of a file.
        megapixels: That a file declares.
        photographs: In one list, which the page keeps to.
        waiting: Photographs of all visitors that are being sent, waiting or being judged.
        seconds: For a photograph to be sent, and again for it to be judged.

    Raises:
        LimitError: One is less than 1.
    """

    megabytes: int = field(default=40, metadata={"help": "size of a file"})
    megapixels: int = field(default=60, metadata={"help": "size of a photograph"})
    photographs: int = field(default=100, metadata={"help": "photographs in one list"})
    waiting: int = field(default=16, metadata={"help": "photographs of all visitors at once"})
    seconds: int = field(default=60, metadata={"help": "for a photograph to be sent, and to be judged"})

    def __post_init__(self) -> None:
        for one in fields(self):
            if getattr(self, one.name) < 1:
                raise LimitError(f"{one.name} {getattr(self, one.name)} lets nobody in; give a number from 1")

"""Decoding in a process of its own, for servers, where a decoder in the server's could not be stopped or would stop it.

Pillow's JPEG 2000 decoder lets no other thread run meanwhile, and pi_heif's may end the process on a damaged HEIC.
"""

import io
import math
import subprocess
import sys
import time

from awcu.errors import ImageError
from awcu.images.decoding import Encoded, declared_format, upright

APART = {"JPEG2000", "HEIF"}


def decoded_apart(photograph: Encoded) -> Encoded:
    """A photograph of the formats `APART` as an uncompressed TIFF, upright; any other as it is.

    Raises:
        ImageError: The data is no whole photograph, or `until` has passed.
    """
    if declared_format(photograph) not in APART:
        return photograph
    left = None if photograph.until == math.inf else max(photograph.until - time.monotonic(), 0)
    command = [sys.executable, "-m", "awcu.images.apart"]
    try:
        done = subprocess.run(command, input=photograph.data, capture_output=True, timeout=left)
    except subprocess.TimeoutExpired as error:
        raise ImageError(f"{photograph.name}: nobody waits for it any more") from error
    if done.returncode == 1 and done.stderr:
        raise ImageError(photograph.name + done.stderr.decode())
    if done.returncode:
        raise ImageError(f"{photograph.name}: its decoder ended with {done.returncode}; fetch or save it anew")
    return photograph._replace(data=done.stdout)


def main() -> None:
    """From standard input to standard output; a fault goes to standard error, without the name."""
    file = io.BytesIO()
    try:
        upright(Encoded(sys.stdin.buffer.read(), "")).save(file, "TIFF", compression="raw")
    except ImageError as error:
        sys.stderr.write(str(error))
        raise SystemExit(1) from None
    sys.stdout.buffer.write(file.getbuffer())


if __name__ == "__main__":
    main()

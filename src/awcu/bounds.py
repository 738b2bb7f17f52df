"""The most that a model, photograph or table from anywhere may ask for, with reasons; more is refused before it costs.

What visitors of the web page may ask for is less, and is the server's to say: `awcu.demo.limits`.
"""

MAX_CONFIG_BYTES = 1_000_000
"""Of a model's config.json: the package's own has 4 kB, one of a thousand attributes about 100."""

MAX_HEADER_BYTES = 100_000_000
"""Of a safetensors file beside its tensors: the format's own limit for the list of their names."""

MAX_SIZE = 2048
"""Pixels of the side that a network sees: twice that of the largest network of timm."""

MAX_RATING = 1_000_000
"""Of a scale's rating values, on either side of 0: data sets end at 100, and 32-bit numbers count on to 16 million."""

MAX_NUMBER = 1_000_000_000_000
"""In a table of ratings, on either side of 0: votes and scores are far below, and their products stay finite."""

MAX_PIXELS = 200_000_000
"""Of a photograph: more than any camera has. Decoded, so many take 0.8 GB."""

MAX_PROPORTION = 100
"""Of long to short side; a thinner strip would need huge memory when fitted to a square."""

MAX_BYTES = 2_000_000_000
"""Of a photograph's file: so many pixels of 16 bits in three colours have 1.2 GB where nothing is compressed."""

MAX_DECODING = 60
"""Seconds of one core to decode a photograph: the largest takes ten, but a JPEG may have any number of scans."""

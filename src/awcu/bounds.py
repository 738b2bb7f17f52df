"""The most that a model or photograph from anywhere may ask for, with reasons; more is refused before it costs memory.

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

"""Sample-weighted aesthetic classification and activation maps on rating distributions."""

import os

# albumentations asks the network for a newer release when it is imported; a run must not depend on that.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

__version__ = "0.1.0"

"""What `awcu.prepared` would know of photographs, written by hand."""

from typing import Any

import numpy as np
import pyarrow as pa

from awcu.ratings import Ratings
from awcu.shards import FACTS, SCHEMA

MISSING: dict[str, Any] = {
    "bytes": None,
    "modified_ns": None,
    "sha256": None,
    "width": None,
    "height": None,
    "fault": "{path}: no such file; check the image folder",
}
EMPTY: dict[str, Any] = {
    "bytes": 0,
    "sha256": "e3b0",
    "width": None,
    "height": None,
    "fault": "{path}: zero bytes; fetch the photograph again",
}


def facts_of(ratings: Ratings, **changes: dict[str, Any]) -> pa.Table:
    """A row a photograph in id order: 1,000 bytes of its own and 640×480 pixels, but for the changes by id."""
    rows = []
    for row in np.argsort(ratings.image_ids):
        image_id, path = str(ratings.image_ids[row]), str(ratings.image_paths[row])
        known = {"bytes": 1000, "modified_ns": 1, "sha256": f"of {image_id}", "width": 640, "height": 480}
        known |= {"fault": None} | changes.get(image_id, {})
        fault = known["fault"] and str(known["fault"]).format(path=path)
        rows.append({"image_id": image_id, "path": path} | known | {"fault": fault})
    return pa.Table.from_pylist(rows, pa.schema([SCHEMA.field(name) for name in FACTS]))

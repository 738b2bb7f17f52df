"""A folder of Parquet files, and a way to write one of its own."""

import pytest
from published_layouts import huggingface
from published_layouts.huggingface import BY_VOTES, SHARD, write_shard

from awcu.datasets.huggingface.reading import read


@pytest.fixture
def root(tmp_path):
    huggingface.write(tmp_path)
    return tmp_path


@pytest.fixture
def read_rows(tmp_path):
    """Write one training shard and read it."""

    def write_and_read(rows, types=None, **arguments):
        write_shard(tmp_path / SHARD, rows, **types or {})
        return read(tmp_path, **BY_VOTES | arguments)

    return write_and_read

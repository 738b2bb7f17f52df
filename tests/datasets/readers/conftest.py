"""Copies of AVA as it is distributed."""

import shutil

import pytest
from published_layouts import ava


@pytest.fixture(scope="module")
def ava_copy(tmp_path_factory):
    root = tmp_path_factory.mktemp("distributed") / "AVA"
    root.mkdir()
    ava.write(root)
    return root


@pytest.fixture
def ava_root(ava_copy, tmp_path):
    """A copy of the labels to damage, with the photographs."""
    root = tmp_path / "AVA"
    shutil.copytree(ava_copy, root, ignore=shutil.ignore_patterns("images"))
    (root / "images").symlink_to(ava_copy / "images")
    return root

"""The public sets that are read as tables: their configuration on a copy as distributed."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from awcu.config.hydra import conf_folder

SHARED = Path(__file__).parents[3].parent / "shared" / "data"


@pytest.fixture
def read_set(tmp_path):
    """The ratings of a configured set, from its copy or from a folder."""

    def read(name, root=None):
        overrides = [] if root else import_module(f"published_layouts.{name}").write(tmp_path)
        with initialize_config_dir(conf_folder(), version_base="1.3"):
            cfg = compose("train", [f"data={name}", f"data.root={root or tmp_path}", *overrides])
        return instantiate(cfg.data.ratings)

    return read


def test_baid(read_set, tmp_path):
    ratings = read_set("baid")
    assert len(ratings) == 40
    assert ratings.split.tolist() == ["train"] * 24 + ["val"] * 8 + ["test"] * 8
    assert ratings.image_paths[0] == str(tmp_path / "images" / "11000.jpg")
    np.testing.assert_allclose(ratings.mean_score[[0, 1, 39]], [3.5, 8.501, 8.539])
    assert (ratings.high == (np.arange(40) % 2 == 1)).all()


def test_biq2021_as_distributed(read_set, tmp_path):
    ratings = read_set("biq2021_official")
    assert len(ratings) == 40
    assert ratings.split[28:].tolist() == ["test"] * 12
    assert set(ratings.split[:28]) == {"train", "val"}
    assert ratings.image_paths[0] == str(tmp_path / "Images" / "ss02 (1).jpg")
    np.testing.assert_allclose(ratings.mean_score[[0, 1]], [0.751 / 0.2, 0.252 / 0.2])
    assert ratings.high[[0, 1]].tolist() == [True, False]


def test_biq2021_cut(read_set):
    ratings = read_set("biq2021")
    assert ratings.image_ids[[0, 39]].tolist() == ["ss01_0.jpg", "ss01_39.jpg"]
    np.testing.assert_allclose(ratings.mean_score[:2], [1.25, 3.755])


def test_oasis(read_set, tmp_path):
    ratings = read_set("oasis")
    assert ratings.image_paths[7] == str(tmp_path / "images" / "Ferris wheel 1.jpg")
    assert ratings.votes[0].tolist() == [20, 40, 30, 10, 5, 3, 2]
    assert ratings.mean_score[0] == (20 + 80 + 90 + 40 + 25 + 18 + 14) / 110
    assert ratings.attribute_names == ("Animal", "Object", "Person", "Scene")
    assert ratings.attributes[:3].tolist() == [[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]


@pytest.mark.parametrize(("name", "folder", "n"), [("oasis", "oasis-beauty", 760), ("biq2021", "biq2021", 3000)])
def test_the_real_labels(read_set, name, folder, n):
    if not (SHARED / folder).is_dir():
        pytest.skip(f"{SHARED / folder} is not there")
    ratings = read_set(name, SHARED / folder)
    assert len(ratings) == n
    assert all(Path(path).is_file() for path in ratings.image_paths[:: n // 10])
    assert 0.65 < ratings.high.mean() < 0.8

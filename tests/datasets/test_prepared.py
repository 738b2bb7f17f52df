"""Prepared photographs in place of the originals: the same items, in training, in features, in every process."""

import json
import os
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import TABLE
from hydra import compose, initialize_config_dir
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader

from awcu.commands.probe import see
from awcu.commands.train import load_run, run
from awcu.config.hydra import conf_folder, variant
from awcu.datasets import shards
from awcu.datasets.prepared import Prepared, prepare
from awcu.datasets.readers import table
from awcu.errors import ImageError, PreparedError
from awcu.images import decoding as images
from awcu.images.transforms import preparation
from awcu.models.network import AestheticNet
from awcu.probing import features
from awcu.probing.features import extract
from awcu.ratings.weighting import SampleWeights, Uniform
from awcu.training import datamodule as data
from awcu.training.datamodule import RatingData, RatingDataset, readable

PLAIN = preparation(32, "warp", [0.5] * 3, [0.5] * 3)
AUGMENTED = preparation(32, "warp", [0.5] * 3, [0.5] * 3, flip=True, random_crop=True, color=True)


@pytest.fixture
def store(ratings, tmp_path, monkeypatch):
    """The 24 photographs of 40×48 pixels as they are, five a shard."""
    monkeypatch.setattr(shards, "PHOTOGRAPHS", 5)
    return prepare(ratings, tmp_path / "prepared", short_side=64, workers=1)


@pytest.fixture
def no_original(monkeypatch):
    """Whatever opens an original fails."""

    def opened(path, *arguments):
        raise AssertionError(f"{path} was opened")

    for module in (images, data):
        monkeypatch.setattr(module, "decode", opened)


class TestFolder:
    def test_it_opens_as_it_was_made(self, store):
        again = Prepared.open(str(store.folder))
        assert again.facts.equals(store.facts)
        assert (again.places == store.places).all()
        assert (again.short_side, again.fingerprint) == (64, store.fingerprint)
        np.testing.assert_array_equal(again.pixels(13), store.pixels(13))

    def test_facts_are_in_the_order_of_ids(self, store, ratings):
        assert store.facts.column_names == shards.FACTS
        assert store.facts["image_id"].to_pylist() == sorted(ratings.image_ids)

    @pytest.mark.parametrize("name", ["nowhere", "ratings.csv"])
    def test_no_folder(self, rated_folder, name):
        with pytest.raises(PreparedError, match=f"{name} holds no prepared photographs; make them by awcu prepare"):
            Prepared.open(rated_folder / name)

    def test_an_unfinished_folder(self, store):
        (store.folder / "shards" / "00003.arrow").unlink()
        with pytest.raises(PreparedError, match="is not finished: 1 of 5 shards are missing; run awcu prepare again, "):
            Prepared.open(store.folder)

    def test_another_format(self, store):
        path = store.folder / "settings.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 7}))
        with pytest.raises(PreparedError, match=r"is of format 7, this version reads 1; delete it and run awcu prepar"):
            Prepared.open(store.folder)

    @pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"format": 1', b"\xff", b'{"more": 1}'])
    def test_damaged_settings(self, store, content):
        (store.folder / "settings.json").write_bytes(content)
        with pytest.raises(
            PreparedError, match=r"settings\.json cannot be used \(.*delete .*prepared and run awcu pre"
        ):
            Prepared.open(store.folder)

    def test_exchanged_shards(self, store):
        shutil.copy(store.folder / "shards" / "00000.arrow", store.folder / "shards" / "00001.arrow")
        with pytest.raises(
            PreparedError, match=r"its shards hold other photographs than settings\.json says; delete i"
        ):
            Prepared.open(store.folder)

    def test_a_shard_of_another_length(self, store):
        shutil.copy(store.folder / "shards" / "00000.arrow", store.folder / "shards" / "00004.arrow")
        with pytest.raises(PreparedError, match=r"00004\.arrow cannot be used \(it holds 5 photographs instead of 4\)"):
            Prepared.open(store.folder)

    def test_a_shard_of_other_settings(self, store, ratings, tmp_path):
        other = prepare(ratings, tmp_path / "other", short_side=30, workers=1)
        shutil.copy(other.folder / "shards" / "00002.arrow", store.folder / "shards" / "00002.arrow")
        with pytest.raises(PreparedError, match=r"00002\.arrow cannot be used \(it was made with other settings\)"):
            Prepared.open(store.folder)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4), cut=st.booleans())
    def test_a_damaged_shard_is_refused_or_shows_what_it_showed(self, store, damage, cut):
        path, pictures = store.folder / "shards" / "00000.arrow", [store.pixels(row) for row in range(5)]
        whole = path.read_bytes()
        damaged = bytearray(whole)
        for place, value in damage:
            damaged[int(place * (len(damaged) - 1))] = value
        path.write_bytes(damaged[: int(damage[0][0] * len(damaged))] if cut else damaged)
        try:
            with suppress(PreparedError):
                opened = Prepared.open(store.folder)
                for row, picture in enumerate(pictures):
                    np.testing.assert_array_equal(opened.pixels(row), picture)
        finally:
            path.write_bytes(whole)

    def test_a_damaged_picture_is_never_shown(self, store):
        path, start = store.folder / "shards" / "00001.arrow", store.places["start"][7] + 400
        damaged = bytearray(path.read_bytes())
        damaged[start] ^= 1
        path.write_bytes(damaged)
        opened = Prepared.open(store.folder)
        with pytest.raises(PreparedError, match=r"00001\.arrow: the picture at byte \d+ is damaged; delete it and run"):
            opened.pixels(7)
        assert opened.pixels(6).shape == (40, 48, 3)

    def test_a_shard_that_is_gone_meanwhile(self, store):
        (store.folder / "shards" / "00001.arrow").unlink()
        with pytest.raises(PreparedError, match=r"00001\.arrow cannot be read \(No such file or directory\); run awcu"):
            store.pixels(7)


class TestOfRatings:
    def test_pictures_come_in_the_order_of_the_ratings(self, store, ratings):
        some = ratings.select(np.array([17, 3, 22]))
        pictures = store.of(some)
        assert len(pictures) == 3
        for row, image_id in enumerate(some.image_ids):
            place = store.facts["image_id"].to_pylist().index(image_id)
            np.testing.assert_array_equal(pictures[row], store.pixels(place))

    def test_the_unreadable_are_named_with_their_fault(self, ratings, tmp_path):
        Path(ratings.image_paths[3]).write_bytes(b"")
        Path(ratings.image_paths[7]).unlink()
        store = prepare(ratings, tmp_path / "prepared", 32)
        kept, faults = store.readable(ratings)
        assert list(faults) == ["picture_03.jpg", "picture_07.jpg"]
        assert "zero bytes" in faults["picture_03.jpg"]
        assert "no such file" in faults["picture_07.jpg"]
        assert kept.image_ids.tolist() == [name for name in ratings.image_ids.tolist() if name not in faults]
        with pytest.raises(PreparedError, match=r"has no picture of picture_03\.jpg, picture_07\.jpg, which could not"):
            store.of(ratings)
        assert len(store.of(kept)) == 22

    def test_readable_ratings_come_back_as_they_are(self, store, ratings):
        assert store.readable(ratings) == (ratings, {})

    def test_originals_that_are_gone_are_not_missed(self, store, ratings, rated_folder):
        shutil.rmtree(rated_folder / "images")
        assert store.readable(ratings) == (ratings, {})
        assert store.of(ratings)[0].shape == (40, 48, 3)

    @pytest.mark.parametrize(
        "change",
        [lambda path: os.utime(path, ns=(1, 1)), lambda path: path.write_bytes(path.read_bytes() + b"\0")],
        ids=["time", "size"],
    )
    def test_a_photograph_that_changed_is_refused(self, store, ratings, change):
        change(Path(ratings.image_paths[5]))
        with pytest.raises(
            PreparedError, match=r"1 of 24 photographs of tiny changed after they were prepared \(picture_"
        ):
            store.readable(ratings)
        assert len(store.readable(ratings.select(np.arange(5)))[0]) == 5

    def test_a_photograph_that_came_later_is_refused(self, ratings, tmp_path):
        hidden = Path(ratings.image_paths[5]).rename(tmp_path / "hidden")
        store = prepare(ratings, tmp_path / "prepared", 32)
        hidden.rename(ratings.image_paths[5])
        with pytest.raises(
            PreparedError, match=r"changed after they were prepared \(picture_05\.jpg\); run awcu prepar"
        ):
            store.readable(ratings)

    def test_an_unknown_photograph_is_refused(self, store, ratings):
        ids = ratings.image_ids.copy()
        ids[[2, 4]] = ["other", "none"]
        with pytest.raises(
            PreparedError, match=r"does not hold 2 of 24 photographs of tiny \(other, none\); prepare all"
        ):
            store.readable(replace(ratings, image_ids=ids))

    def test_another_data_set_is_refused(self, store, ratings):
        with pytest.raises(PreparedError, match="holds photographs of tiny, not of AVA; give another folder as data"):
            store.of(replace(ratings, origin="AVA"))

    @pytest.mark.parametrize("exclude", [False, True])
    def test_training_hears_of_them_as_without_a_store(self, ratings, tmp_path, exclude):
        Path(ratings.image_paths[3]).write_bytes(b"no picture")
        store = prepare(ratings, tmp_path / "prepared", 32)
        if exclude:
            kept, excluded = readable(ratings, True, store)
            assert (len(kept), excluded) == (23, 1)
        else:
            with pytest.raises(
                ImageError, match=r"(?s)1 of 24 photographs cannot be read:.*picture_03\.jpg: not an im"
            ):
                readable(ratings, False, store)


class TestItems:
    def test_an_item_is_the_same_but_for_the_recompression(self, store, ratings):
        """Of JPEGs of noise: less than one and a half levels of 256 on average."""
        weights = np.arange(24, dtype=np.float64)
        plain, kept = (RatingDataset(ratings, PLAIN, 32, weights, prepared=one) for one in (None, store))
        assert len(kept) == 24
        for row in range(24):
            expected, item = plain[row], kept[row]
            for name in ("row", "high", "distribution", "attributes", "weight"):
                torch.testing.assert_close(item[name], expected[name], rtol=0, atol=0, equal_nan=True)
            assert 0 < (item["image"] - expected["image"]).abs().mean() * 127.5 < 1.5

    def test_augmentation_is_the_same(self, tmp_path, make_ratings):
        """Of flat colours, which JPEG keeps to a level or two."""
        quarters = np.repeat(np.repeat([[30, 90], [150, 210]], 40, 0), 48, 1).astype(np.uint8)
        ratings = make_ratings(mean_score=np.linspace(1, 5, 8))
        paths = [tmp_path / f"{image_id}.png" for image_id in ratings.image_ids]
        for path in paths:
            Image.fromarray(quarters).convert("RGB").save(path)
        ratings = replace(ratings, image_paths=np.array([str(path) for path in paths]))
        store = prepare(ratings, tmp_path / "prepared", 80)
        plain, kept = (RatingDataset(ratings, AUGMENTED, 32, seed=(3, 1), prepared=one) for one in (None, store))
        images = [(plain[row]["image"], kept[row]["image"]) for row in range(8)]
        assert all((one - other).abs().max() * 127.5 < 4 for one, other in images)
        assert not any((images[0][0] - other).abs().max() * 127.5 < 4 for other, _ in images[1:])

    def test_forked_workers_read_the_same(self, store, ratings):
        loader = DataLoader(store.of(ratings), batch_size=None, num_workers=2, multiprocessing_context="fork")
        for row, pixels in enumerate(loader):
            np.testing.assert_array_equal(pixels, store.pixels(row))

    def test_spawned_workers_read_the_same(self, store, ratings):
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            for row, pixels in enumerate(pool.map(store.of(ratings).__getitem__, range(24))):
                np.testing.assert_array_equal(pixels, store.pixels(row))

    def test_what_a_worker_is_given_is_small(self, store, ratings):
        """28 bytes a photograph, beside the folder."""
        assert len(pickle.dumps(store.of(ratings))) < 24 * 28 + 1000

    def test_an_input_that_would_be_enlarged_is_refused(self, store, ratings):
        store.check_size(64)
        settings = {"workers": 0, "seed": 0, "prepared": store}
        with pytest.raises(
            PreparedError, match=r"images\.size=65 is more than the 64 pixels that .* at least 65 pixels"
        ):
            RatingData(ratings, SampleWeights(Uniform()), PLAIN, PLAIN, 65, 4, **settings)


@pytest.mark.usefixtures("one_thread")
class TestCommands:
    @pytest.fixture
    def configured(self, rated_folder, tmp_path):
        ratings = table.read(root=rated_folder, **TABLE | {"name": "table"})
        store = prepare(ratings, tmp_path / "kept", 64)

        def configure(*overrides, page="train"):
            columns = "data.ratings.vote_columns=[c1,c2,c3,c4,c5]", "data.ratings.attribute_columns=[kind]"
            shares = "data.ratings.val=0.25", "data.ratings.test=0.25"
            scale = "data.ratings.scale=[1,2,3,4,5]", "data.ratings.midpoint=3"
            small = "network.backbone=test_resnet", "images.size=64", f"data.prepared={store.folder}"
            named = ["data=table", f"data.root={rated_folder}", *columns, *shares, *scale, *small]
            with initialize_config_dir(conf_folder(), version_base="1.3"):
                return compose(page, [*named, *overrides])

        return configure

    QUICK = (
        "loader.workers=0",
        "loader.batch_size=6",
        "trainer.max_epochs=1",
        "trainer.accelerator=cpu",
        "wandb.mode=disabled",
    )

    def test_training_needs_no_original(self, configured, rated_folder, tmp_path, no_original):
        shutil.rmtree(rated_folder / "images")
        cfg = configured(*self.QUICK)
        record = run(cfg, tmp_path / "run", ("data.prepared=x", "seed=0"))
        assert record.variant == "default"
        assert sum(record.n.values()) == 24
        assert len(load_run(tmp_path / "run")[1]) == record.n["test"]
        frame = pd.read_csv(tmp_path / "run" / "predictions.csv")
        assert len(frame) == record.n["val"] + record.n["test"]

    def test_a_size_that_would_enlarge_is_refused_before_training(self, configured, tmp_path):
        with pytest.raises(PreparedError, match=r"images\.size=65 is more than the 64 pixels"):
            run(configured(*self.QUICK, "images.size=65"), tmp_path / "run")

    def test_features_need_no_original(self, configured, rated_folder, tmp_path, no_original, monkeypatch):
        monkeypatch.setattr(features, "unreadable", None)
        shutil.rmtree(rated_folder / "images")
        cfg = configured(f"features.folder={tmp_path / 'features'}", "features.workers=0", page="probe")
        ratings = table.read(root=rated_folder, **TABLE | {"name": "table"})
        found = see(cfg, ratings, AestheticNet("test_resnet", image_size=64))
        assert found.pooled.shape[:2] == (24, 1)


@pytest.mark.usefixtures("one_thread")
class TestFeatures:
    @pytest.fixture
    def extracted(self, tmp_path):
        torch.manual_seed(0)
        network = AestheticNet("test_resnet", image_size=64)
        fitted = preparation(64, "warp", [0.5] * 3, [0.5] * 3)

        def extracted(ratings, prepared=None, size=64):
            folder = tmp_path / "features"
            return extract(ratings, network, {}, fitted, size, workers=0, folder=folder, prepared=prepared)

        return extracted

    def test_they_are_nearly_those_of_the_originals(self, ratings, store, extracted):
        plain, kept = extracted(ratings), extracted(ratings, store)
        assert kept.image_ids.tolist() == plain.image_ids.tolist()
        assert np.corrcoef(plain.pooled.ravel(), kept.pooled.ravel())[0, 1] > 0.99

    def test_the_key_holds_what_the_store_is_made_of(self, ratings, store, tmp_path, extracted):
        coarser = prepare(ratings, tmp_path / "coarser", 64, quality=60, workers=1)
        same = prepare(ratings, tmp_path / "same", 64, workers=1)
        keys = [extracted(ratings, one).key for one in (None, store, coarser, same)]
        assert len(set(keys)) == 3
        assert keys[1] == keys[3]

    def test_the_unreadable_are_named(self, ratings, tmp_path, extracted):
        Path(ratings.image_paths[3]).write_bytes(b"")
        found = extracted(ratings, prepare(ratings, tmp_path / "prepared", 64))
        assert list(found.unreadable) == ["picture_03.jpg"]
        assert len(found.image_ids) == 23

    def test_a_change_is_found_where_the_features_are_in_the_cache(self, ratings, store, extracted):
        extracted(ratings, store)
        os.utime(ratings.image_paths[3], ns=(1, 1))
        with pytest.raises(PreparedError, match=r"changed after they were prepared \(picture_03\.jpg\)"):
            extracted(ratings, store)

    def test_a_size_that_would_enlarge_is_refused(self, ratings, store, extracted):
        with pytest.raises(PreparedError, match=r"images\.size=65 is more than the 64 pixels"):
            extracted(ratings, store, size=65)


@pytest.mark.parametrize("page", ["train", "probe"])
def test_the_folder_names_no_row_and_no_run(page):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        cfg = compose(page, ["data.prepared=/kept", "seed=1"], return_hydra_config=True)
    assert cfg.hydra.job.override_dirname == "seed=1"
    assert variant(("data=ava", "data.prepared=/kept")) == "data=ava"

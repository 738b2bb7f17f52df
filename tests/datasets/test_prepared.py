"""Photographs prepared: what is kept of each, what is made again, and that kills and full disks do no harm."""

import errno
import hashlib
import os
import pickle
import shutil
import signal
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
import torch
from conftest import file_size_limit
from PIL import Image
from pyarrow import parquet

from awcu.datasets import prepared
from awcu.datasets.prepared import Prepared, picture_path, prepare
from awcu.errors import ImageError, PreparedError
from awcu.images.decoding import decode
from awcu.images.transforms import Preparation
from awcu.models.network import AestheticNet
from awcu.ratings.ratings import Ratings
from awcu.ratings.weighting import SampleWeights, Uniform
from awcu.training import datamodule
from awcu.training.datamodule import RatingData, RatingDataset, readable
from awcu.training.features import extract

PLAIN = Preparation(32, "warp", [0.5] * 3, [0.5] * 3)
EXIF_ORIENTATION = 0x0112


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "prepared"


@pytest.fixture
def store(ratings, folder):
    """The 24 photographs of 40×48 pixels as they are."""
    return prepare(ratings, folder, short_side=64, workers=1)


def rated(*paths):
    """Ratings of any files, named as they are."""
    names = [path.name for path in paths]
    return Ratings(
        name="made",
        image_ids=np.array(names),
        image_paths=np.array([str(path) for path in paths]),
        scale=np.arange(1.0, 6),
        midpoint=3,
        mean_score=np.linspace(1, 5, len(paths)),
        split=np.full(len(paths), "train"),
    )


def smooth(height, width):
    coarse = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def one(tmp_path, **options):
    """The facts and the pixels of the only photograph, `a` in `tmp_path`."""
    ratings = rated(tmp_path / "a")
    store = prepare(ratings, tmp_path / "prepared", **options)
    return store.facts.to_pylist()[0], store.of(ratings)[0]


def pictures(folder):
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*.jpg")}


class TestWhatIsKept:
    def test_facts_of_a_photograph(self, tmp_path):
        Image.fromarray(smooth(300, 450)).save(tmp_path / "a", "JPEG")
        facts, pixels = one(tmp_path, short_side=100)
        assert len(facts.pop("look")) == 32
        data, status = (tmp_path / "a").read_bytes(), (tmp_path / "a").stat()
        known = {"image_id": "a", "path": str(tmp_path / "a"), "bytes": len(data), "modified_ns": status.st_mtime_ns}
        known |= {"sha256": hashlib.sha256(data).hexdigest(), "width": 450, "height": 300, "fault": None}
        assert facts == known
        assert pixels.shape == (100, 150, 3)

    @pytest.mark.parametrize(
        ("height", "width", "expected"),
        [(600, 800, (64, 85)), (64, 90, (64, 90)), (63, 900, (63, 900)), (1, 3, (1, 3)), (3000, 65, (2954, 64))],
    )
    def test_the_short_side_shrinks_and_nothing_grows(self, tmp_path, height, width, expected):
        Image.fromarray(smooth(height, width)).save(tmp_path / "a", "JPEG")
        facts, pixels = one(tmp_path, short_side=64)
        assert pixels.shape[:2] == expected
        assert (facts["height"], facts["width"]) == (height, width)

    def test_shrinking_averages_areas(self, tmp_path):
        """Of 4×4 pixels each: only the JPEG's loss is between."""
        pixels = np.random.default_rng(0).integers(0, 256, (128, 192, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "a", "PNG")
        _, kept = one(tmp_path, short_side=32, quality=100)
        assert np.abs(kept - pixels.reshape(32, 4, 48, 4, 3).mean((1, 3))).mean() < 1

    def test_photographs_are_upright(self, tmp_path):
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = 6
        Image.fromarray(smooth(96, 144)).save(tmp_path / "a", "JPEG", exif=exif, quality=98)
        facts, pixels = one(tmp_path, short_side=96)
        assert pixels.shape == (facts["height"], facts["width"], 3) == (144, 96, 3)
        assert np.abs(pixels.astype(int) - decode(tmp_path / "a")).mean() < 1.5

    def test_order_and_processes_change_nothing(self, ratings, tmp_path, monkeypatch):
        monkeypatch.setattr(prepared, "CHUNK", 4)
        first = prepare(ratings, tmp_path / "first", 32, workers=1)
        shuffled = ratings.select(np.random.default_rng(0).permutation(24))
        second = prepare(replace(shuffled, split=np.full(24, "train")), tmp_path / "second", 32, workers=2)
        assert len(pictures(first.folder)) == 24
        for name in ("photographs.parquet", *pictures(first.folder)):
            assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()
        assert first.facts["image_id"].to_pylist() == sorted(ratings.image_ids)

    @pytest.mark.parametrize("difference", [{"short_side": 33}, {"quality": 94}])
    def test_other_pictures_have_another_fingerprint(self, ratings, tmp_path, difference):
        asked = {"short_side": 32, "quality": 95}
        first, same, other = (
            prepare(ratings, tmp_path / name, workers=1, **asked | more)
            for name, more in (("first", {}), ("same", {}), ("other", difference))
        )
        assert first.fingerprint == same.fingerprint != other.fingerprint

    @pytest.mark.parametrize(
        ("content", "fault"), [(None, "no such file"), (b"", "zero bytes"), (b"404 Not Found", "not an image")]
    )
    def test_a_fault_is_kept(self, tmp_path, content, fault):
        if content is not None:
            (tmp_path / "a").write_bytes(content)
        store = prepare(rated(tmp_path / "a"), tmp_path / "prepared")
        (facts,) = store.facts.to_pylist()
        assert facts["fault"].startswith(f"{tmp_path}/a: {fault}")
        hashed = None if content is None else hashlib.sha256(content).hexdigest()
        assert (facts["bytes"], facts["sha256"]) == (None if content is None else len(content), hashed)
        assert (facts["modified_ns"] is None) == (content is None)
        assert (facts["width"], facts["height"]) == (None, None)

    def test_too_long_for_a_jpeg(self, tmp_path, monkeypatch):
        Image.fromarray(smooth(10, 300)).save(tmp_path / "a", "PNG")
        monkeypatch.setattr(prepared, "LONGEST_SIDE", 299)
        store = prepare(rated(tmp_path / "a"), tmp_path / "prepared")
        assert "300 pixels long when prepared, and a JPEG has at most 299; cut it" in store.facts["fault"][0].as_py()


class TestAgain:
    @pytest.fixture
    def decoded(self, monkeypatch):
        """Paths of the originals that are decoded from now on."""
        paths, real = [], prepared.decode_bytes
        monkeypatch.setattr(
            prepared, "decode_bytes", lambda data, path, side: paths.append(path) or real(data, path, side)
        )
        return paths

    def test_nothing_is_made_twice(self, ratings, store, folder, decoded):
        done, written = [], pictures(folder)
        again = prepare(ratings, folder, 64, advance=done.append, workers=1)
        assert (decoded, done, pictures(folder)) == ([], [24], written)
        assert again.facts.equals(store.facts)

    def test_a_changed_photograph_alone_is_made_again(self, ratings, store, folder, decoded):
        Image.fromarray(smooth(50, 70)).save(ratings.image_paths[9])
        again = prepare(ratings, folder, 64, workers=1)
        assert decoded == [ratings.image_paths[9]]
        assert again.of(ratings)[9].shape == (50, 70, 3)
        assert again.fingerprint != store.fingerprint

    def test_a_photograph_that_is_gone_is_kept_and_one_that_came_is_taken_up(self, ratings, folder):
        hidden = Path(ratings.image_paths[9]).rename(folder.parent / "hidden.jpg")
        first = prepare(ratings, folder, 64, workers=1)
        hidden.rename(ratings.image_paths[9])
        Path(ratings.image_paths[10]).unlink()
        again = prepare(ratings, folder, 64, workers=1)
        assert [store.facts["fault"].null_count for store in (first, again)] == [23, 24]
        assert again.of(ratings)[10].shape == (40, 48, 3)

    def test_a_file_that_could_not_be_read_is_tried_again(self, ratings, folder, monkeypatch):
        def failing(path):
            raise ImageError(f"{path}: Input/output error; see that it is a file you may read")

        with monkeypatch.context() as patch:
            patch.setattr(prepared, "read_bytes", failing)
            assert prepare(ratings, folder, 64, workers=1).facts["fault"].null_count == 0
        assert prepare(ratings, folder, 64, workers=1).facts["fault"].null_count == 24

    def test_a_set_that_moved_is_not_decoded_again(self, ratings, store, folder, tmp_path, decoded):
        (tmp_path / "images").rename(tmp_path / "elsewhere")
        paths = np.array([path.replace("/images/", "/elsewhere/") for path in ratings.image_paths.tolist()])
        moved = prepare(replace(ratings, image_paths=paths), folder, 64, workers=1)
        assert (decoded, moved.facts["path"].to_pylist()) == ([], paths.tolist())
        assert moved.fingerprint == store.fingerprint

    def test_a_picture_that_is_gone_is_made_again(self, ratings, store, folder, decoded):
        picture_path(folder, str(ratings.image_ids[9])).unlink()
        prepare(ratings, folder, 64, workers=1)
        assert decoded == [ratings.image_paths[9]]

    @pytest.mark.parametrize(
        ("other", "message"),
        [
            ({"short_side": 48}, "short_side 64 instead of 48"),
            ({"quality": 90}, "quality 95 instead of 90"),
            ({"origin": "others"}, "data tiny instead of others"),
            ({"rows": np.arange(23)}, "n 24 instead of 23"),
            ({"image_ids": np.array([f"{i}" for i in range(24)])}, "other ids"),
        ],
    )
    def test_a_folder_of_something_else_is_refused(self, ratings, store, folder, other, message):
        asked = {"short_side": 64} | {key: other[key] for key in ("short_side", "quality") if key in other}
        fields = {key: other[key] for key in ("origin", "image_ids") if key in other}
        others = replace(ratings, **fields).select(other.get("rows", np.arange(24)))
        with pytest.raises(PreparedError, match=rf"holds other prepared photographs \({message}\); delete it or give"):
            prepare(others, folder, **asked)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"short_side": 0}, "short_side=0 must be a whole number from 1 to 10,000"),
        ({"short_side": 25.5}, r"short_side=25\.5 must be"),
        ({"quality": 101}, "quality=101 must be a whole number from 1 to 100"),
        ({"quality": True}, "quality=True must be"),
    ],
)
def test_settings_out_of_range_are_refused(ratings, folder, asked, message):
    with pytest.raises(PreparedError, match=message):
        prepare(ratings, folder, **asked)
    assert not folder.exists()


def test_no_photographs_are_refused(ratings, folder):
    with pytest.raises(PreparedError, match="tiny has no photographs to prepare"):
        prepare(ratings.select(np.arange(0)), folder)


SCRIPT = """
import os, pickle, signal, sys
from pathlib import Path
from awcu.datasets import prepared

def main(ratings, folder, workers, kill_after):
    def advance(count):
        done.append(count)
        if len(done) == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
    done, prepared.CHUNK, prepared.SAVED_EVERY = [], 2, 0
    prepared.prepare(ratings, folder, 32, workers=workers, advance=advance)
    assert "torch" not in sys.modules
    print(sum(done[1:]))

if __name__ == "__main__":
    main(pickle.loads(Path(sys.argv[1]).read_bytes()), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
"""


@pytest.fixture
def command(tmp_path, ratings, folder):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "ratings.pickle").write_bytes(pickle.dumps(ratings))

    def command(workers, kill_after=0):
        arguments = [tmp_path / "script.py", tmp_path / "ratings.pickle", folder, workers, kill_after]
        return [sys.executable, *map(str, arguments)]

    return command


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_preparation_goes_on_where_it_was(ratings, folder, tmp_path, command, workers):
    """With two workers it ends at all only if they end with it, since they hold its output open."""
    killed = subprocess.run(command(workers, kill_after=4), capture_output=True, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    known = parquet.read_table(folder / "photographs.parquet")["image_id"].to_pylist()
    assert 4 <= len(known) < 24
    there = {name: pictures(folder)[name] for name in (picture_path(Path(), one).as_posix() for one in known)}
    left = next(folder.glob("*/*.jpg")).with_name(".half.jpg.tmp")
    left.write_bytes(b"half a picture")
    with pytest.raises(PreparedError, match=r"is not finished: \d+ of 24 photographs are missing; run awcu prepare"):
        Prepared.open(folder)
    resumed = prepare(ratings, folder, 32, workers=1)
    assert {name: pictures(folder)[name] for name in there} == there
    assert not left.exists()
    assert resumed.facts.equals(prepare(ratings, tmp_path / "unbroken", 32, workers=1).facts)


def test_two_processes_at_once_make_each_picture_once(command):
    runs = [subprocess.Popen(command(1), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [run.communicate(timeout=120) for run in runs]
    assert sorted(int(out) for out, _ in outputs) == [0, 24], outputs


def test_pillows_limit_is_the_same_in_every_process(ratings, folder, monkeypatch):
    monkeypatch.setattr(prepared, "CHUNK", 12)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    faults = prepare(ratings, folder, 32, workers=2).facts["fault"].to_pylist()
    assert all("more pixels than Pillow may read here" in fault for fault in faults)


def test_a_worker_that_is_killed_is_named(ratings, folder, monkeypatch):
    class Pool:
        def __init__(self, *arguments):
            pass

        def submit(self, *arguments):
            raise BrokenProcessPool("a child process terminated abruptly")

        def shutdown(self, cancel_futures):
            pass

    monkeypatch.setattr(prepared, "CHUNK", 4)
    monkeypatch.setattr(prepared, "ProcessPoolExecutor", Pool)
    with pytest.raises(PreparedError, match="was killed, perhaps for want of memory; run awcu prepare again with"):
        prepare(ratings, folder, 32, workers=2)


def test_a_full_disk_is_named(ratings, folder):
    message = r"prepared cannot be written \(File too large\); make room or give"
    with file_size_limit(2000), pytest.raises(PreparedError, match=message):
        prepare(ratings, folder, 32, workers=1)
    assert not (folder / "photographs.parquet").exists()


def test_what_an_error_interrupts_goes_on_where_it_was(ratings, folder, monkeypatch):
    def write(path, content):
        if len(pictures(folder)) == 8:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, content)

    real = prepared._write
    monkeypatch.setattr(prepared, "CHUNK", 4)
    with monkeypatch.context() as patch:
        patch.setattr(prepared, "_write", write)
        with pytest.raises(PreparedError, match=r"cannot be written \(No space left on device\); make room or"):
            prepare(ratings, folder, 32, workers=1)
    done = []
    prepare(ratings, folder, 32, workers=1, advance=done.append)
    assert done[0] == 8


class TestOpening:
    @pytest.mark.parametrize("name", ["nowhere", "ratings.csv"])
    def test_no_folder(self, rated_folder, name):
        with pytest.raises(PreparedError, match=f"{name} holds no prepared photographs; make them by awcu prepare"):
            Prepared.open(rated_folder / name)

    def test_another_format(self, store, folder):
        metadata = {"settings": '{"format": 7}'}
        parquet.write_table(store.facts.replace_schema_metadata(metadata), folder / "photographs.parquet")
        with pytest.raises(
            PreparedError, match=r"is of format 7, this version reads 3; delete it and run awcu prepare"
        ):
            Prepared.open(folder)

    @pytest.mark.parametrize("damage", [b"", b"PAR1", "cut", "plain"])
    def test_damaged_facts(self, store, folder, damage):
        path = folder / "photographs.parquet"
        plain = pa.BufferOutputStream()
        parquet.write_table(store.facts, plain)
        path.write_bytes({"cut": path.read_bytes()[:-50], "plain": plain.getvalue().to_pybytes()}.get(damage, damage))
        with pytest.raises(PreparedError, match=r"photographs\.parquet cannot be used \(.+\); delete it and run awcu"):
            Prepared.open(folder)

    @pytest.mark.parametrize("settings", ["{}", '{"format": 3}'])
    def test_settings_that_lack_a_key(self, store, folder, settings):
        facts = store.facts.replace_schema_metadata({"settings": settings})
        parquet.write_table(facts, folder / "photographs.parquet")
        with pytest.raises(PreparedError, match=r"photographs\.parquet cannot be used \(.+\); delete it and run awcu"):
            Prepared.open(folder)

    @pytest.mark.parametrize(("damage", "reason"), [("cut", "damaged or cut short"), ("gone", "no such file")])
    def test_a_damaged_picture_is_never_shown(self, ratings, store, folder, damage, reason):
        path, shown = picture_path(folder, str(ratings.image_ids[7])), store.of(ratings)
        whole = path.read_bytes()
        path.unlink()
        if damage == "cut":
            path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(PreparedError, match=rf"{path.name}: {reason}.*; delete it and run awcu prepare again"):
            shown[7]


class TestOfRatings:
    def test_an_item_is_the_same_but_for_the_recompression(self, store, ratings):
        """Of JPEGs of noise: less than one and a half levels of 256 on average."""
        some, weights = ratings.select(np.array([17, 3, 22])), np.arange(3, dtype=np.float64)
        plain, kept = (RatingDataset(some, PLAIN, weights, prepared=one) for one in (None, store))
        kept = pickle.loads(pickle.dumps(kept))  # as a loader's process gets it
        assert len(kept) == 3
        for row in range(3):
            expected, item = plain[row], kept[row]
            for name in ("row", "high", "distribution", "attributes", "weight"):
                torch.testing.assert_close(item[name], expected[name], rtol=0, atol=0, equal_nan=True)
            assert 0 < (item["image"] - expected["image"]).abs().mean() * 127.5 < 1.5

    def test_the_unreadable_are_named_with_their_fault(self, ratings, folder):
        Path(ratings.image_paths[3]).write_bytes(b"")
        Path(ratings.image_paths[7]).unlink()
        store = prepare(ratings, folder, 32, workers=1)
        kept, faults = store.readable(ratings)
        assert list(faults) == ["picture_03.jpg", "picture_07.jpg"]
        assert "zero bytes" in faults["picture_03.jpg"]
        assert kept.image_ids.tolist() == [name for name in ratings.image_ids.tolist() if name not in faults]
        with pytest.raises(PreparedError, match=r"has no picture of picture_03\.jpg, picture_07\.jpg, which could not"):
            store.of(ratings)
        assert len(store.of(kept)) == 22
        assert readable(ratings, True, store)[1] == 2
        with pytest.raises(ImageError, match=r"(?s)2 of 24 photographs cannot be read:.*picture_03\.jpg: zero bytes"):
            readable(ratings, False, store)

    @pytest.mark.usefixtures("one_thread")
    def test_no_original_is_opened(self, store, ratings, rated_folder, tmp_path, monkeypatch):
        shutil.rmtree(rated_folder / "images")
        monkeypatch.setattr(datamodule, "decode", None)
        assert store.readable(ratings) == (ratings, {})
        assert RatingDataset(ratings, PLAIN, prepared=store)[0]["image"].shape == (3, 32, 32)
        torch.manual_seed(0)
        network = AestheticNet("test_resnet", image_size=64)
        found = extract(ratings, network, {}, PLAIN, workers=0, folder=tmp_path / "features", prepared=store)
        assert found.pooled.shape[:2] == (24, 1)
        with pytest.raises(PreparedError, match=r"images\.size=65 is more than the 64 pixels"):
            extract(
                ratings, network, {}, replace(PLAIN, size=65), workers=0, folder=tmp_path / "features", prepared=store
            )

    def test_a_photograph_that_changed_is_refused(self, store, ratings):
        os.utime(ratings.image_paths[5], ns=(1, 1))
        with pytest.raises(PreparedError, match=r"1 of 24 photographs of tiny changed after they were prepared \(pict"):
            store.readable(ratings)
        assert len(store.readable(ratings.select(np.arange(5)))[0]) == 5

    def test_an_unknown_photograph_is_refused(self, store, ratings):
        ids = ratings.image_ids.copy()
        ids[[2, 4]] = ["other", "none"]
        with pytest.raises(PreparedError, match=r"does not hold 2 of 24 photographs of tiny \(other, none\); prepare"):
            store.readable(replace(ratings, image_ids=ids))

    def test_another_data_set_is_refused(self, store, ratings):
        with pytest.raises(PreparedError, match="holds photographs of tiny, not of AVA; give another folder as data"):
            store.of(replace(ratings, origin="AVA"))

    def test_an_input_that_would_be_enlarged_is_refused(self, store, ratings):
        store.check_size(64)
        asked = {"workers": 0, "seed": 0, "prepared": store}
        with pytest.raises(PreparedError, match=r"images\.size=65 is more than the 64 pixels .* at least 65 pixels"):
            RatingData(ratings, SampleWeights(Uniform()), PLAIN, replace(PLAIN, size=65), 4, **asked)

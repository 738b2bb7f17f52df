"""Preparing photographs: what is kept of each, and that kills, full disks and other processes do no harm."""

import errno
import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import TABLE, file_size_limit
from PIL import Image

from awcu.datasets import shard_writer, shards
from awcu.datasets.prepared import Prepared, prepare
from awcu.datasets.readers import table
from awcu.errors import PreparedError
from awcu.images.decoding import decode
from awcu.ratings.ratings import Ratings

EXIF_ORIENTATION = 0x0112
SIX = 6  # shards of four of the 24 photographs


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "prepared"


@pytest.fixture
def four_a_shard(monkeypatch):
    monkeypatch.setattr(shards, "PHOTOGRAPHS", 4)


def rated(paths):
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


def smooth(height, width, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def one(tmp_path, **options):
    """The facts and the pixels of the only photograph, `a` in `tmp_path`."""
    store = prepare(rated([tmp_path / "a"]), tmp_path / "prepared", **options)
    return store.facts.to_pylist()[0], store.pixels(0)


def files_in(folder):
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*.arrow")}


class TestWhatIsKept:
    def test_facts_of_a_photograph(self, tmp_path):
        Image.fromarray(smooth(300, 450)).save(tmp_path / "a", "JPEG")
        facts, pixels = one(tmp_path, short_side=100)
        data, status = (tmp_path / "a").read_bytes(), (tmp_path / "a").stat()
        assert facts == {
            "image_id": "a",
            "path": str(tmp_path / "a"),
            "bytes": len(data),
            "modified_ns": status.st_mtime_ns,
            "sha256": hashlib.sha256(data).hexdigest(),
            "width": 450,
            "height": 300,
            "fault": None,
        }
        assert pixels.shape == (100, 150, 3)

    @pytest.mark.parametrize(
        ("height", "width", "expected"),
        [
            (600, 800, (64, 85)),
            (800, 600, (85, 64)),
            (64, 90, (64, 90)),
            (65, 64, (65, 64)),
            (63, 900, (63, 900)),
            (1, 3, (1, 3)),
            (3000, 65, (2954, 64)),
        ],
    )
    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_the_short_side_shrinks_and_nothing_grows(self, tmp_path, height, width, expected, kind):
        Image.fromarray(smooth(height, width)).save(tmp_path / "a", kind)
        facts, pixels = one(tmp_path, short_side=64)
        assert pixels.shape[:2] == expected
        assert (facts["height"], facts["width"]) == (height, width)

    def test_shrinking_averages_areas(self, tmp_path):
        """Of 4×4 pixels each: only the JPEG's loss is between."""
        pixels = np.random.default_rng(0).integers(0, 256, (128, 192, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "a", "PNG")
        _, kept = one(tmp_path, short_side=32, quality=100)
        averages = pixels.reshape(32, 4, 48, 4, 3).mean((1, 3))
        assert np.abs(kept - averages).mean() < 1

    @pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
    def test_photographs_are_upright(self, tmp_path, orientation):
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        Image.fromarray(smooth(96, 144)).save(tmp_path / "a", "JPEG", exif=exif, quality=98)
        expected = decode(tmp_path / "a")
        facts, pixels = one(tmp_path, short_side=96)
        assert pixels.shape == expected.shape == ((144, 96, 3) if orientation > 4 else (96, 144, 3))
        assert (facts["height"], facts["width"]) == expected.shape[:2]
        assert np.abs(pixels.astype(int) - expected).mean() < 1.5

    @pytest.mark.parametrize(
        ("image", "kind", "expected"),
        [
            (Image.new("CMYK", (16, 8), (0, 255, 255, 0)), "JPEG", (255, 0, 0)),
            (Image.new("L", (16, 8), 77), "JPEG", (77, 77, 77)),
            (Image.new("RGBA", (16, 8), (10, 20, 30, 51)), "PNG", (206, 208, 210)),
            (Image.fromarray(np.full((8, 16), 0x8040, dtype=np.uint16)), "PNG", (128, 128, 128)),
            (Image.new("RGB", (16, 8), (10, 200, 90)).quantize(4), "GIF", (10, 200, 90)),
        ],
        ids=["CMYK", "grey", "alpha", "16 bits", "palette"],
    )
    def test_every_kind_becomes_rgb(self, tmp_path, image, kind, expected):
        image.save(tmp_path / "a", kind)
        _, pixels = one(tmp_path)
        assert pixels.shape == (8, 16, 3)
        assert np.abs(pixels.astype(int) - expected).max() <= 4

    def test_the_same_photographs_give_the_same_bytes(self, ratings, tmp_path, four_a_shard):
        order = np.random.default_rng(0).permutation(24)
        first = prepare(ratings, tmp_path / "first", 32, workers=1)
        second = prepare(ratings.select(order), tmp_path / "second", 32, workers=2)
        assert len(files_in(second.folder)) == SIX
        for name in files_in(first.folder):
            assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()
        assert first.fingerprint == second.fingerprint

    @pytest.mark.parametrize("difference", [{"short_side": 33}, {"quality": 94}])
    def test_other_pictures_have_another_fingerprint(self, ratings, tmp_path, difference):
        asked = {"short_side": 32, "quality": 95}
        first = prepare(ratings, tmp_path / "first", **asked)
        assert prepare(ratings, tmp_path / "second", **asked | difference).fingerprint != first.fingerprint


class TestUnreadable:
    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            (None, "a: no such file; check the image folder"),
            (b"", "a: zero bytes; fetch the photograph again"),
            (b"404 Not Found", "a: not an image in a format Pillow reads"),
            ("cut", r"a: damaged or cut short \("),
        ],
        ids=["missing", "zero bytes", "text", "truncated"],
    )
    def test_the_fault_is_kept(self, tmp_path, content, fault):
        Image.fromarray(smooth(600, 800)).save(tmp_path / "whole.jpg")
        whole = (tmp_path / "whole.jpg").read_bytes()
        data = whole[: len(whole) // 2] if content == "cut" else content
        if data is not None:
            (tmp_path / "a").write_bytes(data)
        store = prepare(rated([tmp_path / "a", tmp_path / "whole.jpg"]), tmp_path / "prepared", 64)
        facts = store.facts.to_pylist()[0]
        assert facts["fault"].startswith(str(tmp_path))
        with pytest.raises(PreparedError, match=f"has no picture: .*{fault}"):
            store.pixels(0)
        hashed = None if data is None else hashlib.sha256(data).hexdigest()
        assert (facts["bytes"], facts["sha256"]) == (None if data is None else len(data), hashed)
        assert (facts["modified_ns"] is None) == (data is None)
        assert (facts["width"], facts["height"]) == (None, None)
        assert store.pixels(1).shape == (64, 85, 3)

    def test_nothing_but_faults(self, tmp_path):
        store = prepare(rated([tmp_path / "a", tmp_path / "b"]), tmp_path / "prepared")
        assert store.facts["fault"].null_count == 0
        assert store.places["length"].tolist() == [0, 0]

    def test_too_long_for_a_jpeg(self, tmp_path, monkeypatch):
        Image.fromarray(smooth(10, 300)).save(tmp_path / "a", "PNG")
        monkeypatch.setattr(shard_writer, "LONGEST_SIDE", 299)
        store = prepare(rated([tmp_path / "a"]), tmp_path / "prepared")
        assert store.facts["fault"][0].as_py() == (
            f"{tmp_path}/a: 300 pixels long when prepared, and a JPEG has at most 299; cut it"
        )


@pytest.mark.usefixtures("four_a_shard")
class TestAgain:
    def test_nothing_is_made_twice(self, ratings, folder):
        done = []
        first = prepare(ratings, folder, 32, advance=done.append, workers=1)
        written = files_in(folder)
        again = prepare(ratings, folder, 32, advance=done.append, workers=1)
        assert done == [4] * 2 * SIX
        assert files_in(folder) == written
        assert again.fingerprint == first.fingerprint

    def test_a_changed_photograph_makes_its_shard_alone(self, ratings, folder):
        prepare(ratings, folder, 32, workers=1)
        written = files_in(folder)
        Image.fromarray(smooth(50, 70)).save(ratings.image_paths[9])
        store = prepare(ratings, folder, 32, workers=1)
        changed = [name for name, modified in files_in(folder).items() if modified != written[name]]
        assert changed == ["shards/00002.arrow"]
        assert store.facts["width"].to_pylist()[8:12] == [48, 70, 48, 48]
        assert store.pixels(9).shape == (32, 45, 3)

    def test_what_has_not_changed_is_not_decoded_again(self, ratings, folder, monkeypatch):
        prepare(ratings, folder, 32, workers=1)
        os.utime(ratings.image_paths[9], ns=(1, 1))
        looked_at = []
        real = shard_writer.decode_bytes
        monkeypatch.setattr(
            shard_writer, "decode_bytes", lambda data, path, side: looked_at.append(path) or real(data, path, side)
        )
        prepare(ratings, folder, 32, workers=1)
        assert looked_at == [ratings.image_paths[9]]

    def test_a_photograph_that_is_gone_is_kept(self, ratings, folder):
        first = prepare(ratings, folder, 32, workers=1)
        Path(ratings.image_paths[9]).unlink()
        os.utime(ratings.image_paths[10], ns=(1, 1))  # so that the shard is made again
        again = prepare(ratings, folder, 32, workers=1)
        np.testing.assert_array_equal(again.pixels(9), first.pixels(9))
        assert again.fingerprint == first.fingerprint

    def test_a_photograph_that_has_come_is_taken_up(self, ratings, folder):
        hidden = Path(ratings.image_paths[9]).rename(folder.parent / "hidden.jpg")
        assert prepare(ratings, folder, 32, workers=1).facts["fault"].null_count == 23
        hidden.rename(ratings.image_paths[9])
        assert prepare(ratings, folder, 32, workers=1).facts["fault"].null_count == 24

    def test_a_file_that_could_not_be_read_is_tried_again(self, ratings, folder, monkeypatch):
        def failing(path):
            if path == ratings.image_paths[9]:
                raise shard_writer.ImageError(f"{path}: Input/output error; see that it is a file you may read")
            return real(path)

        real = shard_writer.read_bytes
        with monkeypatch.context() as patch:
            patch.setattr(shard_writer, "read_bytes", failing)
            assert "Input/output" in prepare(ratings, folder, 32, workers=1).facts["fault"][9].as_py()
        assert prepare(ratings, folder, 32, workers=1).facts["fault"].null_count == 24

    def test_a_data_set_that_moved_is_not_decoded_again(self, ratings, folder, tmp_path, monkeypatch):
        first = prepare(ratings, folder, 32, workers=1)
        (tmp_path / "images").rename(tmp_path / "elsewhere")
        paths = np.array([path.replace("/images/", "/elsewhere/") for path in ratings.image_paths.tolist()])
        monkeypatch.setattr(shard_writer, "decode_bytes", None)
        moved = prepare(replace(ratings, image_paths=paths), folder, 32, workers=1)
        assert moved.facts["path"].to_pylist() == paths.tolist()
        assert moved.fingerprint == first.fingerprint

    @pytest.mark.parametrize("damage", [b"", b"ARROW1", "cut", "garbled"])
    def test_a_damaged_shard_is_made_again(self, ratings, folder, damage):
        first = prepare(ratings, folder, 32, workers=1)
        shard = folder / "shards" / "00003.arrow"
        whole = shard.read_bytes()
        garbled = {"cut": whole[:-500], "garbled": whole[:-200] + bytes(200)}
        shard.write_bytes(garbled.get(damage, damage))
        with pytest.raises(PreparedError, match=r"00003\.arrow cannot be used \(.+\); delete it and run awcu prepare"):
            Prepared.open(folder)
        assert prepare(ratings, folder, 32, workers=1).fingerprint == first.fingerprint
        assert shard.read_bytes() == whole

    def test_shards_of_other_settings_are_made_again(self, ratings, folder):
        prepare(ratings, folder, 48, workers=1)
        (folder / "settings.json").unlink()
        assert prepare(ratings, folder, 32, workers=1).pixels(0).shape == (32, 38, 3)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"short_side": 48}, "short_side 32 instead of 48"),
        ({"quality": 90}, "quality 95 instead of 90"),
        ({"origin": "others"}, "data tiny instead of others"),
        ({"rows": np.arange(23)}, "n 24 instead of 23"),
        ({"image_ids": np.array([f"{i}" for i in range(24)])}, "other ids"),
    ],
)
def test_a_folder_of_something_else_is_refused(ratings, folder, other, message):
    prepare(ratings, folder, 32)
    settings = {"short_side": 32} | {key: other[key] for key in ("short_side", "quality") if key in other}
    fields = {key: other[key] for key in ("origin", "image_ids") if key in other}
    others = replace(ratings, **fields).select(other.get("rows", np.arange(24)))
    with pytest.raises(PreparedError, match=rf"holds other prepared photographs \({message}\); delete it or give anot"):
        prepare(others, folder, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"short_side": 0}, "short_side=0 must be a whole number from 1 to 10,000"),
        ({"short_side": 25.5}, r"short_side=25\.5 must be"),
        ({"quality": 101}, "quality=101 must be a whole number from 1 to 100"),
        ({"quality": True}, "quality=True must be"),
    ],
)
def test_settings_out_of_range_are_refused(ratings, folder, settings, message):
    with pytest.raises(PreparedError, match=message):
        prepare(ratings, folder, **settings)
    assert not folder.exists()


def test_no_photographs_are_refused(ratings, folder):
    with pytest.raises(PreparedError, match="tiny has no photographs to prepare"):
        prepare(ratings.select(np.arange(0)), folder)


SCRIPT = """
import os, pickle, signal, sys
from pathlib import Path
from awcu.datasets import shard_writer, shards
from awcu.datasets.prepared import prepare

def main(ratings, folder, workers, kill_after):
    def advance(count):
        done.append(count)
        if len(done) == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
    def make_shard(path, *arguments):
        print(path.stem, flush=True)
        return real(path, *arguments)
    done, real = [], shard_writer.make_shard
    shards.PHOTOGRAPHS = 2
    if workers == 1:
        shard_writer.make_shard = make_shard
    prepare(ratings, folder, 32, workers=workers, advance=advance)
    assert "torch" not in sys.modules

if __name__ == "__main__":
    main(pickle.loads(Path(sys.argv[1]).read_bytes()), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
"""


@pytest.fixture
def command(tmp_path, ratings, folder, monkeypatch):
    monkeypatch.setattr(shards, "PHOTOGRAPHS", 2)
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "ratings.pickle").write_bytes(pickle.dumps(ratings))

    def command(workers, kill_after=0):
        arguments = [tmp_path / "script.py", tmp_path / "ratings.pickle", folder, workers, kill_after]
        return [sys.executable, *map(str, arguments)]

    return command


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_preparation_goes_on_where_it_was(ratings, folder, tmp_path, command, workers):
    """With two workers it ends at all only if they end with it, since they hold its output open."""
    killed = subprocess.run(command(workers, kill_after=2), capture_output=True, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    there = files_in(folder)
    assert 2 <= len(there) < 12
    (folder / "shards" / ".00011.arrow.77.tmp").write_bytes(b"half a shard")
    with pytest.raises(PreparedError, match=r"is not finished: \d+ of 12 shards are missing; run awcu prepare again"):
        Prepared.open(folder)
    resumed = prepare(ratings, folder, 32, workers=1)
    assert {name: files_in(folder)[name] for name in there} == there
    assert len(list((folder / "shards").iterdir())) == 12
    assert resumed.fingerprint == prepare(ratings, tmp_path / "unbroken", 32, workers=1).fingerprint


def test_two_processes_at_once_make_each_shard_once(command, folder):
    runs = [subprocess.Popen(command(1), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    made = [line for out, _ in outputs for line in out.split()]
    assert sorted(made) == [f"{number:05d}" for number in range(12)]


def test_a_worker_that_is_killed_is_named(ratings, folder, monkeypatch, four_a_shard):
    class Pool:
        def __init__(self, *arguments):
            pass

        def submit(self, *arguments):
            raise BrokenProcessPool("a child process terminated abruptly")

        def shutdown(self, cancel_futures):
            pass

    monkeypatch.setattr(shard_writer, "ProcessPoolExecutor", Pool)
    with pytest.raises(
        PreparedError, match="was killed, perhaps for want of memory; run awcu prepare again with fewer"
    ):
        prepare(ratings, folder, 32, workers=2)


class TestFullDisk:
    def test_nothing_half_written_is_left(self, ratings, folder):
        message = r"prepared cannot be written \(File too large\); make room or give"
        with file_size_limit(4000), pytest.raises(PreparedError, match=message):
            prepare(ratings, folder, 32)
        assert sorted(path.name for path in folder.rglob("*")) == [".lock", "settings.json", "shards"]

    def test_it_goes_on_where_it_was(self, ratings, folder, monkeypatch, four_a_shard):
        def write(path, content):
            if "00002" in path.name:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(path, content)

        real = shard_writer.write_atomically
        with monkeypatch.context() as patch:
            patch.setattr(shard_writer, "write_atomically", write)
            with pytest.raises(PreparedError, match=r"cannot be written \(No space left on device\); make room or"):
                prepare(ratings, folder, 32, workers=1)
        there = files_in(folder)
        assert sorted(there) == ["shards/00000.arrow", "shards/00001.arrow"]
        prepare(ratings, folder, 32, workers=1)
        assert {name: files_in(folder)[name] for name in there} == there
        assert len(files_in(folder)) == SIX

    def test_a_folder_that_cannot_be_made(self, ratings, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(PreparedError, match=r"file/prepared cannot be written \(Not a directory\); make room or"):
            prepare(ratings, tmp_path / "file" / "prepared")


def test_settings_are_written_for_people(ratings, folder):
    prepare(ratings, folder, 32)
    settings = json.loads((folder / "settings.json").read_text())
    photographs = hashlib.sha256("\n".join(sorted(ratings.image_ids)).encode()).hexdigest()
    assert settings == {
        "format": 1,
        "data": "tiny",
        "short_side": 32,
        "quality": 95,
        "n": 24,
        "photographs": photographs,
    }


def test_a_table_read_again_is_the_same(rated_folder, ratings, folder):
    """Another split of the same photographs needs no other folder."""
    prepare(ratings, folder, 32)
    other = table.read(root=rated_folder, val=0.1, test=0.4, split_seed=3, **TABLE)
    written = files_in(folder)
    prepare(other, folder, 32)
    assert files_in(folder) == written

"""Features that equal the network's own, are computed once, survive a kill and refuse a damaged file."""

import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import file_size_limit

from awcu.errors import FeatureError, ImageError
from awcu.images.decoding import decode
from awcu.images.transforms import Preparation
from awcu.models.network import AestheticNet
from awcu.training import features
from awcu.training.features import Features, extract, side_by_side

pytestmark = pytest.mark.usefixtures("one_thread")

BACKBONE = "mobilenetv3_small_050"
CHANNELS = 288
PREPARATION = Preparation(64, "warp", [0.5] * 3, [0.5] * 3)
DESCRIPTION = {"backbone": BACKBONE, "aspect": "warp", "mean": (0.5, 0.5, 0.5)}
BATCHES = 5  # 24 photographs, 5 a batch


def seeded_network(seed=0):
    torch.manual_seed(seed)
    return AestheticNet(BACKBONE, image_size=64)


@pytest.fixture
def network():
    return seeded_network()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "features"


def extracted(ratings, network, folder, description=DESCRIPTION, preparation=PREPARATION, **options):
    settings = {"batch_size": 5, "workers": 0, "precision": "32-true", "folder": folder}
    return extract(ratings, network, description, preparation, **settings | options)


def calls_of(network):
    """A list that grows by the batch size with every forward pass."""
    calls = []
    network.backbone.conv_stem.register_forward_pre_hook(lambda module, inputs: calls.append(len(inputs[0])))
    return calls


class StoppedError(Exception):
    """Stands for whatever stops an extraction."""


def interrupt_after(network, batches):
    """Make the forward pass after this many batches fail; gives the handle that undoes it."""
    left = iter(range(batches))

    def hook(module, inputs):
        if next(left, None) is None:
            raise StoppedError

    return network.backbone.conv_stem.register_forward_pre_hook(hook)


def prepared(paths):
    return torch.stack([PREPARATION(decode(path, 64)) for path in paths])


@torch.no_grad()
def seen_directly(network, images):
    """The feature maps of prepared images, as the network itself gives them."""
    network = copy.deepcopy(network).eval()
    return network.features(images).numpy()


def only(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


def cache_in(folder):
    (found,) = [path for path in folder.iterdir() if path.is_dir()]
    return found


def manifest_in(folder):
    return json.loads((folder / "manifest.json").read_text())


def rewrite(folder, **changes):
    (folder / "manifest.json").write_text(json.dumps(manifest_in(folder) | changes))


def test_features_are_those_of_the_network_in_evaluation_mode(ratings, network, folder):
    found = extracted(ratings, network, folder)
    expected = seen_directly(network, prepared(ratings.image_paths)).mean((2, 3))
    assert found.pooled.shape == (24, 1, CHANNELS)
    assert found.pooled.dtype == np.float32
    assert found.maps is None
    assert found.unreadable == {}
    assert found.image_ids.tolist() == ratings.image_ids.tolist()
    np.testing.assert_allclose(found.pooled[:, 0], expected, rtol=1e-4, atol=1e-6)
    assert expected.std(0).max() > 1e-3, "photographs must differ, or a wrong order could hide"


def test_the_maps_average_to_the_pooled_features(ratings, network, folder):
    found = extracted(ratings, network, folder, maps=True)
    expected = seen_directly(network, prepared(ratings.image_paths))
    assert found.maps.shape == (24, 1, CHANNELS, 2, 2)
    assert found.maps.dtype == np.float16
    np.testing.assert_allclose(found.maps[:, 0], expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.maps.astype(np.float32).mean((3, 4)), found.pooled, rtol=1e-3, atol=1e-4)


def test_the_second_view_is_the_mirror_image(ratings, network, folder):
    found = extracted(ratings, network, folder, flip=True, maps=True)
    mirrored = torch.from_numpy(prepared(ratings.image_paths).numpy()[..., ::-1].copy())
    assert found.pooled.shape == (24, 2, CHANNELS)
    np.testing.assert_allclose(found.pooled[:, 1], seen_directly(network, mirrored).mean((2, 3)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.maps.astype(np.float32).mean((3, 4)), found.pooled, rtol=1e-3, atol=1e-4)
    assert not np.allclose(found.pooled[:, 0], found.pooled[:, 1], rtol=1e-2, atol=1e-4)


def test_the_network_and_the_random_numbers_stay_as_they_were(ratings, network, folder):
    network.backbone.train()
    network.backbone.bn1.eval()
    weights = copy.deepcopy(network.state_dict())
    modes = [module.training for module in network.modules()]
    assert len(set(modes)) == 2
    torch.manual_seed(7)
    drawn = torch.rand(1)
    torch.manual_seed(7)
    extracted(ratings, network, folder)
    assert torch.rand(1) == drawn
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in weights.items())
    network(torch.zeros(2, 3, 64, 64)).aesthetic.sum().backward()  # not left in inference mode


def test_an_interrupted_extraction_leaves_the_network_as_it_was_too(ratings, network, folder):
    interrupt_after(network, 1)
    with pytest.raises(StoppedError):
        extracted(ratings, network, folder)
    assert network.backbone.training
    assert network.backbone.bn1.training


def test_a_second_call_reads_what_the_first_computed_and_is_silent(ratings, network, folder, capsys):
    calls = calls_of(network)
    first = extracted(ratings, network, folder, flip=True, maps=True)
    assert calls == [1] + [n for n in (5, 5, 5, 5, 4) for _ in range(2)]
    shown = capsys.readouterr()
    assert "24 photographs" in shown.err
    assert shown.out == ""
    calls.clear()
    second = extracted(ratings, network, folder, flip=True, maps=True)
    assert calls == []
    assert capsys.readouterr() == ("", "")
    assert second.key == first.key
    assert cache_in(folder).name == f"tiny-{first.key}"
    np.testing.assert_array_equal(second.pooled, first.pooled)
    np.testing.assert_array_equal(second.maps, first.maps)


def test_what_is_read_is_on_disk_and_cannot_be_written(ratings, network, folder):
    found = extracted(ratings, network, folder, maps=True)
    for array, name in ((found.pooled, "pooled.npy"), (found.maps, "maps.npy")):
        assert array.filename == cache_in(folder) / name
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    copied = found.of(ratings.image_ids)
    copied[:] = 0
    assert found.pooled.any()


@pytest.mark.parametrize(
    "options",
    [
        {"flip": True},
        {"maps": True},
        {"preparation": replace(PREPARATION, size=48)},
        {"precision": "bf16-mixed"},
        {"description": DESCRIPTION | {"aspect": "crop"}},
    ],
    ids=lambda options: next(iter(options)),
)
def test_another_request_has_another_key(ratings, network, folder, options):
    network = network.eval()
    plain = extracted(ratings, network, folder)
    calls = calls_of(network)
    other = extracted(ratings, network, folder, **options)
    assert other.key != plain.key
    assert calls
    assert extracted(ratings, network, folder).key == plain.key


@torch.no_grad()
@pytest.mark.parametrize("tensor", ["conv_stem.weight", "bn1.running_mean", "bn1.num_batches_tracked"])
def test_other_weights_have_another_key(ratings, network, folder, tensor):
    plain = extracted(ratings, network, folder)
    network.backbone.state_dict()[tensor].add_(1)
    assert extracted(ratings, network, folder).key != plain.key


def test_the_heads_play_no_part_in_the_key(ratings, network, folder):
    plain = extracted(ratings, network, folder)
    torch.nn.init.normal_(network.aesthetic_head.weight)
    assert extracted(ratings, network, folder).key == plain.key


def test_another_version_of_a_package_has_another_key(ratings, network, folder, monkeypatch):
    plain = extracted(ratings, network, folder)
    versions = manifest_in(cache_in(folder))["made_of"]["packages"]
    assert list(versions) == ["timm", "albumentations", "pillow", "opencv"]
    monkeypatch.setattr(features.metadata, "version", lambda package: "0.1")
    assert extracted(ratings, network, folder).key != plain.key


def test_a_touched_photograph_is_computed_anew(ratings, network, folder):
    plain = extracted(ratings, network, folder)
    path = Path(ratings.image_paths[3])
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    touched = extracted(ratings, network, folder)
    shutil.copyfile(ratings.image_paths[4], path)
    replaced = extracted(ratings, network, folder)
    assert len({plain.key, touched.key, replaced.key}) == 3
    np.testing.assert_array_equal(touched.pooled, plain.pooled)
    np.testing.assert_allclose(replaced.pooled[3], plain.pooled[4], rtol=1e-4, atol=1e-6)
    assert not np.allclose(plain.pooled[3], plain.pooled[4], rtol=1e-2)


def test_other_ratings_have_another_key(ratings, network, folder):
    plain = extracted(ratings, network, folder)
    fewer = extracted(ratings.select(np.arange(20)), network, folder)
    shifted = extracted(replace(ratings, midpoint=3.5), network, folder)
    assert len({plain.key, fewer.key, shifted.key}) == 3
    assert fewer.pooled.shape == (20, 1, CHANNELS)


def test_order_and_split_of_the_ratings_change_nothing(ratings, network, folder):
    plain = extracted(ratings, network, folder)
    calls = calls_of(network)
    order = np.random.default_rng(0).permutation(24)
    shuffled = replace(ratings.select(order), split=np.roll(ratings.split, 5))
    found = extracted(shuffled, network, folder)
    assert found.key == plain.key
    assert calls == []
    expected = seen_directly(network, prepared(shuffled.image_paths)).mean((2, 3))
    np.testing.assert_allclose(found.of(shuffled.image_ids)[:, 0], expected, rtol=1e-4, atol=1e-6)


def test_shuffled_ratings_are_extracted_right_the_first_time_too(ratings, network, folder):
    shuffled = ratings.select(np.random.default_rng(0).permutation(24))
    found = extracted(shuffled, network, folder, batch_size=7)
    expected = seen_directly(network, prepared(shuffled.image_paths)).mean((2, 3))
    np.testing.assert_allclose(found.of(shuffled.image_ids)[:, 0], expected, rtol=1e-4, atol=1e-6)


def test_rows_come_in_the_order_asked_for(ratings, network, folder):
    found = extracted(ratings, network, folder, flip=True)
    rows = [9, 2, 23, 2]
    np.testing.assert_array_equal(found.of(ratings.image_ids[rows]), found.pooled[rows])
    assert found.of(ratings.image_ids[:0]).shape == (0, 2, CHANNELS)


def test_an_id_without_features_is_named(ratings, network, folder):
    found = extracted(ratings.select(np.arange(18)), network, folder)
    with pytest.raises(FeatureError, match=r"no row for (picture_\d\d\.jpg, ){4}picture_22\.jpg and 1 more; leave out"):
        found.of(ratings.image_ids)
    with pytest.raises(FeatureError, match=r"no row for picture_20\.jpg; leave out"):
        found.of(ratings.image_ids[[3, 20]])


def test_an_interrupted_extraction_goes_on_where_it_was(ratings, network, folder, tmp_path):
    unbroken = extracted(ratings, network, tmp_path / "unbroken", flip=True, maps=True)
    handle = interrupt_after(network, 1 + 2 * 3)  # one black image tells the size of the maps
    with pytest.raises(StoppedError):
        extracted(ratings, network, folder, flip=True, maps=True)
    handle.remove()
    partial = only(folder, "*.partial")
    assert manifest_in(partial)["rows_done"] == 15
    calls = calls_of(network)
    found = extracted(ratings, network, folder, flip=True, maps=True)
    assert calls == [5, 5, 4, 4]
    assert not partial.exists()
    np.testing.assert_array_equal(found.pooled, unbroken.pooled)
    np.testing.assert_array_equal(found.maps, unbroken.maps)


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
sys.path[:0] = [sys.argv[1], os.path.dirname(sys.argv[1])]
import test_features
from awcu.training import features
from awcu.datasets.readers import table
from conftest import TABLE

torch.set_num_threads(1)
network = test_features.seeded_network()
calls = test_features.calls_of(network)
def kill(module, inputs):
    if len(calls) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
network.backbone.conv_stem.register_forward_pre_hook(kill)
features.SECONDS_BETWEEN_SAVES = 0
ratings = table.read(root=Path(sys.argv[2]), val=0.25, test=0.25, **TABLE)
test_features.extracted(ratings, network, Path(sys.argv[3]))
"""


@pytest.mark.slow
def test_a_killed_process_is_continued_by_the_next(ratings, rated_folder, network, folder):
    arguments = [Path(__file__).parent, rated_folder, folder]
    killed = subprocess.run([sys.executable, "-c", KILLED, *map(str, arguments)], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert manifest_in(only(folder, "*.partial"))["rows_done"] == 15
    assert not list(folder.glob("tiny-????????????????"))
    calls = calls_of(network)
    found = extracted(ratings, network, folder)
    assert calls == [5, 4]
    expected = seen_directly(network, prepared(ratings.image_paths)).mean((2, 3))
    np.testing.assert_allclose(found.pooled[:, 0], expected, rtol=1e-4, atol=1e-6)


def cut(path):
    os.truncate(path, path.stat().st_size - 1000)


LEFTOVERS = {
    "of another key": lambda work: rewrite(work, key="0" * 16),
    "of other weights": lambda work: rewrite(work, made_of=manifest_in(work)["made_of"] | {"weights": "0"}),
    "without manifest": lambda work: (work / "manifest.json").unlink(),
    "with half a manifest": lambda work: os.truncate(work / "manifest.json", 100),
    "with too many rows done": lambda work: rewrite(work, rows_done=25),
    "cut short": lambda work: cut(work / "pooled.npy"),
}


@pytest.mark.parametrize("damage", LEFTOVERS.values(), ids=LEFTOVERS)
def test_leftovers_that_do_not_fit_are_discarded(ratings, network, folder, damage):
    handle = interrupt_after(network, 2)
    with pytest.raises(StoppedError):
        extracted(ratings, network, folder)
    handle.remove()
    work = only(folder, "*.partial")
    (work / "stray").touch()
    damage(work)
    calls = calls_of(network)
    found = extracted(ratings, network, folder)
    assert len(calls) == BATCHES
    assert sorted(path.name for path in cache_in(folder).iterdir()) == ["manifest.json", "pooled.npy"]
    expected = seen_directly(network, prepared(ratings.image_paths)).mean((2, 3))
    np.testing.assert_allclose(found.pooled[:, 0], expected, rtol=1e-4, atol=1e-6)


def test_a_second_process_waits_for_the_first(ratings, network, folder):
    """Two threads stand for two processes; the first is held up until the second has long begun."""
    first, second = network, copy.deepcopy(network)
    calls, other_calls = calls_of(first), calls_of(second)
    second_began, found = threading.Event(), {}

    def wait(module, inputs):
        assert second_began.wait(60)
        time.sleep(0.3)

    handle = first.backbone.conv_stem.register_forward_pre_hook(wait)
    one = threading.Thread(target=lambda: found.update(one=extracted(ratings, first, folder)))
    one.start()
    while not list(folder.glob("*.partial")):
        time.sleep(0.01)
    second_began.set()
    found["two"] = extracted(ratings, second, folder)
    one.join()
    handle.remove()
    assert len(calls) == BATCHES
    assert other_calls == []
    np.testing.assert_array_equal(found["one"].pooled, found["two"].pooled)


def swap_dtype(cache):
    np.save(cache / "pooled.npy", np.load(cache / "pooled.npy").astype(np.float64))


def drop_a_row(cache):
    np.save(cache / "pooled.npy", np.load(cache / "pooled.npy")[1:])


DAMAGES = {
    "pooled cut": ("pooled.npy cannot be used", lambda cache: cut(cache / "pooled.npy")),
    "pooled empty": ("pooled.npy cannot be used", lambda cache: os.truncate(cache / "pooled.npy", 0)),
    "pooled missing": ("pooled.npy cannot be used", lambda cache: (cache / "pooled.npy").unlink()),
    "pooled no array": (
        "pooled.npy cannot be used",
        lambda cache: (cache / "pooled.npy").write_bytes(b"no array" * 9000),
    ),
    "pooled of objects": (
        "pooled.npy cannot be used",
        lambda cache: np.save(cache / "pooled.npy", np.array([{}]), allow_pickle=True),
    ),
    "pooled float64": (r"pooled.npy cannot be used .*float64 \(24, 1, 288\) instead of float32", swap_dtype),
    "pooled a row short": (r"pooled.npy cannot be used .*\(23, 1, 288\) instead of float32 \(24, 1, 288\)", drop_a_row),
    "maps missing": ("maps.npy cannot be used", lambda cache: (cache / "maps.npy").unlink()),
    "manifest missing": ("manifest.json cannot be used", lambda cache: (cache / "manifest.json").unlink()),
    "manifest cut": ("manifest.json cannot be used", lambda cache: os.truncate(cache / "manifest.json", 100)),
    "manifest a list": ("manifest.json cannot be used", lambda cache: (cache / "manifest.json").write_text("[]")),
    "manifest empty": ("manifest.json cannot be used", lambda cache: (cache / "manifest.json").write_text("{}")),
    "manifest with more": ("manifest.json cannot be used", lambda cache: rewrite(cache, comment="")),
    "other key": ("manifest.json cannot be used .*made of something else", lambda cache: rewrite(cache, key="0" * 16)),
    "other backbone": (
        "manifest.json cannot be used .*made of something else",
        lambda cache: rewrite(cache, made_of=manifest_in(cache)["made_of"] | {"weights": "0" * 64}),
    ),
    "an id short": (
        "manifest.json cannot be used .*23 photographs for 24 rows",
        lambda cache: rewrite(cache, image_ids=manifest_in(cache)["image_ids"][1:]),
    ),
    "an id twice": (
        "manifest.json cannot be used .*23 photographs for 24 rows",
        lambda cache: rewrite(
            cache, image_ids=manifest_in(cache)["image_ids"][:1] + manifest_in(cache)["image_ids"][:-1]
        ),
    ),
    "not all rows done": (
        "manifest.json cannot be used .*20 of 24 rows are done",
        lambda cache: rewrite(cache, rows_done=20),
    ),
    "maps forgotten": (
        "manifest.json cannot be used .*lists the arrays pooled",
        lambda cache: rewrite(cache, shapes={"pooled": [24, 1, CHANNELS]}),
    ),
}


@pytest.mark.parametrize(("named", "damage"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_cache_is_refused_not_computed_again(ratings, network, folder, named, damage):
    extracted(ratings, network, folder, maps=True)
    cache = cache_in(folder)
    damage(cache)
    calls = calls_of(network)
    with pytest.raises(FeatureError, match=rf"tiny-\w+/{named}.*; delete {cache} and run again"):
        extracted(ratings, network, folder, maps=True)
    assert calls == []


def test_the_manifest_of_another_cache_is_refused(ratings, network, folder, tmp_path):
    extracted(ratings, network, folder)
    extracted(ratings, seeded_network(1), tmp_path / "other")
    shutil.copy(cache_in(tmp_path / "other") / "manifest.json", cache_in(folder))
    with pytest.raises(FeatureError, match=r"manifest\.json cannot be used .*made of something else.*delete"):
        extracted(ratings, network, folder)


def test_damaged_values_name_their_photographs(ratings, network, folder):
    extracted(ratings, network, folder)
    np.lib.format.open_memmap(cache_in(folder) / "pooled.npy", "r+")[[4, 7], 0, 100] = np.nan, np.inf
    found = extracted(ratings, network, folder)
    named = r"picture_07\.jpg, picture_04\.jpg are not finite, .*delete its folder and run again"
    with pytest.raises(FeatureError, match=named):
        found.of(ratings.image_ids[::-1])
    sound = np.delete(np.arange(24), [4, 7])
    assert np.isfinite(found.of(ratings.image_ids[sound])).all()


def test_features_that_are_not_finite_name_the_photographs_and_are_not_kept(ratings, network, folder):
    calls = calls_of(network)

    def spoil(module, inputs, output):
        if len(calls) == 2:
            output[[1, 3]] = torch.nan
        return output

    handle = network.backbone.conv_stem.register_forward_hook(spoil)
    with pytest.raises(
        FeatureError, match=r"pooled features of picture_06\.jpg, picture_08\.jpg are not finite as .*32"
    ):
        extracted(ratings, network, folder)
    assert manifest_in(only(folder, "*.partial"))["rows_done"] == 5
    handle.remove()
    found = extracted(ratings, network, folder)
    assert np.isfinite(found.of(ratings.image_ids)).all()


def test_maps_beyond_half_precision_are_refused(ratings, network, folder):
    network.backbone.blocks[-1].register_forward_hook(lambda module, inputs, output: output / output.amax() * 1e5)
    with pytest.raises(FeatureError, match=r"the maps features of .* are not finite as .*16; extract without maps"):
        extracted(ratings, network, folder, maps=True)
    assert extracted(ratings, network, folder).pooled.max() > 1e4


def test_unreadable_photographs_have_no_row_and_are_listed(ratings, network, folder):
    missing, empty, damaged = (Path(path) for path in ratings.image_paths[[2, 11, 17]])
    missing.unlink()
    empty.write_bytes(b"")
    os.truncate(damaged, damaged.stat().st_size // 2)
    found = extracted(ratings, network, folder)
    assert list(found.unreadable) == ["picture_02.jpg", "picture_11.jpg", "picture_17.jpg"]
    assert [reason.split(";")[0].split(": ")[1][:12] for reason in found.unreadable.values()] == [
        "no such file",
        "zero bytes",
        "damaged or c",
    ]
    sound = np.delete(np.arange(24), [2, 11, 17])
    assert found.image_ids.tolist() == ratings.image_ids[sound].tolist()
    expected = seen_directly(network, prepared(ratings.image_paths[sound])).mean((2, 3))
    np.testing.assert_allclose(found.of(ratings.image_ids[sound])[:, 0], expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(FeatureError, match=r"no row for picture_02\.jpg, picture_11\.jpg, picture_17\.jpg; leave out"):
        found.of(ratings.image_ids)
    assert extracted(ratings, network, folder).unreadable == found.unreadable


def test_a_photograph_that_comes_back_gets_its_row(ratings, network, folder):
    path = Path(ratings.image_paths[2])
    content = path.read_bytes()
    path.unlink()
    assert extracted(ratings, network, folder).pooled.shape[0] == 23
    path.write_bytes(content)
    assert extracted(ratings, network, folder).pooled.shape[0] == 24


def test_without_a_readable_photograph_there_is_nothing_to_extract(ratings, network, folder):
    for path in ratings.image_paths:
        Path(path).unlink()
    with pytest.raises(FeatureError, match=r"tiny: none of its 24 .*picture_00\.jpg: no such file; check the image"):
        extracted(ratings, network, folder)
    with pytest.raises(FeatureError, match=r"tiny: none of its 0 photographs .*; give ratings with photographs"):
        extracted(ratings.select(np.arange(0)), network, folder)
    assert not [path for path in folder.iterdir() if path.is_dir()]


def test_missing_photographs_may_be_refused_before_any_is_seen(ratings, network, folder):
    complete = extracted(ratings, network, folder, missing=False)
    for path in ratings.image_paths[[3, 5, 6, 7, 8, 9, 20]]:
        Path(path).unlink()
    Path(ratings.image_paths[11]).write_bytes(b"")  # is there, and found when it is decoded
    calls = calls_of(network)
    named = r"tiny: 7 of 24 photographs are missing: \S+picture_03\.jpg, (\S+, ){3}\S+picture_08\.jpg and 2 more; put"
    with pytest.raises(ImageError, match=named):
        extracted(ratings, network, folder, missing=False)
    assert calls == []
    assert cache_in(folder).name.endswith(complete.key)
    # What is in the cache needs no files.
    assert extracted(ratings, network, folder).pooled.shape[0] == 16
    assert extracted(ratings, network, folder, missing=False).pooled.shape[0] == 16


class TestSideBySide:
    ONE = Features(
        np.array(["b", "a", "d"]), np.array([[[1, 2]], [[3, 4]], [[5, 6]]], np.float32), None, {"c": "empty"}, "one"
    )
    OTHER = Features(
        np.array(["c", "a", "b"]), np.array([[[7]], [[8]], [[9]]], np.float32), None, {"d": "too small"}, "other"
    )

    def test_channels_of_a_photograph_follow_one_another(self):
        found = side_by_side([self.ONE, self.OTHER])
        assert found.image_ids.tolist() == ["b", "a"]
        assert found.pooled.tolist() == [[[1, 2, 9]], [[3, 4, 8]]]
        assert found.pooled.dtype == np.float32
        assert found.maps is None
        assert found.of(np.array(["a"])).tolist() == [[[3, 4, 8]]]

    def test_what_one_cannot_read_is_unreadable(self):
        assert side_by_side([self.ONE, self.OTHER]).unreadable == {"c": "empty", "d": "too small"}

    def test_the_key_is_that_of_these_in_this_order(self):
        keys = {side_by_side(these).key for these in ([self.ONE, self.OTHER], [self.OTHER, self.ONE], [self.ONE] * 2)}
        assert len(keys) == 3
        assert side_by_side([self.ONE, self.OTHER]).key in keys

    def test_one_alone_is_itself(self):
        assert side_by_side([self.ONE]) is self.ONE


def test_an_unknown_precision_is_refused(ratings, network, folder):
    with pytest.raises(FeatureError, match=r"precision='16-mixed' must be one of 32-true, bf16-mixed"):
        extracted(ratings, network, folder, precision="16-mixed")
    assert not folder.exists()


def test_half_precision_is_close_to_the_full_one_but_not_it(ratings, network, folder):
    full = extracted(ratings, network, folder).pooled
    half = extracted(ratings, network, folder, precision="bf16-mixed").pooled
    assert half.dtype == np.float32
    difference = np.abs(half - full).max() / np.abs(full).max()
    assert 0 < difference < 0.05


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has a default of its own")
def test_a_processor_computes_in_full_precision_by_default(ratings, network, folder):
    plain = extracted(ratings, network, folder)
    assert extracted(ratings, network, folder, precision=None).key == plain.key


def test_features_that_do_not_fit_on_the_disk_are_refused_beforehand(ratings, network, folder, monkeypatch):
    needed = 24 * CHANNELS * 4  # bytes
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(features.shutil, "disk_usage", lambda path: usage(10**9, 10**9, needed - 1))
    calls = calls_of(network)
    with pytest.raises(FeatureError, match=r"pooled\.npy needs 0\.0 GB, 0\.0 GB are free; choose another folder"):
        extracted(ratings, network, folder)
    assert calls == []
    monkeypatch.setattr(features.shutil, "disk_usage", lambda path: usage(10**9, 10**9, needed))
    assert extracted(ratings, network, folder).pooled.any()


def test_the_room_for_features_is_taken_at_once(folder):
    """A file with holes would meet a full disk in the middle, where the system kills whoever writes into its map."""
    path = folder / "pooled.npy"
    folder.mkdir(exist_ok=True)
    features.blank_array(path, (1000, 1, 500))
    assert path.stat().st_blocks * 512 >= 2_000_000
    with (
        file_size_limit(10_000),
        pytest.raises(FeatureError, match=r"pooled\.npy cannot be written \(File too large\)"),
    ):
        features.blank_array(path, (1000, 1, 500))


def test_loader_processes_change_nothing(ratings, network, folder, tmp_path):
    alone = extracted(ratings, network, folder, workers=0)
    calls = calls_of(network)
    helped = extracted(ratings, network, tmp_path / "helped", workers=2)
    assert calls == [5, 5, 5, 5, 4]
    assert helped.key == alone.key
    np.testing.assert_array_equal(helped.pooled, alone.pooled)


@pytest.mark.parametrize(("workers", "cores", "expected"), [(None, 4, 3), (None, 64, 8), (None, 1, 0), (2, 64, 2)])
def test_workers_default_to_one_a_core_but_one(ratings, network, folder, monkeypatch, workers, cores, expected):
    asked = []
    real = features.DataLoader

    def loader(*arguments, num_workers, **options):
        asked.append(num_workers)
        return real(*arguments, **options)

    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setattr(features, "DataLoader", loader)
    extracted(ratings.select(np.arange(6)), network, folder, workers=workers)
    assert asked == [expected]


def test_the_cache_is_the_users_by_default(ratings, network, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = extracted(ratings, network, None)
    assert Path(found.pooled.filename).parent == tmp_path / "cache" / "awcu" / "features" / f"tiny-{found.key}"


@pytest.mark.parametrize(
    ("name", "slug"), [("My Photographs (2024)", "my-photographs-2024"), ("../..", "ratings"), ("Zürich", "zürich")]
)
def test_the_folder_is_named_after_the_data_set(ratings, network, folder, name, slug):
    found = extracted(replace(ratings, name=name), network, folder)
    assert cache_in(folder).name == f"{slug}-{found.key}"

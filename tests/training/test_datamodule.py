from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from awcu.errors import ImageError, RatingsError, TaskError
from awcu.images.decoding import upright_size
from awcu.images.transforms import Preparation
from awcu.ratings.weighting import Drop, SampleWeights, Step, Uniform
from awcu.training import datamodule as data
from awcu.training.datamodule import (
    Flaws,
    RatingData,
    RatingDataset,
    frames_of,
    readable,
)

PLAIN = Preparation(32, "warp", [0.5] * 3, [0.5] * 3)
FLIPPING = Preparation(32, "warp", [0.5] * 3, [0.5] * 3, flip=True)


class TrainerAt:
    """What a loader asks a trainer for."""

    def __init__(self, current_epoch, max_epochs, batch_idx=-1, global_rank=0, world_size=1):
        self.current_epoch = current_epoch
        self.max_epochs = max_epochs
        self.global_rank = global_rank
        self.world_size = world_size
        self.fit_loop = SimpleNamespace(epoch_loop=SimpleNamespace(batch_idx=batch_idx))


def rating_data(
    ratings, sample_weights, epoch=0, epochs=1, batch_size=4, weighted_sampling=False, epoch_length=None, **trainer
):
    module = RatingData(
        ratings,
        sample_weights,
        FLIPPING,
        PLAIN,
        batch_size,
        workers=0,
        seed=0,
        weighted_sampling=weighted_sampling,
        epoch_length=epoch_length,
    )
    module.trainer = TrainerAt(epoch, epochs, **trainer)
    return module


def test_unreadable_photographs_are_all_listed_and_can_be_excluded(ratings):
    first, second = ratings.image_paths[[3, 7]]
    Path(first).write_bytes(b"")
    Path(second).write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"(?s)2 of 24 photographs.*picture_03.*picture_07.*on_unreadable=exclude"):
        readable(ratings, exclude=False)
    kept, excluded = readable(ratings, exclude=True)
    assert excluded == 2
    assert len(kept) == 22
    assert not set(kept.image_ids) & set(ratings.image_ids[[3, 7]])


def test_readable_ratings_come_back_as_they_are(ratings, capsys):
    assert readable(ratings, exclude=False) == (ratings, 0)
    assert capsys.readouterr().out == ""


def test_of_many_unreadable_ones_the_first_are_listed(ratings, monkeypatch):
    monkeypatch.setattr(data, "FAULTS_SHOWN", 2)
    for path in ratings.image_paths[:5]:
        Path(path).unlink()
    with pytest.raises(ImageError) as caught:
        readable(ratings, exclude=False)
    listed = str(caught.value).splitlines()[1:-1]
    assert [line.strip() for line in listed[2:]] == ["and 3 more"]
    assert [Path(path).name in line for path, line in zip(ratings.image_paths, listed[:2], strict=False)] == [True] * 2


def test_a_long_look_is_announced(ratings, monkeypatch, capsys):
    monkeypatch.setattr(data, "MANY", 23)
    readable(ratings, exclude=False)
    assert "unreadable ones among 24 photographs; awcu prepare does so once" in capsys.readouterr().out


def test_item_holds_what_was_rated(ratings):
    weights = np.arange(len(ratings), dtype=np.float64)
    item = RatingDataset(ratings, PLAIN, weights)[5]
    assert item["image"].shape == (3, 32, 32)
    assert item["row"] == 5
    assert item["high"] == ratings.high[5]
    assert item["weight"] == 5
    np.testing.assert_allclose(item["distribution"], ratings.votes[5] / ratings.votes[5].sum(), rtol=1e-6)
    np.testing.assert_array_equal(item["attributes"], ratings.attributes[5])


def test_mean_scores_alone_give_an_empty_distribution(make_ratings):
    assert RatingDataset(make_ratings(mean_score=[1, 4]), PLAIN).distribution.shape == (2, 0)


def test_augmentation_depends_on_seed_and_row_alone(ratings):
    one, other = (RatingDataset(ratings, FLIPPING, seed=(0, 2)) for _ in range(2))
    for row in (7, 0, 3):
        other[row]
    same = [torch.equal(one[row]["image"], other[row]["image"]) for row in range(24)]
    assert all(same)
    next_epoch = RatingDataset(ratings, FLIPPING, seed=(0, 3))
    assert not all(torch.equal(one[row]["image"], next_epoch[row]["image"]) for row in range(24))


class TestFlaws:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"kinds": ["blur", "blurr"]}, r"images.flaws names 'blurr', which is none of smear, .*blur"),
            ({"kinds": "blur"}, r"images.flaws=blur must be a list: images.flaws=\[blur\]"),
            ({"kinds": ["blur"], "share": 0}, r"images.flaw_share=0 must be in \(0, 1\]"),
        ],
    )
    def test_impossible_ones_are_named(self, settings, message):
        with pytest.raises(TaskError, match=message):
            Flaws(**settings)

    def test_a_copy_differs_only_in_the_flaw_of_the_photograph_as_the_network_sees_it(self, ratings):
        plain = RatingDataset(ratings, FLIPPING, seed=(0, 2))
        flawed = RatingDataset(ratings, FLIPPING, seed=(0, 2), flaws=Flaws(["blotch"], share=1))
        for row in range(6):
            item = flawed[row]
            assert torch.equal(item["image"], plain[row]["image"])
            changed = (item["image"] != item["flawed"]).any(0)
            assert changed.any()
            assert not changed[item["place"] == 0].any()
            assert len(item["place"].unique()) == 2
            assert item["place"].max() <= 1

    def test_the_share_of_copies_with_a_flaw_is_the_one_asked_for(self, ratings):
        dataset = RatingDataset(ratings, PLAIN, flaws=Flaws(["dark", "bright"], share=0.25))
        items = [dataset[row] for row in range(24)]
        whole = [bool((item["place"] > 0).all()) for item in items]
        unharmed = [torch.equal(item["image"], item["flawed"]) and not item["place"].any() for item in items]
        assert [not one for one in whole] == unharmed
        assert 1 <= sum(whole) <= 13  # 6 expected; either side beyond has a chance below .002

    def test_only_training_has_them(self, ratings):
        module = RatingData(ratings, SampleWeights(Uniform()), PLAIN, PLAIN, 4, 0, 0, flaws=Flaws(["blur"]))
        module.trainer = TrainerAt(0, 1)
        assert "flawed" in next(iter(module.train_dataloader()))
        assert "flawed" not in next(iter(module.val_dataloader()))


def test_sampled_by_weight_a_photograph_counts_once_in_the_loss(ratings):
    weights = SampleWeights(Step(0.8, 4))
    loss, sampling = (rating_data(ratings, weights, weighted_sampling=by).train_dataloader() for by in (False, True))
    assert {weight for batch in sampling for weight in batch["weight"].tolist()} == {1.0}
    assert len({weight for batch in loss for weight in batch["weight"].tolist()}) == 2
    assert len(loss) == len(sampling)


def test_sampled_by_weight_the_ambiguous_are_never_drawn_under_a_drop(ratings):
    loader = rating_data(ratings, SampleWeights(Drop(0.8)), weighted_sampling=True).train_dataloader()
    margins = ratings.of_split("train").margin
    assert min(margins[row] for batch in loader for row in batch["row"]) >= 0.8


def test_an_epoch_can_be_longer_than_the_photographs_there_are(ratings):
    module = rating_data(ratings, SampleWeights(Uniform()), batch_size=4, epoch_length=41)
    assert (module.steps, len(list(module.train_dataloader()))) == (10, 10)


def test_epoch_has_as_many_steps_when_photographs_are_dropped(ratings):
    everything = rating_data(ratings, SampleWeights(Uniform())).train_dataloader()
    some = rating_data(ratings, SampleWeights(Drop(0.8))).train_dataloader()
    assert len(everything) == len(some)
    assert all(len(batch["row"]) == 4 for batch in some)


@pytest.mark.parametrize(("batch_idx", "left"), [(-1, 3), (0, 2), (1, 1), (2, 3)])
def test_an_interrupted_epoch_has_its_rest_and_one_that_is_over_starts_again(ratings, batch_idx, left):
    def loader(**trainer):
        return rating_data(ratings, SampleWeights(Uniform()), epoch=1, batch_size=3, **trainer).train_dataloader()

    whole = [batch["row"].tolist() for batch in loader()]
    rest = loader(batch_idx=batch_idx)
    assert len(rest) == len(whole) == 3, "Lightning counts the steps that are done as well"
    assert [batch["row"].tolist() for batch in rest] == whole[-left:]


class TestProcesses:
    @pytest.fixture
    def loaders(self, ratings):
        def of(split, processes, **settings):
            data = [
                rating_data(ratings, SampleWeights(Step(0.8, 4)), global_rank=rank, world_size=processes, **settings)
                for rank in range(processes)
            ]
            return [getattr(module, f"{split}_dataloader")() for module in data]

        return of

    def test_they_share_each_batch_of_one_process(self, loaders):
        (one,) = loaders("train", 1)
        two = loaders("train", 2)
        assert [len(loader) for loader in two] == [len(one)] * 2
        for whole, *parts in zip(one, *two, strict=True):
            for key in ("row", "weight"):
                assert whole[key].tolist() == [value for part in parts for value in part[key].tolist()]

    @pytest.mark.parametrize("split", ["val", "test"])
    def test_together_they_see_every_photograph(self, loaders, ratings, split):
        seen = [[row for batch in loader for row in batch["row"].tolist()] for loader in loaders(split, 2)]
        assert len(seen[0]) == len(seen[1])
        assert {*seen[0], *seen[1]} == set(range((ratings.split == split).sum()))

    def test_a_batch_they_cannot_share_evenly_is_refused(self, loaders):
        with pytest.raises(
            RatingsError, match=r"loader\.batch_size=4 cannot be shared by 3 processes; give a multiple"
        ):
            loaders("train", 3)


def test_dropped_photographs_are_never_decoded(ratings, monkeypatch):
    module = rating_data(ratings, SampleWeights(Drop(0.8)))
    train = module.splits["train"]
    assert 0 < (train.margin < 0.8).sum() < len(train)
    decoded = []
    real = data.decode
    monkeypatch.setattr(data, "decode", lambda path, size: decoded.append(path) or real(path, size))
    list(module.train_dataloader())
    assert set(decoded) == set(train.image_paths[train.margin >= 0.8])


def test_weights_reach_the_batch_and_have_mean_one(ratings):
    module = rating_data(ratings, SampleWeights(Step(0.8, 4)))
    expected = module.weights(0, 1)
    assert expected.mean() == pytest.approx(1)
    for batch in module.train_dataloader():
        np.testing.assert_allclose(batch["weight"], expected[batch["row"]], rtol=1e-6)


def test_a_placebo_is_the_same_in_every_epoch_and_drawn_by_the_seed(ratings):
    sampled = SampleWeights(Drop(0.8), permuted=True)
    one, other = (RatingData(ratings, sampled, PLAIN, PLAIN, 4, workers=0, seed=seed) for seed in (1, 2))
    np.testing.assert_array_equal(one.weights(0, 5), one.weights(4, 5))
    np.testing.assert_array_equal(one.weights(0, 5), sampled.at(one.splits["train"], seed=1))
    assert (one.weights(0, 5) != other.weights(0, 5)).any()


def test_annealed_weights_go_from_uniform_to_full_strength(ratings):
    module = rating_data(ratings, SampleWeights(Drop(0.8), anneal="linear"))
    assert (module.weights(0, 5) == 1).all()
    full = SampleWeights(Drop(0.8)).at(module.splits["train"])
    np.testing.assert_array_equal(module.weights(4, 5), full)
    np.testing.assert_array_equal(module.weights(0, 1), full)
    assert (module.weights(2, 5) > 0).all()


@pytest.mark.parametrize("split", ["val", "test"])
def test_evaluation_sees_every_photograph_once_in_order_with_weight_one(ratings, split):
    module = rating_data(ratings, SampleWeights(Drop(0.8)))
    loader = module.val_dataloader() if split == "val" else module.test_dataloader()
    rows = torch.cat([batch["row"] for batch in loader])
    assert rows.tolist() == list(range((ratings.split == split).sum()))
    assert all((batch["weight"] == 1).all() for batch in loader)


@pytest.mark.parametrize(("workers", "cores", "expected"), [(None, 4, 3), (None, 64, 8), (None, 1, 0), (2, 64, 2)])
def test_workers_default_to_one_a_core_but_one(ratings, monkeypatch, workers, cores, expected):
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    module = RatingData(ratings, SampleWeights(Uniform()), PLAIN, PLAIN, 4, workers, seed=0)
    assert module.workers == expected


class TestKeep:
    @pytest.fixture
    def mixed(self, ratings, tmp_path):
        """Every third photograph stands upright."""
        paths = [str(tmp_path / f"{row}.png") for row in range(len(ratings))]
        for row, path in enumerate(paths):
            size = (40, 80) if row % 3 == 0 else (80, 40)
            Image.new("RGB", size, (row, 0, 0)).save(path)
        return replace(ratings, image_paths=np.array(paths))

    def data(self, mixed, **trainer):
        kept = replace(PLAIN, size=48, aspect="keep")
        module = RatingData(mixed, SampleWeights(Uniform()), replace(kept, flip=True), kept, 4, workers=0, seed=0)
        module.trainer = TrainerAt(0, 1, **trainer)
        return module

    def test_batches_have_one_frame_and_full_size(self, mixed):
        module = self.data(mixed)
        batches = list(module.train_dataloader())
        assert len(batches) == len(module.train_dataloader()) == module.steps
        assert {tuple(batch["image"].shape) for batch in batches} == {(4, 3, 64, 32), (4, 3, 32, 64)}
        for batch in batches:
            paths = module.splits["train"].image_paths[batch["row"]]
            assert {upright_size(path)[0] > 40 for path in paths} == {batch["image"].shape[2] > 32}

    def test_evaluation_sees_each_photograph_once_in_its_frame(self, mixed):
        module = self.data(mixed)
        seen = [row for batch in module.test_dataloader() for row in batch["row"].tolist()]
        assert sorted(seen) == list(range(len(module.splits["test"])))

    def test_processes_share_an_epoch(self, mixed):
        whole = [batch["row"].tolist() for batch in self.data(mixed).train_dataloader()]
        halves = [list(self.data(mixed, global_rank=rank, world_size=2).train_dataloader()) for rank in (0, 1)]
        assert len(halves[0]) == len(halves[1]) == len(whole)
        assert all(len(batch["row"]) == 2 for batch in halves[0])
        tested = [list(self.data(mixed, global_rank=rank, world_size=2).test_dataloader()) for rank in (0, 1)]
        assert len(tested[0]) == len(tested[1])
        rows = {row for half in tested for batch in half for row in batch["row"].tolist()}
        assert rows == set(range(len(mixed.of_split("test"))))

    def test_a_resumed_epoch_goes_on_where_it_was(self, mixed):
        whole = [batch["row"].tolist() for batch in self.data(mixed).train_dataloader()]
        rest = [batch["row"].tolist() for batch in self.data(mixed, batch_idx=0).train_dataloader()]
        assert rest == whole[1:]

    def test_what_cannot_be_kept_is_named_and_can_be_excluded(self, mixed):
        kept = replace(PLAIN, aspect="keep")
        Image.new("RGB", (500, 100)).save(mixed.image_paths[2])
        frames, faults = frames_of(mixed, kept)
        assert list(faults) == [2]
        assert frames[2].tolist() == [0, 0]
        with pytest.raises(ImageError, match=r"2\.png: 500×100 pixels, one side more than 4 times"):
            readable(mixed, False, preparation=kept)
        left, count = readable(mixed, True, preparation=kept)
        assert (len(left), count) == (len(mixed) - 1, 1)
        with pytest.raises(ImageError, match=r"2\.png"):
            self.data(mixed).frames  # noqa: B018

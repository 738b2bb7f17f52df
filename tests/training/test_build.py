"""What a configuration builds; most of it is tested with `awcu.commands.train`."""

from dataclasses import replace

import numpy as np
import pytest
from factories import PREPARATION

from awcu.errors import BackboneError, TaskError
from awcu.training.build import build_run, build_task


@pytest.fixture
def built():
    return lambda ratings, **settings: build_task(ratings, {"backbone": "test_resnet"}, PREPARATION, **settings)


@pytest.mark.parametrize("several", ["network.backbone=[test_resnet,resnet18]", "images.size=[64,48]"])
def test_several_backbones_are_not_trained(configured, tmp_path, several):
    with pytest.raises(BackboneError, match=r"(backbone|size)=\[.*\] is a list, and awcu train takes one backbone"):
        build_run(configured(several), tmp_path)


class TestScore:
    def test_it_starts_from_the_mean_of_the_training_photographs(self, ratings, built):
        task, train = built(ratings, objective="score"), ratings.of_split("train")
        head, mean = task.net.aesthetic_head, train.mean_score.mean() - 3
        assert abs(mean) > 1e-3
        assert head.bias.tolist() == pytest.approx([mean], rel=1e-6)
        assert not head.weight.any()
        assert built(ratings).net.aesthetic_head.bias.tolist() == [0, 0]

    def test_two_classes_are_no_scores(self, make_ratings, built):
        two = make_ratings(mean_score=[0, 1, 0, 1], scale=np.array([0.0, 1]), midpoint=0.5)
        with pytest.raises(TaskError, match=r"task\.objective=score needs mean scores, made has only low and high"):
            built(two, objective="score")
        assert built(two).hparams["objective"] == "binary"


class TestAttributeLoss:
    @pytest.fixture
    def one_each(self, ratings):
        """As AVA-style's list: one attribute a photograph, the others not known."""
        labels = np.where(ratings.attributes == 1, 1, np.nan)
        return replace(ratings, attributes=labels)

    def test_it_is_by_what_the_set_labels(self, ratings, one_each, built):
        without = replace(ratings, attributes=np.empty((len(ratings), 0)), attribute_names=())
        found = [built(one).hparams["attribute_loss"] for one in (ratings, one_each, without)]
        assert found == ["multi_label", "single_label", "multi_label"]

    def test_it_can_be_asked_for(self, ratings, built):
        assert built(ratings, attribute_loss="single_label").hparams["attribute_loss"] == "single_label"

    def test_what_has_no_negatives_cannot_be_learned_each_on_its_own(self, one_each, built):
        with pytest.raises(TaskError, match="needs photographs without an attribute, and tiny says of none that it is"):
            built(one_each, attribute_loss="multi_label")

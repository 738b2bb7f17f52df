"""What a configuration builds; most of it is tested with `awcu.commands.train`."""

from dataclasses import replace

import numpy as np
import pytest
from factories import PREPARATION

from awcu.errors import TaskError
from awcu.training.build import build_task


class TestAttributeLoss:
    @pytest.fixture
    def one_each(self, ratings):
        """As AVA-style's list: one attribute a photograph, the others not known."""
        labels = np.where(ratings.attributes == 1, 1, np.nan)
        return replace(ratings, attributes=labels)

    @pytest.fixture
    def built(self):
        return lambda ratings, **settings: build_task(ratings, {"backbone": "test_resnet"}, PREPARATION, **settings)

    def test_it_is_by_what_the_set_labels(self, ratings, one_each, built):
        without = replace(ratings, attributes=np.empty((len(ratings), 0)), attribute_names=())
        found = [built(one).hparams["attribute_loss"] for one in (ratings, one_each, without)]
        assert found == ["multi_label", "single_label", "multi_label"]

    def test_it_can_be_asked_for(self, ratings, built):
        assert built(ratings, attribute_loss="single_label").hparams["attribute_loss"] == "single_label"

    def test_what_has_no_negatives_cannot_be_learned_each_on_its_own(self, one_each, built):
        with pytest.raises(TaskError, match="needs photographs without an attribute, and tiny says of none that it is"):
            built(one_each, attribute_loss="multi_label")

"""What a model has learned from; that measuring hears of it is tested with `awcu.commands.train`."""

import numpy as np
import pytest
import torch

from awcu.errors import TaskError
from awcu.training.leakage import both, leaked_count, learned_from


class Model:
    """All that is asked of a task."""

    def __init__(self, learned):
        self.learned_from = learned


@pytest.fixture
def rated(make_ratings):
    return make_ratings(mean_score=[2, 4, 2, 4], split=np.array(["train", "val", "test", "test"]))


def test_photographs_of_training_and_validation(rated):
    assert learned_from(rated).tolist() == rated.photograph_keys[:2].view(np.int64).tolist()


def test_two_models_have_learned_from_what_either_has():
    assert both(torch.tensor([3, 1]), torch.tensor([2, 3])).tolist() == [1, 2, 3]
    assert both(torch.tensor([1]), None) is both(None, torch.tensor([1])) is None


def test_the_leak_is_counted_refused_or_none(rated, capsys):
    test = rated.of_split("test")
    assert leaked_count(Model(learned_from(rated)), test, "a.ckpt", False) == {}
    seen = Model(torch.from_numpy(rated.photograph_keys[1:3].view(np.int64).copy()))
    with pytest.raises(TaskError, match=r"LEAK: a\.ckpt has learned from 1 of the 2 test photographs of made \(p02\)"):
        leaked_count(seen, test, "a.ckpt", False)
    assert leaked_count(seen, test, "a.ckpt", True) == {"leaked": 1}
    assert capsys.readouterr().out == "LEAK: the model has learned from 1 of the 2 test photographs\n"


def test_a_model_that_does_not_know_is_refused(rated):
    with pytest.raises(TaskError, match=r"a\.ckpt does not say which photographs it learned from"):
        leaked_count(Model(None), rated.of_split("test"), "a.ckpt", True)

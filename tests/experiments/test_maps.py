"""What experiments/maps compares with: the random maps."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).parents[2] / "experiments" / "maps"


@pytest.fixture
def methods():
    """The experiment's module; forgotten afterwards, since another experiment has one of the same name."""
    pytest.importorskip("pytorch_grad_cam")
    pytest.importorskip("torchcam")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield importlib.import_module("methods")
        del sys.modules["methods"]


def test_every_photograph_of_every_batch_has_a_random_map_of_its_own(methods):
    images = torch.zeros(3, 3, 8, 8)
    drawn = [methods.noise(None, images).signed for _ in range(2)]
    drawn.append(np.stack(methods.attribute_noise(None, images, [(0, 0), (1, 0), (1, 1)])))
    assert len(np.unique(np.concatenate(drawn).reshape(9, -1), axis=0)) == 9

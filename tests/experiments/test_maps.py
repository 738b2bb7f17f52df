"""What experiments/maps compares with: the random maps."""

import numpy as np
import pytest
import torch


@pytest.fixture
def methods(compared):
    from experiments.maps import methods

    return methods


def test_every_photograph_of_every_batch_has_a_random_map_of_its_own(methods):
    images = torch.zeros(3, 3, 8, 8)
    drawn = [methods.noise(None, images).signed for _ in range(2)]
    drawn.append(np.stack(methods.attribute_noise(None, images, [(0, 0), (1, 0), (1, 1)])))
    assert len(np.unique(np.concatenate(drawn).reshape(9, -1), axis=0)) == 9

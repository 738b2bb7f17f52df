import pytest
import timm
import torch

from awcu.models.efficientnet_lite import SIZES, EfficientNetLite
from awcu.models.network import AestheticNet


@pytest.fixture(params=SIZES)
def pair(request):
    theirs = timm.create_model(request.param, num_classes=0)
    ours = EfficientNetLite(request.param)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def test_weights_have_timms_names_in_timms_order(pair):
    ours, theirs = ([(name, value.shape) for name, value in net.state_dict().items()] for net in pair)
    assert ours == theirs


@pytest.mark.parametrize("training", [False, True])
def test_the_feature_map_is_timms_to_the_bit(pair, training):
    # Sides that TensorFlow pads unevenly; a batch, so that batch norm has a variance.
    images = torch.randn(2, 3, 97, 130, generator=torch.Generator().manual_seed(0))
    ours, theirs = (net.train(training).forward_features(images) for net in pair)
    assert ours.shape == (2, 1280, 4, 5)
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("options", "own"),
    [
        ({}, False),
        ({"initialise": False}, True),
        ({"initialise": False, "pad_type": "same"}, True),
        ({"initialise": False, "output_stride": 16}, False),
    ],
)
def test_it_is_taken_only_for_saved_weights_that_it_fits(options, own):
    net = AestheticNet("tf_efficientnet_lite0", image_size=64, **options)
    assert isinstance(net.backbone, EfficientNetLite) is own
    assert net.channels == 1280

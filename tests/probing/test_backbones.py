"""Which backbones a configuration names; what they see is tested by what is solved on it, in test_sweep.py."""

from sweeping import SIDE_BY_SIDE, configured

from awcu.probing.backbones import each_backbone


def test_one_value_is_for_all_and_a_list_is_one_each():
    cfg = configured("folder", *SIDE_BY_SIDE, "network.weights_file=[null,w.pth]", "network.output_stride=16")
    one, other = each_backbone(cfg)
    shared = {"pretrained": False, "output_stride": 16, "pad_type": ""}
    assert one.network == shared | {"backbone": "test_resnet", "weights_file": None}
    assert other.network == shared | {"backbone": "test_efficientnet", "weights_file": "w.pth"}
    assert (one.images.size, other.images.size) == (64, 48)
    assert one.images.mean is None
    assert cfg.network.backbone == ["test_resnet", "test_efficientnet"]
    (plain,) = each_backbone(configured("folder"))
    assert plain == configured("folder")

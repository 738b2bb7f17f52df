"""Curves of a linear score whose true pixel importance is known, areas against scikit-learn, redrawn networks."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import auc
from torch import nn

from awcu.errors import FaithfulnessError
from awcu.inference.faithfulness import Curves, area_under, curves, randomised, similarity
from awcu.models.network import AestheticNet

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = 12


def seeded(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


IMAGE = seeded(3, SIZE, SIZE)
WEIGHT = 0.1 * seeded(3, SIZE, SIZE, seed=1)
MEAN = IMAGE.mean((1, 2), keepdim=True)
TRUE = (WEIGHT * (IMAGE - MEAN)).sum(0)  # what each pixel adds to the log odds over the picture's mean colour


def linear(images):
    return torch.sigmoid((images * WEIGHT).sum((1, 2, 3)))


class TestCurves:
    def test_the_true_map_beats_random_and_reversed(self):
        def areas(values):
            return [area_under(curve) for curve in curves(linear, IMAGE, values, baseline="mean")]

        insertion, deletion = areas(TRUE)
        for seed in range(5):
            random = areas(seeded(SIZE, SIZE, seed=seed + 2))
            assert insertion > random[0] + 0.05
            assert deletion < random[1] - 0.05
            assert areas(-TRUE)[0] < random[0] - 0.05
            assert areas(-TRUE)[1] > random[1] + 0.05

    def test_pixel_by_pixel_by_brute_force(self):
        found = curves(linear, IMAGE, TRUE, steps=SIZE * SIZE, baseline="mean")
        inserted, deleted = MEAN.expand_as(IMAGE).clone(), IMAGE.clone()
        expected = [[linear(inserted[None]).item()], [linear(deleted[None]).item()]]
        for place in sorted(range(SIZE * SIZE), key=lambda place: -TRUE.flatten()[place].item()):
            y, x = divmod(place, SIZE)
            inserted[:, y, x] = IMAGE[:, y, x]
            deleted[:, y, x] = MEAN[:, 0, 0]
            expected[0].append(linear(inserted[None]).item())
            expected[1].append(linear(deleted[None]).item())
        assert found.insertion.tolist() == pytest.approx(expected[0], abs=1e-5)
        assert found.deletion.tolist() == pytest.approx(expected[1], abs=1e-5)

    @pytest.mark.parametrize("baseline", ["blur", "mean"])
    def test_ends(self, baseline):
        """Both run between the picture and its baseline, in opposite directions."""
        insertion, deletion = curves(linear, IMAGE, TRUE, steps=7, baseline=baseline)
        assert insertion.shape == deletion.shape == (8,)
        assert [deletion[0].item(), insertion[-1].item()] == pytest.approx([linear(IMAGE[None]).item()] * 2)
        assert deletion[-1].item() == pytest.approx(insertion[0].item())

    def test_coarse_maps_are_drawn_out(self):
        """Left half first: half-way, deletion shows the right half only."""
        seen = []

        def score(images):
            seen.append(images)
            return images.new_full((len(images),), 0.5)

        curves(score, IMAGE, torch.tensor([[1.0, 0.0], [1.0, 0.0]]), steps=2, baseline="mean")
        inserting, deleting = seen
        assert torch.equal(deleting[1][..., 6:], IMAGE[..., 6:])
        assert torch.equal(deleting[1][..., :6], MEAN.expand_as(IMAGE)[..., :6])
        assert torch.equal(inserting[1][..., :6], IMAGE[..., :6])
        assert torch.equal(inserting[1][..., 6:], MEAN.expand_as(IMAGE)[..., 6:])

    def test_cells_are_centred_as_the_network_sees_them(self):
        """1, 0, .8 over 12 columns begin 1, 1, .875, and only then comes the other end's .8."""
        seen = []

        def score(images):
            seen.append(images)
            return images.new_full((len(images),), 0.5)

        curves(score, IMAGE, torch.tensor([[1.0, 0.0, 0.8]]), steps=4, baseline="mean")
        inserted = (seen[0][1] == IMAGE).all(dim=0).all(dim=0)
        assert inserted.nonzero().flatten().tolist() == [0, 1, 2]

    def test_blur_takes_detail_and_keeps_colour(self):
        stripes = torch.ones(3, 64, 64)
        stripes[:, :, ::2] = -1
        stripes[0] += 5
        seen = []

        def score(images):
            seen.append(images)
            return images.new_full((len(images),), 0.5)

        curves(score, stripes, torch.ones(7, 7), steps=1)
        blank = seen[0][0]
        assert blank.std((1, 2)).max() < 0.01
        assert blank.mean((1, 2)).tolist() == pytest.approx([5, 0, 0], abs=0.01)

    def test_batches_change_nothing(self):
        sizes = []

        def score(images):
            sizes.append(len(images))
            return linear(images)

        apart = curves(score, IMAGE, TRUE, batch=4)
        assert sizes == [4, 4, 4, 4, 4, 1] * 2
        for one, other in zip(apart, curves(linear, IMAGE, TRUE), strict=True):
            assert torch.allclose(one, other)
            assert not one.requires_grad

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"image": IMAGE[None]}, r"picture of shape \(1, 3, 12, 12\)"),
            ({"image": IMAGE[:1]}, r"picture of shape \(1, 12, 12\)"),
            ({"values": TRUE[None]}, r"map of shape \(1, 12, 12\), finite: True"),
            ({"values": TRUE * math.nan}, r"map of shape \(12, 12\), finite: False"),
            ({"steps": 0}, "steps=0: a curve has at least 1"),
            ({"baseline": "black"}, "baseline='black': one of blur, mean"),
            ({"score": lambda images: images.sum((1, 2, 3))}, "each is one probability"),
            ({"score": lambda images: images.new_full((len(images),), math.nan)}, "from nan to nan"),
            ({"score": lambda images: linear(images)[:, None]}, r"scores of shape \(21, 1\) for 21 pictures"),
        ],
    )
    def test_refused(self, changed, message):
        with pytest.raises(FaithfulnessError, match=message):
            curves(**{"score": linear, "image": IMAGE, "values": TRUE} | changed)


class TestAreaUnder:
    def test_against_scikit_learn(self):
        curve = torch.rand(21, generator=torch.Generator().manual_seed(0))
        assert area_under(curve) == pytest.approx(auc(np.linspace(0, 1, 21), curve.numpy()))

    def test_by_hand(self):
        assert area_under(torch.tensor([0.0, 1.0, 0.5])) == pytest.approx(0.625)

    def test_refused(self):
        with pytest.raises(FaithfulnessError, match=r"curve of shape \(1,\)"):
            area_under(torch.ones(1))
        with pytest.raises(FaithfulnessError, match=r"curve of shape \(2, 21\)"):
            area_under(torch.stack(Curves(torch.ones(21), torch.ones(21))))


@pytest.fixture(scope="module")
def net():
    """As if trained: heads away from zero, and batch norms that fit these weights only."""
    torch.manual_seed(0)
    net = AestheticNet("mobilenetv3_small_050", 2, attribute_outputs=3, image_size=64)
    for head in (net.aesthetic_head, net.attribute_head):
        nn.init.normal_(head.weight)
        nn.init.normal_(head.bias)
    for name, values in net.named_buffers():
        if name.endswith("running_var"):
            values.fill_(1e-6)
    return net.eval()


class TestRandomised:
    @pytest.mark.parametrize("which", ["head", "all"])
    def test_each_tensor_keeps_its_entries(self, net, which):
        before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        redrawn = randomised(net, which, seed=0)
        for name, parameter in redrawn.named_parameters():
            assert torch.equal(parameter.flatten().sort().values, before[name].flatten().sort().values)
        assert not torch.equal(redrawn.aesthetic_head.weight, net.aesthetic_head.weight)
        assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())

    def test_head_alone(self, net):
        redrawn = randomised(net, "head", seed=0).state_dict()
        changed = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, redrawn[name])}
        assert changed - {"aesthetic_head.bias"} == {"aesthetic_head.weight"}

    def test_every_layer(self, net):
        redrawn = dict(randomised(net, "all", seed=0).named_parameters())
        same = [name for name, p in net.named_parameters() if p.unique().numel() > 8 and torch.equal(p, redrawn[name])]
        assert same == []

    @torch.no_grad()
    def test_activations_stay_sane(self, net):
        redrawn = randomised(net, "all", seed=0)
        features = redrawn.features(seeded(2, 3, 64, 64))
        assert features.isfinite().all()
        assert 1e-3 < features.std() < 1e2
        assert not any(module.training for module in redrawn.modules())
        kept = [m.momentum for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
        assert [m.momentum for m in redrawn.modules() if isinstance(m, nn.BatchNorm2d)] == kept

    def test_seeded(self, net):
        first, again, other = (randomised(net, "all", seed).state_dict() for seed in (1, 1, 2))
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not torch.equal(first["aesthetic_head.weight"], other["aesthetic_head.weight"])

    @torch.no_grad()
    def test_without_batch_norm(self):
        net = AestheticNet("vit_tiny_patch16_224", 2, image_size=48)
        assert randomised(net, "all", seed=0).eval().features(seeded(1, 3, 48, 48)).isfinite().all()

    def test_refused(self, net):
        with pytest.raises(FaithfulnessError, match="which='backbone': one of head, all"):
            randomised(net, "backbone", seed=0)


class TestSimilarity:
    def test_against_scipy(self):
        a, b = seeded(7, 7, seed=3), seeded(7, 7, seed=4).requires_grad_()
        expected = spearmanr(a.numpy().ravel(), b.detach().numpy().ravel()).statistic
        assert similarity(a, b) == pytest.approx(expected)

    def test_signed(self):
        a = seeded(7, 7)
        assert similarity(a, 3 * a + 1) == pytest.approx(1)
        assert similarity(a, -a) == pytest.approx(-1)

    def test_constant(self):
        assert math.isnan(similarity(seeded(7, 7), torch.ones(7, 7)))

    @torch.no_grad()
    def test_a_redrawn_head_changes_the_map(self, net):
        # On a network with sane statistics, or all maps are nan.
        trained = randomised(net, "all", seed=5)
        image = seeded(1, 3, 224, 224)

        def aesam(network):
            low, high = network.activation_maps(image)[1].aesthetic[0]
            return high - low

        assert similarity(aesam(trained), aesam(trained)) == pytest.approx(1)
        values = [similarity(aesam(trained), aesam(randomised(trained, "head", seed))) for seed in range(8)]
        assert abs(np.mean(values)) < 0.5
        assert np.max(values) < 0.99

    def test_refused(self):
        with pytest.raises(FaithfulnessError, match=r"maps of \(7, 7\) and \(14, 14\)"):
            similarity(torch.ones(7, 7), torch.ones(14, 14))

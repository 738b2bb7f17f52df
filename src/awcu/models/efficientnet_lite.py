"""EfficientNet-Lite, layer for layer as timm has it, for a start without timm: importing that takes seconds."""

import math

from torch import Tensor, nn
from torch.nn import functional as F

SIZES = {"tf_efficientnet_lite0": (1.0, 1.0), "tf_efficientnet_lite1": (1.0, 1.1), "tf_efficientnet_lite2": (1.1, 1.2)}
"""Multipliers of the channels and of the blocks, under timm's names."""

# Kernel, stride, expansion, channels and blocks of each stage.
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_EPS = 1e-3  # TensorFlow's, with which the weights were trained


class Conv2dSame(nn.Conv2d):
    """A convolution with TensorFlow's padding, which with a stride depends on the size of the image."""

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, ceil(H / stride), ceil(W / stride))` of `(N, C, H, W)`."""
        sides = zip(x.shape[-2:], self.kernel_size, self.stride, strict=True)
        rows, columns = (max((math.ceil(side / step) - 1) * step + kernel - side, 0) for side, kernel, step in sides)
        x = F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        return F.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite without its classifier, for saved weights of timm's: their names and order are the same.

    Tan and Le 2019 (EfficientNet); the Lite variants leave out squeeze-and-excitation and have ReLU6.

    Args:
        name: A key of `SIZES`.
    """

    num_features = 1280

    def __init__(self, name: str) -> None:
        super().__init__()
        width, depth = SIZES[name]
        channels = 32
        self.conv_stem = _convolution(3, channels, 3, 2)
        self.bn1 = _NormReLU6(channels, _EPS)
        stages = []
        for place, (kernel, stride, expansion, out, blocks) in enumerate(_STAGES):
            out = int(out * width + 4) // 8 * 8
            # The first stage and the last are never deepened.
            repeats = blocks if place in (0, len(_STAGES) - 1) else math.ceil(blocks * depth)
            first = _Block(channels, out, kernel, stride) if expansion > 1 else _FirstBlock(channels, out)
            stages.append(nn.Sequential(first, *(_Block(out, out, kernel, 1) for _ in range(repeats - 1))))
            channels = out
        self.blocks = nn.Sequential(*stages)
        self.conv_head = _convolution(channels, self.num_features, 1)
        self.bn2 = _NormReLU6(self.num_features, _EPS)

    def forward_features(self, images: Tensor) -> Tensor:
        """The last feature map `(N, 1280, h, w)` of normalised images `(N, 3, H, W)`."""
        features: Tensor = self.bn2(self.conv_head(self.blocks(self.bn1(self.conv_stem(images)))))
        return features


class _NormReLU6(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(super().forward(x), inplace=True)


class _FirstBlock(nn.Module):
    """A depthwise and a pointwise convolution."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv_dw = _convolution(channels, channels, 3, groups=channels)
        self.bn1 = _NormReLU6(channels, _EPS)
        self.conv_pw = _convolution(channels, out, 1)
        self.bn2 = nn.BatchNorm2d(out, _EPS)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.bn2(self.conv_pw(self.bn1(self.conv_dw(x))))
        return result


class _Block(nn.Module):
    """An inverted residual: six times the channels, a depthwise convolution, and back."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = channels * 6
        self.conv_pw = _convolution(channels, wide, 1)
        self.bn1 = _NormReLU6(wide, _EPS)
        self.conv_dw = _convolution(wide, wide, kernel, stride, wide)
        self.bn2 = _NormReLU6(wide, _EPS)
        self.conv_pwl = _convolution(wide, out, 1)
        self.bn3 = nn.BatchNorm2d(out, _EPS)
        self.skips = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.bn2(self.conv_dw(self.bn1(self.conv_pw(x))))
        result = self.bn3(self.conv_pwl(result))
        return result + x if self.skips else result


def _convolution(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    if stride > 1:
        return Conv2dSame(channels, out, kernel, stride, groups=groups, bias=False)
    return nn.Conv2d(channels, out, kernel, padding=kernel // 2, groups=groups, bias=False)

"""What maps cost: logits alone, logits with both heads' maps, and pytorch-grad-cam's GradCAM on the same batch.

python benchmarks/maps.py          # 2 minutes on two cores; prints Markdown
"""

import time
from collections.abc import Callable

import torch
from pytorch_grad_cam import GradCAM
from torch import Tensor, nn

from awcu.network import AestheticNet

BATCH, SIZE, ATTRIBUTES, ROUNDS = 16, 224, 14, 15


class Score(nn.Module):
    """Log odds of high, `(N, 1)`: what GradCAM differentiates."""

    def __init__(self, net: AestheticNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        """`(N, 1)`."""
        return self.net(images).aesthetic.diff(dim=1)


def main() -> None:
    """Take turns, so that all meet the same machine, and print the median of each."""
    print("| backbone | logits | with both maps | ratio | GradCAM | times our maps |\n|---|--:|--:|--:|--:|--:|")
    for backbone, layer in (("mobilenetv2_100", "bn2"), ("resnet18", "layer4")):
        net = AestheticNet(backbone, attribute_outputs=ATTRIBUTES).to(memory_format=torch.channels_last).eval()
        images = torch.randn(BATCH, 3, SIZE, SIZE).to(memory_format=torch.channels_last)
        with GradCAM(Score(net), [getattr(net.backbone, layer)]) as cam:
            grad_cam = timed(lambda: cam(images, [lambda output: output[0]] * BATCH), ROUNDS // 3)
        # Without the hooks of GradCAM, which the other two do not need.
        columns = [
            (timed_once(lambda: net(images)), timed_once(lambda: net.activation_maps(images))) for _ in range(ROUNDS)
        ]
        logits, maps = (sorted(column)[ROUNDS // 2] for column in zip(*columns, strict=True))
        print(
            f"| {backbone} | {1000 * logits / BATCH:.1f} ms | {1000 * maps / BATCH:.1f} ms | {maps / logits:.3f} "
            f"| {1000 * grad_cam / BATCH:.1f} ms | {grad_cam / maps:.1f}× |",
            flush=True,
        )


def timed(work: Callable[[], object], rounds: int) -> float:
    """Median seconds with gradients, as GradCAM needs them."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[rounds // 2]


def timed_once(work: Callable[[], object]) -> float:
    """Seconds without gradients."""
    started = time.perf_counter()
    with torch.inference_mode():
        work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

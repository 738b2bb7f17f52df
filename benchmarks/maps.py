"""What maps cost: logits alone, logits with both heads' maps, and pytorch-grad-cam's GradCAM on the same batch.

python benchmarks/maps.py          # 2 minutes on two cores; prints Markdown
"""

import time
from collections.abc import Callable
from statistics import median

import torch
from pytorch_grad_cam import GradCAM
from torch import Tensor, nn

from awcu.models.network import AestheticNet

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
        logits, maps, grad_cam = (1000 * seconds / BATCH for seconds in compared(backbone, layer))
        print(
            f"| {backbone} | {logits:.1f} ms | {maps:.1f} ms | {maps / logits:.3f} "
            f"| {grad_cam:.1f} ms | {grad_cam / maps:.1f}× |",
            flush=True,
        )


def compared(backbone: str, layer: str) -> tuple[float, float, float]:
    """Median seconds a batch of logits, of logits with maps, and of GradCAM."""
    net = AestheticNet(backbone, attribute_outputs=ATTRIBUTES).to(memory_format=torch.channels_last).eval()
    images = torch.randn(BATCH, 3, SIZE, SIZE).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        ours = [(timed(lambda: net(images)), timed(lambda: net.activation_maps(images))) for _ in range(ROUNDS)]
    # Afterwards, since its hooks would slow the other two.
    with GradCAM(Score(net), [getattr(net.backbone, layer)]) as cam:
        theirs = [timed(lambda: cam(images, [lambda output: output[0]] * BATCH)) for _ in range(ROUNDS // 3)]
    logits, maps = (median(column) for column in zip(*ours, strict=True))
    return logits, maps, median(theirs)


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

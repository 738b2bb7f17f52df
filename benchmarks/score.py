"""`awcu score` against the command line of pyiqa with its NIMA, on photographs of 12 megapixels.

python -m venv elsewhere && elsewhere/bin/pip install pyiqa
python benchmarks/score.py --pyiqa elsewhere/bin/python          # 10 minutes on two cores; prints Markdown

pyiqa's licence forbids commercial use, so it is no dependency and needs an environment of its own. Both sides have a
MobileNetV2 of random weights at 224 px: only speed is compared.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from awcu.datasets import gallery
from awcu.inference.predictor import AestheticModel
from awcu.models.config import ModelConfig
from awcu.models.network import AestheticNet
from awcu.models.objective import Binary

PHOTOGRAPHS, DISTINCT, SIZE = 1000, 20, (4000, 3000)
BACKBONE = "mobilenetv2_100"
# pyiqa fetches ImageNet and NIMA weights when it builds the metric; here both stay as drawn.
PYIQA = f"""
import timm, pyiqa.archs.nima_arch as nima
from pyiqa.default_model_configs import DEFAULT_CONFIGS
create = timm.create_model
nima.timm.create_model = lambda name, pretrained, **options: create(name, pretrained=False, **options)
DEFAULT_CONFIGS["nima"]["metric_opts"] |= dict(base_model_name="{BACKBONE}", pretrained=False)
from pyiqa.pyiqa_cmd import main
main()
"""


def main() -> None:
    """Each side on 200 and on all photographs, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pyiqa", help="a Python that has pyiqa; without it only our side runs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = saved_model(folder / "model")
        sides = {
            "awcu score": [sys.executable, "-m", "awcu", "score", "{folder}", "--checkpoint", model, "--out", "{out}"]
        }
        if arguments.pyiqa:
            sides["pyiqa nima"] = [arguments.pyiqa, "-c", PYIQA, "nima", "-t", "{folder}", "--device", "cpu"]
        print("| | photographs | seconds | images/s | peak memory |\n|---|--:|--:|--:|--:|")
        for n in (PHOTOGRAPHS // 5, PHOTOGRAPHS):
            photographs = written(folder / f"photographs-{n}", n)
            for side, command in sides.items():
                seconds, peak = run(command, {"{folder}": str(photographs), "{out}": str(folder / f"{n}.csv")})
                print(f"| {side} | {n:,} | {seconds:.0f} | {n / seconds:.1f} | {peak:,.0f} MiB |", flush=True)


def written(folder: Path, n: int) -> Path:
    """`n` names of a few different photographs: gallery pictures drawn large, with a sensor's noise."""
    folder.mkdir()
    random = np.random.default_rng(0)
    paths = gallery.read().image_paths[:DISTINCT]
    for place in range(n):
        file = folder / f"{place:04d}.jpg"
        if place < DISTINCT:
            with Image.open(paths[place]) as picture:
                large = np.asarray(picture.resize(SIZE, Image.Resampling.BICUBIC))
            grain = cv2.GaussianBlur(random.normal(0, 12, large.shape).astype(np.float32), (0, 0), 1.2)
            Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8)).save(file, quality=92)
        else:
            os.link(folder / f"{place % DISTINCT:04d}.jpg", file)
    return folder


def saved_model(folder: Path) -> Path:
    """An exported model of random weights."""
    config = ModelConfig(
        network={"backbone": BACKBONE, "image_size": 224},
        objective="binary",
        scale=(1.0, 10.0),
        midpoint=5.0,
        attribute_names=(),
        attribute_loss="multi_label",
        preparation={"size": 224, "aspect": "warp", "mean": [0.5] * 3, "std": [0.5] * 3},
        train_fingerprint="",
        reference=None,
    )
    AestheticModel(config, AestheticNet(BACKBONE, Binary().outputs)).save_pretrained(folder)
    return folder


def run(command: list[object], names: dict[str, str]) -> tuple[float, float]:
    """Seconds from start to exit, and the peak memory of the process in MiB."""
    words = [names.get(str(word), str(word)) for word in command]
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{words[:4]} failed; run it by hand to see why")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()

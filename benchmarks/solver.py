"""Many weighted heads at once against scikit-learn one after another: time, accuracy and memory.

    python benchmarks/solver.py            # 7 minutes on two cores; prints Markdown

Features are made up with the spectrum of pooled convolutional ones; each number of the second table is measured in
a process of its own, so that its peak memory is its own.
"""

import json
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from awcu.probing.heads import fit_binary
from awcu.ratings.ratings import Floats

Bools = NDArray[np.bool_]

N, CHANNELS, HEADS = 3000, 1280, 100
EVERY = 10  # scikit-learn solves each tenth head, and its time is multiplied by ten


def problem(n: int, channels: int, heads: int) -> tuple[Floats, Bools, Floats]:
    """Correlated, non-negative features; noisy scores linear in them; weightings margin ** γ, γ from 0 to 3."""
    random = np.random.default_rng(0)
    rank = min(channels, 400)
    directions = random.normal(size=(rank, channels)) * np.arange(1, rank + 1)[:, None] ** -0.7
    features = np.maximum(0.5 * random.normal(size=(n, rank)) @ directions + 0.2 * random.normal(size=(n, channels)), 0)
    visible = (features - features.mean(0)) @ random.normal(size=channels)
    score = 0.5 + 0.8 * visible / visible.std() + 0.7 * random.normal(size=n)
    weights = np.stack([np.abs(score) ** gamma for gamma in np.linspace(0, 3, heads)])
    return features, score > 0, weights / weights.mean(1, keepdims=True)


def ours(features: Floats, high: Bools, weights: Floats, penalty: float) -> tuple[float, Floats]:
    """Seconds and `(H,)` objectives."""
    tensors = [torch.from_numpy(array) for array in (features, high, weights)]
    strength = torch.full((len(weights),), penalty, dtype=torch.float64)
    started = time.perf_counter()
    heads = fit_binary(*tensors, strength)
    seconds = time.perf_counter() - started
    assert heads.converged.all()
    return seconds, heads.objective.numpy()


def theirs(features: Floats, high: Bools, weights: Floats, penalty: float, tolerance: float) -> tuple[float, Floats]:
    """Seconds and objectives of scikit-learn's default solver, head by head."""
    seconds, objectives = 0.0, []
    for one in weights:
        model = LogisticRegression(C=1 / penalty, tol=tolerance, max_iter=100_000)
        started = time.perf_counter()
        model.fit(features, high, sample_weight=one)
        seconds += time.perf_counter() - started
        logits = model.decision_function(features)
        loss = one @ np.logaddexp(0, np.where(high, -logits, logits))
        objectives.append(loss + penalty * (model.coef_**2).sum() / 2)
    return seconds, np.array(objectives)


def against_scikit_learn() -> None:
    """Print the first table."""
    features, high, weights = problem(N, CHANNELS, HEADS)
    print(
        f"n = {N:,}, C = {CHANNELS:,}, {torch.get_num_threads()} threads; gap = excess objective over the best known\n"
    )
    print("| heads | scikit-learn's C | ours | gap | scikit-learn, tol 1e-4 | gap | ratio | tol 1e-6 | gap | ratio |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for heads, every in ((HEADS, EVERY), (1, 1)):
        for c in (0.001, 0.01, 0.1, 1.0):
            part = weights[:heads]
            mine, objective = ours(features, high, part, 1 / c)
            cells, best = [], objective[::every]
            for tolerance in (1e-4, 1e-6):
                seconds, found = theirs(features, high, part[::every], 1 / c, tolerance)
                best = np.minimum(best, found)
                cells.append((seconds * every, found))
            other = " | ".join(
                f"{seconds:.1f} s | {(found / best - 1).max():.0e} | {seconds / mine:.1f}×" for seconds, found in cells
            )
            print(
                f"| {heads} | {c:g} | {mine:.2f} s | {(objective[::every] / best - 1).max():.0e} | {other} |",
                flush=True,
            )


def growth() -> None:
    """Print the second table."""
    print("\n| n | heads | seconds | ms a head | peak memory |\n|--:|--:|--:|--:|--:|")
    for n, heads in ((3000, 1), (3000, 10), (3000, 100), (3000, 1000), (30_000, 1), (30_000, 10), (30_000, 100)):
        call = [sys.executable, __file__, str(n), str(heads)]
        seconds, mebibytes = json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
        print(
            f"| {n:,} | {heads:,} | {seconds:.1f} | {1000 * seconds / heads:.0f} | {mebibytes:,.0f} MiB |", flush=True
        )


def alone(n: int, heads: int) -> None:
    """Print seconds and peak MiB of one problem at C = 0.1."""
    seconds, _ = ours(*problem(n, CHANNELS, heads), 10.0)
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if len(sys.argv) > 1:
        alone(int(sys.argv[1]), int(sys.argv[2]))
    else:
        against_scikit_learn()
        growth()

"""A measurement of photographs by a script: its arguments, the photographs and their model, and what is written of it.

One model is measured with an interval over photographs (`estimate`, `publish`); the networks of a sweep as records, in
a table whose intervals are over networks and photographs (`Measured`, `write_measured`).

The measuring scripts add the repository to `sys.path`, since Python looks for modules beside a script only.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from hydra import compose
from numpy.typing import NDArray

from awcu.config.hydra import composing, instantiated
from awcu.files import write_atomically, write_csv
from awcu.images.transforms import Preparation
from awcu.inference.predictor import AestheticModel
from awcu.metrics.bootstrap import Floats, mean_and_interval
from awcu.models.pretrained import BUNDLED
from awcu.ratings.ratings import Ratings
from awcu.runs.provenance import git_state, package_versions
from awcu.runs.record import RESULTS, RunRecord, write_results_csv
from awcu.tables.paired import FILE, paired_differences, write_differences
from awcu.tables.readme import refresh_block
from awcu.tables.spec import SPEC, TableSpec
from awcu.text import number

Pixels = NDArray[np.uint8]
Row = dict[str, Any]
"""Of a photograph what is measured, or a line of the CSV file: first its names, then `estimate`."""
Interval = tuple[float, float, float]


def parser(doc: str | None, block: str = "", photographs: int = 0, model: bool = False) -> argparse.ArgumentParser:
    """Arguments of a measurement: settings, --out, --seed, and what is asked for here.

    Args:
        doc: Of the script; its first line describes it.
        block: Of a README, without the name of the folder --out; makes --readme.
        photographs: How many are drawn by default; makes --photographs.
        model: Makes --model.
    """
    found = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    found.add_argument("settings", nargs="+", help="of awcu train, such as data=oasis data.root=FOLDER")
    found.add_argument("--out", type=Path, required=True)
    found.add_argument("--seed", type=int, default=0, help="draws photographs, places and edits (default: 0)")
    if block:
        found.add_argument("--readme", type=Path, help=f"with a block {block}/NAME, NAME that of the folder --out")
    if photographs:
        found.add_argument("--photographs", type=int, default=photographs, help=f"drawn (default: {photographs})")
    if model:
        found.add_argument("--model", default=BUNDLED, help="what from_pretrained reads (default: the packaged one)")
    return found


def commit() -> str:
    """Of this code, with a plus where files differ from it; to be asked before any file is written."""
    name, dirty = git_state(Path(__file__).parent)
    return name + "+" * dirty


def short(commit: str) -> str:
    """As captions name it."""
    return commit[:7] + "+" * commit.endswith("+")


def facts(ratings: Ratings, seed: int, code: str, **own: Any) -> Row:
    """What stands behind every line."""
    return {"data": ratings.name, "fingerprint": ratings.fingerprint, **own, "seed": seed, "commit": code}


def rated(settings: Sequence[str]) -> Ratings:
    """The ratings that `awcu train` would read."""
    with composing():
        found: Ratings = instantiated(compose("train", list(settings)).data.ratings)
    return found


def drawn(ratings: Ratings, number: int, seed: int) -> Ratings:
    """So many photographs at random, in the order of the list."""
    return ratings.select(np.sort(np.random.default_rng(seed).permutation(len(ratings))[:number]))


def unseen(model: AestheticModel, settings: Sequence[str]) -> Ratings:
    """The test photographs, of which the model has seen none, and sees the whole."""
    ratings = rated(settings)
    learned = ratings.of_split("train").split_fingerprint
    if model.config.trained_on == ratings.name and model.config.train_fingerprint != learned:
        raise SystemExit(
            f"{ratings.name}: the model learned from other photographs than this training split's, perhaps from these; "
            f"give the settings it was trained with"
        )
    if model.config.preparation["aspect"] not in ("keep", "warp"):
        raise SystemExit(
            "the model does not see the whole frame edge to edge; take one with images.aspect=keep or warp"
        )
    return ratings.of_split("test")


def each(ratings: Ratings) -> Iterator[tuple[str, str]]:
    """Id and path of every photograph; says how many are done."""
    for place, known in enumerate(zip(ratings.image_ids.tolist(), ratings.image_paths.tolist(), strict=True), 1):
        yield known
        print(f"\r{place} of {len(ratings)}", end="", file=sys.stderr, flush=True)


def judge(source: str) -> AestheticModel:
    """The model without what is not measured: its reasons, and gradients."""
    model = AestheticModel.from_pretrained(source)
    if model.config.reference is not None:
        model.config = replace(model.config, reference=replace(model.config.reference, usual=()))
    model.net.requires_grad_(False)
    return model


def weights(model: AestheticModel) -> str:
    """What tells two models of one training split apart."""
    digest = hashlib.sha256()
    for tensor in model.net.state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


def at_judged_size(model: AestheticModel, pixels: Pixels) -> Pixels:
    """The photograph in as many pixels as the model sees of it, since shrinking would remove noise and blocks."""
    preparation = Preparation(**(model.config.preparation | {"aspect": "keep"}))
    height, width = preparation.frame(*pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def by_photograph(rows: Sequence[Row], key: str) -> dict[str, list[float]]:
    """The values that are known, in the order of the rows."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if not np.isnan(row[key]):
            found.setdefault(row["photograph"], []).append(row[key])
    return found


def estimate(rows: Sequence[Row], key: str) -> Row:
    """Number of photographs, their mean and the ends of its interval; the values of a photograph are averaged first."""
    means = np.array([np.mean(values) for values in by_photograph(rows, key).values()])
    return {"n": len(means)} | dict(zip(("mean", "low", "high"), mean_and_interval(means), strict=True))


def bracketed(values: Interval, signed: bool = False, decimals: int = 3) -> str:
    """A mean with its interval, where there is one; a dash where nothing is known."""
    mean, low, high = (number(value, signed, decimals) for value in values)
    return "–" if np.isnan(values[0]) else mean if np.isnan(values[1]) else f"{mean} [{low}, {high}]"


def line(lines: Sequence[Row], *names: str) -> Row:
    """The first line that begins with these names; without one, that of no photograph."""
    nothing = {"n": 0, "mean": np.nan, "low": np.nan, "high": np.nan}
    return next((one for one in lines if tuple(one.values())[: len(names)] == names), nothing)


def shown(lines: Sequence[Row], *names: str, decimals: int = 2) -> str:
    """The mean and interval of that line."""
    found = line(lines, *names)
    return bracketed((found["mean"], found["low"], found["high"]), decimals=decimals)


def publish(
    arguments: argparse.Namespace,
    block: str,
    lines: Sequence[Row],
    facts: Mapping[str, Any],
    text: str,
    name: str = "measures.csv",
) -> None:
    """Write the lines, with the facts behind each, to a CSV file, and the text to table.md and a README's block."""
    write_csv(arguments.out / name, (*lines[0], *facts), (line | facts for line in lines))
    write_atomically(arguments.out / "table.md", text + "\n")
    if arguments.readme:
        refresh_block(arguments.readme, f"{block}/{arguments.out.name}", text)
    print(f"\n{text}")


@dataclass(frozen=True)
class Measured:
    """What was measured of N test photographs of one network.

    Attributes:
        image_ids: `(N,)`.
        sums: By metric, `(N,)` of a photograph's values.
        counts: By metric, `(N,)` how many these are; 0 where it has none.
    """

    image_ids: NDArray[np.str_]
    sums: Mapping[str, Floats]
    counts: Mapping[str, Floats]

    @classmethod
    def of(cls, image_ids: Sequence[str], values: Mapping[str, Sequence[Sequence[float]]]) -> "Measured":
        """From each metric's values, a list for each photograph; nan is none."""
        known = {name: [np.asarray(one)[~np.isnan(one)] for one in each] for name, each in values.items()}
        return cls(
            np.array(image_ids, dtype=np.str_),
            {name: np.array([one.sum() for one in each]) for name, each in known.items()},
            {name: np.array([float(one.size) for one in each]) for name, each in known.items()},
        )

    def metrics(self, times: Floats) -> dict[str, Floats]:
        """The means `(B,)` over samples in which photograph i stands `times[b, i]` times; nan over no value."""
        with np.errstate(invalid="ignore"):
            return {name: times @ self.sums[name] / (times @ self.counts[name]) for name in self.sums}

    def means(self) -> dict[str, float]:
        """By the names of a record's test metrics."""
        found = self.metrics(np.ones((1, len(self.image_ids))))
        return {f"test/{name}": float(values[0]) for name, values in found.items()}


def measured_record(run: RunRecord, experiment: str, method: str, seconds: float, **changed: Any) -> RunRecord:
    """The run's record as one of a method that was measured with its network."""
    name, dirty = git_state(Path(__file__).parent)
    return replace(
        run,
        experiment=experiment,
        variant=" ".join(sorted([f"method={method}", *run.variant.split()])),
        git_commit=name,
        git_dirty=dirty,
        versions=package_versions(),
        wall_time_s=seconds,
        **changed,
    )


def write_measured(found: Sequence[tuple[RunRecord, Measured]], out: Path) -> None:
    """Write the records to results.csv, and what `table.yaml` compares, if there is one, to differences.csv."""
    write_results_csv([record for record, _ in found], out / RESULTS)
    if (out / SPEC).is_file():
        runs: dict[str, dict[int, Measured]] = {}
        for record, measured in found:
            runs.setdefault(record.variant, {})[record.seed] = measured
        write_differences(paired_differences(TableSpec.load(out / SPEC), runs), out / FILE)

"""The rows of a head-only sweep: grid lines as typed behind `awcu train -m`, each combination a weighting."""

import itertools
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from awcu.config.hydra import check_keys, composing, each_choice, instantiated, misspelt, plain
from awcu.errors import ConfigurationError, WeightingError
from awcu.ratings.weighting import SampleWeights

GROUPS = ("weighting", "sample_weights")


@dataclass(frozen=True)
class GridRow:
    """One row of the table: the name that `awcu train` would give it, and the weights it stands for."""

    variant: str
    weights: SampleWeights


def grid_rows(lines: Sequence[str]) -> list[GridRow]:
    """Every combination of every line, in order.

    Args:
        lines: Overrides of `weighting` and `sample_weights`, such as "weighting=step weighting.ratio=2,4".

    Raises:
        ConfigurationError: No lines, a line that Hydra cannot read, an override of anything else, a combination
            that appears twice, or annealing, which solving for an optimum has no use for.
        WeightingError: An impossible parameter.
    """
    with composing():
        rows = [_row(overrides) for line in lines for overrides in _combinations(line)]
    if not rows:
        raise ConfigurationError("probe.weightings is empty; name at least the baseline, weighting=uniform")
    firsts: dict[SampleWeights, GridRow] = {}
    for row in rows:
        first = firsts.setdefault(row.weights, row)
        if first is not row:
            raise ConfigurationError(
                f"probe.weightings: {first.variant!r} and {row.variant!r} are the same weights twice; remove one"
            )
    return rows


def _combinations(line: str) -> Iterator[tuple[str, ...]]:
    try:
        overrides = OverridesParser.create().parse_overrides(shlex.split(line))
    except (HydraException, ValueError) as error:
        raise ConfigurationError(
            f"probe.weightings: {line!r} cannot be read ({error}); write overrides as for awcu train"
        ) from error
    for override in overrides:
        if override.key_or_group.split(".")[0] not in GROUPS:
            raise ConfigurationError(
                f"probe.weightings: {line!r} sets {override.key_or_group}; a row differs from another in "
                f"{' and '.join(GROUPS)} only: give the rest on the command line"
            )
    return itertools.product(*map(each_choice, overrides))


def _row(overrides: tuple[str, ...]) -> GridRow:
    try:
        cfg = compose("train", overrides=list(overrides))
        check_keys(cfg, "train")
        weights = SampleWeights(instantiated(cfg.weighting), **plain(cfg.sample_weights))
        if not callable(weights.weighting):
            raise ConfigurationError("there is no weighting; name one of conf/weighting")
        if not isinstance(weights.class_balance, bool):
            raise ConfigurationError(f"class_balance={weights.class_balance!r} must be true or false")
    except WeightingError:
        raise
    except (HydraException, OmegaConfBaseException, TypeError, ValueError) as error:
        # Hydra lists the options there are, and then where it looked for them.
        reason = misspelt("train", overrides) or str(error).split("\nConfig search path")[0].strip()
        raise ConfigurationError(f"probe.weightings: {' '.join(overrides)}: {reason}") from error
    if weights.anneal != "none":
        raise ConfigurationError(
            f"probe.weightings: {' '.join(overrides)} anneals; a head solved to its optimum has no course of training: "
            f"anneal with awcu train"
        )
    return GridRow(" ".join(sorted(overrides)) or "default", weights)

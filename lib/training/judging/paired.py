"""Two models on the same rows: how much larger the one's loss is than the other's, as a share, and how sure that is."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from modelbundle.amounts import amount, percent
from training.judging.compare import CONFIDENCE, paired_difference
from training.models.metrics import prediction_scorer
from training.problems import CandidateFailed

if TYPE_CHECKING:
    from training.judging.evidence import Evidence
    from training.models.metrics import Metric

RESAMPLES = 500


@dataclass(frozen=True)
class Compared:
    """by: what was paired, and how many; new, served: the losses; relative: by which share the new one is larger, below
    zero where it is better, with its 95 % interval.
    """

    by: Literal["folds", "rows"]
    count: int
    new: float
    served: float
    relative: float
    low: float
    high: float


def loss(metric: Metric, score: float) -> float:
    """Turn a score into a loss, where less is better: of R² and others of at most 1 it is what is missing to 1."""
    return metric.value(score) if metric.lower_is_better else 1 - score


def on_folds(new: Evidence, served: Evidence, metric: Metric) -> Compared:
    """Compare the scores of two winners on the same folds; the interval is that of compare.paired_difference.

    Raises CandidateFailed if they cannot be compared.
    """
    ours, theirs = (
        np.array([loss(metric, score) for score in each.validated.scores[metric.scorer]]) for each in (new, served)
    )
    scale = float(theirs.mean())
    if (ours == theirs).all():
        return Compared("folds", len(ours), scale, scale, 0.0, 0.0, 0.0)
    if not scale > 0:
        raise CandidateFailed(f"the served model's loss is {scale:g}, of which nothing is a share")
    with np.errstate(all="ignore"):  # the gate takes no infinite number
        relative, low, high = (each / scale for each in paired_difference(ours - theirs, new.fold_lengths))
    return Compared("folds", len(ours), float(ours.mean()), scale, float(relative), float(low), float(high))


def on_rows(actual: np.ndarray, new: np.ndarray, served: np.ndarray, metric: Metric, seed: int) -> Compared:
    """Compare two models' predictions for the same rows; the interval is a bootstrap over rows, both models on each.

    All in the target's unit. Raises CandidateFailed if they cannot be compared.
    As in Efron and Tibshirani (1993), "An introduction to the bootstrap": percentiles of the ratio of losses.
    """
    score = prediction_scorer([metric.scorer])

    def losses(rows: np.ndarray | slice) -> tuple[float, float]:
        return tuple(loss(metric, score(each[rows], actual[rows])[metric.scorer]) for each in (new, served))

    ours, theirs = losses(slice(None))
    count, random = len(actual), np.random.default_rng(seed)
    if (new == served).all():
        return Compared("rows", count, ours, theirs, 0.0, 0.0, 0.0)
    if not theirs > 0:
        raise CandidateFailed(f"the served model's loss is {theirs:g}, of which nothing is a share")
    drawn = []
    for _ in range(RESAMPLES):
        with suppress(CandidateFailed):  # rows that are all alike are not taken by every scorer
            drawn.append(losses(random.integers(0, count, count)))
    ratios = [one / other - 1 for one, other in drawn if other > 0]
    if len(ratios) < RESAMPLES / 2:
        raise CandidateFailed(f"only {len(ratios)} of {RESAMPLES} draws of the rows could be scored")
    low, high = np.quantile(ratios, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Compared("rows", count, ours, theirs, ours / theirs - 1, float(low), float(high))


def tell(found: Compared, metric: Metric) -> str:
    """Say what was found in one sentence, without its full stop."""
    where = f"{found.count} folds" if found.by == "folds" else f"{found.count:,} records, which are new to both"
    told = f"On the same {where}, {label(metric)} is {text(metric, found.new)}, the served model's"
    if found.low == found.high == 0:
        return f"{told} too: they differ on none"
    interval = f"{_change(found.low)} to {_change(found.high)}"
    return f"{told} {text(metric, found.served)}: {_change(found.relative)} (95 % interval: {interval})"


def label(metric: Metric) -> str:
    """What the loss of a metric is called."""
    return metric.label if metric.lower_is_better else f"what {metric.label} lacks to 1"


def text(metric: Metric, value: float) -> str:
    """Write a loss with its unit."""
    return metric.text(value) if metric.lower_is_better else amount(value)


def _change(relative: float) -> str:
    return "no difference" if relative == 0 else f"{percent(abs(relative))} {'worse' if relative > 0 else 'better'}"

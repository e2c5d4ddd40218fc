"""The error to quote: the winner's on the hold-out, scored once, and how far it may lie elsewhere on other records.

Neither choosing nor tuning saw the hold-out, so they cannot flatter it. That costs a fifth of the records, which train
and compare no candidate, and a range about 1.3 times as wide as nested cross-validation would give for five times the
fits, which would tell of the procedure rather than of the model that it chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from training.judging.compare import CONFIDENCE
from training.models.metrics import Metric, prediction_scorer
from training.problems import CandidateFailed

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 500

Quoted = dict[str, dict[str, float]]


def quote(
    holdout: pd.DataFrame, unseen: pd.DataFrame, metrics: Sequence[Metric], seed: int, others: int | None = None
) -> Quoted:
    """Score the hold-out, with the range in which the same on other records would lie in 95 of 100 cases.

    holdout, unseen: columns predicted and actual (target's unit); the hold-out's records, and those of the folds, each
    predicted by a model that had not seen it. others: how many other records, as many as are held out if not given.
    Returns scorer -> value, low and high, as people read the metric. Raises CandidateFailed if it cannot be scored.

    The hold-out gives the value. The range is a bootstrap (as in Efron and Tibshirani, 1993, "An introduction to the
    bootstrap"): pairs of sets are drawn from all records, since the hold-out may lack the rare large errors that decide
    an RMSE. A pair is compared by the ratio of its losses; for scores of at most 1, by the ratio of 1 - score;
    otherwise by the difference. With few records and heavy tails the range holds a little less often than it says.
    """
    score = prediction_scorer([metric.scorer for metric in metrics])
    places, elsewhere = (lines[["predicted", "actual"]].to_numpy(dtype=float) for lines in (holdout, unseen))
    pool, counts = np.vstack([places, elsewhere]), (len(holdout), others or len(holdout))
    random = np.random.default_rng(seed)
    here, pairs = score(*places.T), []
    for _ in range(RESAMPLES):
        drawn = [pool[random.integers(0, len(pool), count)] for count in counts]
        with suppress(CandidateFailed):  # few records may be all alike, which not every scorer takes
            pairs.append([score(*each.T) for each in drawn])
    if not pairs:
        raise CandidateFailed(
            f"of {RESAMPLES} draws of as many records none could be scored, so no error can be quoted"
        )
    return {metric.scorer: _range(metric, here[metric.scorer], _drawn(metric, pairs)) for metric in metrics}


def _drawn(metric: Metric, pairs: Sequence[Sequence[dict[str, float]]]) -> np.ndarray:
    return np.array([[metric.value(each[metric.scorer]) for each in pair] for pair in pairs])


def _range(metric: Metric, score: float, drawn: np.ndarray) -> dict[str, float]:
    value, (one, other) = metric.value(score), drawn.T
    ends = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    if metric.lower_is_better and value > 0 and (one > 0).all():
        low, high = value * np.quantile(other / one, ends)
    elif not metric.lower_is_better and value < 1 and (drawn < 1).all():
        high, low = 1 - (1 - value) * np.quantile((1 - other) / (1 - one), ends)
    else:
        low, high = value + np.quantile(other - one, ends)
    return {"value": float(value), "low": float(low), "high": float(high)}

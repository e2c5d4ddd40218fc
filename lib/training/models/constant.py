"""What every model must beat: the best constant of a metric, which knows nothing of the features.

For squared errors that is the mean, for absolute ones the median; for others it is looked for. It is taken from the
target as it is: a mean that went through the logarithm would be the geometric one, and far too easy to beat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar

from training.models.metrics import prediction_scorer
from training.problems import CandidateFailed

if TYPE_CHECKING:
    import pandas as pd

    from training.data.split import Fold
    from training.models.evaluate import Scored

MEAN, MEDIAN, MIDDLE, OTHER = "the mean", "the median", "the middle of the range", "the best constant"
# For each of these the best constant is known; Gneiting (2011), "Making and evaluating point forecasts", JASA 106.
KNOWN: dict[str, str] = {
    "neg_root_mean_squared_error": MEAN,
    "neg_mean_squared_error": MEAN,
    "r2": MEAN,
    "explained_variance": MEAN,  # any constant is as good
    "neg_mean_poisson_deviance": MEAN,
    "neg_mean_gamma_deviance": MEAN,
    "neg_mean_absolute_error": MEDIAN,
    "d2_absolute_error_score": MEDIAN,
    "neg_max_error": MIDDLE,
}
VALUES: dict[str, Callable[[np.ndarray], float]] = {
    MEAN: np.mean,
    MEDIAN: np.median,
    MIDDLE: lambda y: (np.min(y) + np.max(y)) / 2,
}


def name(scorer: str) -> str:
    """What the best constant of a scorer is called; no candidate can have such a name."""
    return KNOWN.get(scorer, OTHER)


def best_constant(y: Sequence[float], scorer: str) -> float:
    """The one value that, predicted for all of y, gets the best score; y: in the target's own unit."""
    values = np.asarray(y, dtype=float)
    if scorer in KNOWN:
        return float(VALUES[KNOWN[scorer]](values))
    score = prediction_scorer([scorer])

    def loss(constant: float) -> float:
        try:
            return -score(np.full(len(values), constant), values)[scorer]
        except CandidateFailed:
            return np.inf

    places = np.unique(np.quantile(values, np.linspace(0, 1, 41)))
    best = int(np.argmin([loss(place) for place in places]))
    low, high = places[max(best - 1, 0)], places[min(best + 1, len(places) - 1)]
    if low == high:
        return float(low)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6 * (high - low)}).x
    return float(min((places[best], values.mean(), found), key=loss))


def constant_result(y: pd.Series, folds: Sequence[Fold], scorers: Sequence[str]) -> dict[str, Scored]:
    """The result of the best constant, beside those of 03_train: its name -> what would have been recorded.

    On each fold it is the best one for the rows that are fitted there, by the first scorer, which decides.
    Empty where a scorer takes no constant.
    """
    score = prediction_scorer(scorers)
    each = []
    for fold in folds:
        constant, actual = best_constant(y.iloc[fold["fit"]], scorers[0]), y.iloc[fold["score"]].to_numpy()
        try:
            each.append(score(np.full(len(actual), constant), actual))
        except CandidateFailed:
            return {}
    scores = {scorer: [found[scorer] for found in each] for scorer in scorers}
    return {name(scorers[0]): {"baseline": True, "failed": None, "scores": scores}}

"""Metrics as people read them: scikit-learn's scorers with short names, units and losses that are positive."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.metrics import check_scoring, cluster, get_scorer_names

from modelbundle.amounts import amount
from training.finite import LARGEST
from training.problems import CandidateFailed, ConfigProblem

_SHORT = {
    "neg_root_mean_squared_error": "RMSE",
    "neg_root_mean_squared_log_error": "RMSLE",
    "neg_mean_absolute_error": "MAE",
    "neg_median_absolute_error": "Median absolute error",
    "neg_max_error": "Largest error",
    "neg_mean_squared_error": "MSE",
    "neg_mean_absolute_percentage_error": "MAPE",
    "r2": "R²",
}
_IN_TARGET_UNIT = {"RMSE", "MAE", "Median absolute error", "Largest error"}


@dataclass(frozen=True)
class Metric:
    """How one scorer is shown: `value` turns a score (greater is better) into what people call the metric."""

    scorer: str
    label: str
    unit: str

    @property
    def lower_is_better(self) -> bool:
        """Whether the metric is a loss."""
        return self.scorer.startswith("neg_")

    def value(self, score: float) -> float:
        """Turn a score into the metric's value: a loss is positive."""
        return -score if self.lower_is_better else score

    def text(self, value: float) -> str:
        """Write a value with its unit: `35,295 USD`, `0.1680`."""
        return amount(value, self.unit)

    @property
    def axis(self) -> str:
        """The label with its unit, for axes and column heads."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def usual_order(scorers: Iterable[str]) -> list[str]:
    """Sort scorers as they are commonly listed, the others after them by name."""
    known = list(_SHORT)
    return sorted(scorers, key=lambda name: (known.index(name) if name in known else len(known), name))


def describe(scorer: str, target_unit: str) -> Metric:
    """Describe a scorer by its name; one that is not in the table is shown under its own name."""
    label = _SHORT.get(scorer, scorer.removeprefix("neg_").replace("_", " ").capitalize())
    unit = target_unit if label in _IN_TARGET_UNIT else f"{target_unit}²" if label == "MSE" and target_unit else ""
    return Metric(scorer, label, unit)


def build_scorer(scorers: Iterable[str]) -> Callable[..., dict[str, float]]:
    """Make one callable (estimator, X, y) -> {scorer: score} that predicts once for all of them.

    Raises ConfigProblem if a name is unknown or does not score regressions.
    """
    scorers = list(scorers)
    known = set(get_scorer_names())
    if unknown := [name for name in scorers if name not in known]:
        fits = ", ".join(name for name in sorted(known) if _scores_regressions(name))
        raise ConfigProblem(f"metric or also_report: scikit-learn has no scorer {unknown[0]}; allowed are {fits}")
    if wrong := [name for name in scorers if not _scores_regressions(name)]:
        raise ConfigProblem(f"metric or also_report: {wrong[0]} does not score regressions; take r2, for example")
    return check_scoring(scoring=scorers)


def prediction_scorer(scorers: Iterable[str]) -> Callable[[np.ndarray, np.ndarray], dict[str, float]]:
    """Make one callable (predicted, actual) -> {scorer: score}, where the predictions are there already.

    Raises ConfigProblem as build_scorer does. What it makes raises CandidateFailed unless every score is a finite
    number that can be reckoned with.
    """
    score = build_scorer(scorers)

    def scored(predicted: np.ndarray, actual: np.ndarray) -> dict[str, float]:
        try:
            # Bad scores are refused below, so numpy need not warn. Without a check of the scorer's parameters a score
            # takes a quarter less, and the range of the quoted error takes thousands of scores.
            with np.errstate(all="ignore"), config_context(skip_parameter_validation=True, assume_finite=True):
                scores = {name: float(value) for name, value in score(_Answers(), predicted, actual).items()}
        except ValueError as error:
            raise CandidateFailed(f"its predictions cannot be scored: {error}") from error
        if bad := [f"{name} is {value:g}" for name, value in scores.items() if not abs(value) <= LARGEST]:
            raise CandidateFailed(f"its predictions cannot be scored: {', '.join(bad)}")
        return scores

    return scored


class _Answers(RegressorMixin, BaseEstimator):
    """Stands in for a fitted model: it predicts what it is given."""

    def fit(self, X: Any, y: Any) -> _Answers:
        return self

    def predict(self, X: Any) -> Any:
        return X


def _scores_regressions(scorer: str) -> bool:
    # Those of clusters take numbers for labels and only warn; those of classes refuse them.
    if scorer in cluster.__all__:
        return False
    X, y = np.zeros((4, 1)), np.array([1.5, 2.25, 3.75, 5.0])
    try:
        score = check_scoring(scoring=[scorer])(DummyRegressor().fit(X, y), X, y)[scorer]
    except (ValueError, TypeError, AttributeError):
        return False
    return bool(np.isfinite(score))

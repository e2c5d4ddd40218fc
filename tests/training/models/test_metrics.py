"""Metrics at their limits, and the scorers that the configuration may name."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.metrics import get_scorer_names

from modelbundle.amounts import amount
from training.models.metrics import build_scorer, describe, usual_order
from training.problems import ConfigProblem

SHOWN = ["neg_root_mean_squared_error", "neg_root_mean_squared_log_error", "neg_mean_absolute_error", "r2"]
PRICES = np.array([90_000.0, 150_000.0, 410_000.0])


class Says(RegressorMixin, BaseEstimator):
    """An estimator that says what it was told to say."""

    def __init__(self, predictions: np.ndarray):
        self.predictions = predictions

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.predictions


def values(predictions: np.ndarray) -> dict[str, float]:
    """The metrics of predictions of PRICES, as people read them."""
    scores = build_scorer(SHOWN)(Says(predictions), np.zeros((3, 1)), PRICES)
    return {name: describe(name, "USD").value(score) for name, score in scores.items()}


def test_a_perfect_prediction_costs_nothing():
    assert values(PRICES) == {**dict.fromkeys(SHOWN, 0.0), "r2": 1.0}


def test_predicting_the_mean_explains_nothing():
    assert values(np.full(3, PRICES.mean()))["r2"] == pytest.approx(0)


def test_an_error_of_a_thousand_everywhere_costs_a_thousand():
    found = values(PRICES + 1000)

    assert found["neg_root_mean_squared_error"] == pytest.approx(1000)
    assert found["neg_mean_absolute_error"] == pytest.approx(1000)


def test_squares_punish_one_large_error_more_than_many_small_ones():
    small, large = values(PRICES + 1000), values(PRICES + np.array([0, 0, 3000]))

    assert large["neg_mean_absolute_error"] == pytest.approx(small["neg_mean_absolute_error"])
    assert large["neg_root_mean_squared_error"] > small["neg_root_mean_squared_error"]


def test_the_log_error_counts_shares_and_not_dollars():
    assert values(PRICES * 1.1)["neg_root_mean_squared_log_error"] == pytest.approx(np.log(1.1), rel=1e-3)


@pytest.mark.parametrize("scorers", [["rsme"], ["r2", "rsme"]])
def test_an_unknown_scorer_is_named_with_those_that_are_allowed(scorers: list[str]):
    with pytest.raises(ConfigProblem, match=r"has no scorer rsme; allowed are .*neg_root_mean_squared_error, .*r2"):
        build_scorer(scorers)


@pytest.mark.parametrize("scorer", ["accuracy", "roc_auc", "f1", "neg_log_loss", "rand_score", "v_measure_score"])
def test_a_scorer_of_classes_or_clusters_is_refused(scorer: str):
    with pytest.raises(ConfigProblem, match=f"{scorer} does not score regressions"):
        build_scorer([scorer])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scorer", [name for name in get_scorer_names() if "rand_score" in name or "info" in name])
def test_it_is_refused_too_where_nobody_made_errors_of_warnings(scorer: str):
    """Those of clusters only warn of numbers; and the filters of warnings belong to all threads of the run."""
    with pytest.raises(ConfigProblem, match=f"{scorer} does not score regressions"):
        build_scorer([scorer])


@pytest.mark.parametrize("scorer", ["neg_max_error", "explained_variance", "d2_absolute_error_score"])
def test_any_scorer_of_regressions_is_allowed(scorer: str):
    scores = build_scorer([scorer])(DummyRegressor().fit([[0]] * 3, PRICES), np.zeros((3, 1)), PRICES)

    assert np.isfinite(scores[scorer])


@pytest.mark.parametrize(
    ("scorer", "axis", "lower_is_better"),
    [
        ("neg_root_mean_squared_error", "RMSE (USD)", True),
        ("neg_mean_squared_error", "MSE (USD²)", True),
        ("neg_root_mean_squared_log_error", "RMSLE", True),
        ("r2", "R²", False),
        ("neg_mean_poisson_deviance", "Mean poisson deviance", True),
    ],
)
def test_a_metric_has_a_name_a_unit_and_a_direction(scorer: str, axis: str, lower_is_better: bool):
    metric = describe(scorer, "USD")

    assert metric.axis == axis
    assert metric.lower_is_better == lower_is_better


def test_a_target_without_a_unit_has_metrics_without_one():
    assert [describe(name, "").axis for name in SHOWN] == ["RMSE", "RMSLE", "MAE", "R²"]


@pytest.mark.parametrize(
    ("value", "text"), [(35294.6, "35,295 USD"), (0, "0 USD"), (99.95, "99.95 USD"), (0.168, "0.1680 USD")]
)
def test_an_amount_has_the_digits_that_matter(value: float, text: str):
    assert amount(value, "USD") == text


def test_a_small_amount_is_not_shown_as_zero():
    assert float(amount(0.0000123)) == pytest.approx(0.0000123, rel=0.01)


def test_scorers_are_listed_as_usual_and_unknown_ones_last():
    assert usual_order(["explained_variance", "r2", "neg_mean_absolute_error"]) == [
        "neg_mean_absolute_error",
        "r2",
        "explained_variance",
    ]

"""The best constant: what a model must beat, by the metric that decides and on the target as it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.judging.compare import Ranked, choose
from training.judging.facts import best_baseline
from training.models.constant import best_constant, constant_result, name
from training.models.metrics import describe, prediction_scorer
from training.problems import CandidateFailed

RMSE, MAE = "neg_root_mean_squared_error", "neg_mean_absolute_error"
SKEWED = np.random.default_rng(0).lognormal(3, 1.2, 61)
COUNTS = np.random.default_rng(1).poisson(2, 60) * (np.random.default_rng(2).random(60) < 0.25)
FOLDS = [{"fit": list(range(20, 60)), "score": list(range(20))}, {"fit": list(range(40)), "score": list(range(40, 60))}]
SCORERS = [
    *(RMSE, MAE, "r2", "neg_mean_squared_error", "neg_median_absolute_error", "neg_max_error", "explained_variance"),
    *("neg_root_mean_squared_log_error", "neg_mean_squared_log_error", "neg_mean_absolute_percentage_error"),
    *("d2_absolute_error_score", "neg_mean_poisson_deviance", "neg_mean_gamma_deviance"),
]


@pytest.mark.parametrize(
    ("scorer", "value", "called"),
    [
        (RMSE, SKEWED.mean(), "the mean"),
        (MAE, np.median(SKEWED), "the median"),
        ("r2", SKEWED.mean(), "the mean"),
        ("neg_max_error", (SKEWED.min() + SKEWED.max()) / 2, "the middle of the range"),
        ("neg_root_mean_squared_log_error", np.expm1(np.log1p(SKEWED).mean()), "the best constant"),
    ],
)
def test_it_is_the_one_that_theory_names(scorer: str, value: float, called: str):
    assert best_constant(SKEWED, scorer) == pytest.approx(value, rel=1e-4)
    assert name(scorer) == called


@pytest.mark.parametrize("y", [SKEWED, COUNTS + 5.0, COUNTS.astype(float)], ids=["skewed", "positive", "zeros"])
@pytest.mark.parametrize("scorer", SCORERS)
def test_no_other_constant_is_better(scorer: str, y: np.ndarray):
    if scorer == "neg_mean_gamma_deviance" and y.min() <= 0:
        pytest.skip("takes no zeros")
    score = prediction_scorer([scorer])
    mine = score(np.full(len(y), best_constant(y, scorer)), y)[scorer]
    others = [score(np.full(len(y), each), y)[scorer] for each in [*y[y > 0], y.mean(), np.median(y) + 1e-9]]

    assert mine >= max(others) - 2e-4 * abs(max(others)) - 1e-12


def test_a_constant_target_has_it_as_its_best():
    assert best_constant(np.full(9, 3.0), "neg_median_absolute_error") == 3.0


def test_it_is_fitted_on_the_rows_of_each_fold_and_scored_on_the_others():
    y = pd.Series(SKEWED[:60])
    (called, result), *others = constant_result(y, FOLDS, [RMSE, MAE]).items()
    errors = [y[fold["score"]] - y[fold["fit"]].mean() for fold in FOLDS]

    assert (called, others, result["baseline"], result["failed"]) == ("the mean", [], True, None)
    assert result["scores"][RMSE] == pytest.approx([-np.sqrt((each**2).mean()) for each in errors])
    assert result["scores"][MAE] == pytest.approx([-each.abs().mean() for each in errors])


def test_a_scorer_that_takes_no_constant_leaves_it_out():
    y = pd.Series([0.0] * 60)

    assert constant_result(y, FOLDS, ["neg_mean_poisson_deviance"]) == {}


def result(scores: Any, *, baseline: bool = False) -> dict[str, Any]:
    return {"baseline": baseline, "failed": None, "scores": {RMSE: list(scores)}}


def test_what_beats_the_median_and_not_the_mean_is_no_gain():
    """By RMSE the median of a skewed target is easily beaten."""
    y, metric = pd.Series(SKEWED[:60]), describe(RMSE, "USD")
    mean = constant_result(y, FOLDS, [RMSE])
    median = result((np.array(mean["the mean"]["scores"][RMSE]) * 1.2), baseline=True)
    between = result(np.array(mean["the mean"]["scores"][RMSE]) * 1.1)

    assert choose({"median": median, "svr": between}, metric, "best_mean", FOLDS).winner == "svr"
    with pytest.raises(CandidateFailed, match=r"no candidate beats the baseline in RMSE.*svr, has .*, and the mean, "):
        choose({"median": median, "svr": between} | mean, metric, "best_mean", FOLDS)


def test_on_the_holdout_it_is_the_constant_of_the_training_rows():
    y = pd.Series(SKEWED[:60])
    parts = {"training": list(range(50)), "holdout": list(range(50, 60))}
    choice = SimpleNamespace(ranking=[Ranked("svr", False), Ranked("the mean", True), Ranked("median", True)])
    found = best_baseline(choice, pytest.fail, pd.DataFrame(index=y.index), y, parts, describe(RMSE, "USD"))

    assert found["name"] == "the mean"
    assert found["holdout"] == pytest.approx(np.sqrt(((y[50:] - y[:50].mean()) ** 2).mean()))

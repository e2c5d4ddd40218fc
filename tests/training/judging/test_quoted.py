"""The quoted error's range: where the same error lies on other records."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.judging import quoted
from training.judging.quoted import quote
from training.models.metrics import describe
from training.problems import CandidateFailed

RMSE, R2 = describe("neg_root_mean_squared_error", "USD"), describe("r2", "USD")


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quoted, "RESAMPLES", 40)


def lines(random: np.random.Generator, rows: int, spread: float = 10.0) -> pd.DataFrame:
    actual = random.uniform(100, 200, rows)
    return pd.DataFrame({"predicted": actual + random.normal(0, spread, rows), "actual": actual})


def test_the_holdout_gives_the_value_and_the_range_lies_around_it():
    random = np.random.default_rng(0)
    holdout, unseen = lines(random, 80), lines(random, 300)
    found = quote(holdout, unseen, [RMSE, R2], seed=0)
    error = (holdout["predicted"] - holdout["actual"]).to_numpy()

    assert found[RMSE.scorer]["value"] == pytest.approx(np.sqrt((error**2).mean()))
    for each in found.values():
        assert each["low"] < each["value"] < each["high"]
    assert found == quote(holdout, unseen, [RMSE, R2], seed=0)


def test_more_other_records_are_told_more_exactly():
    random = np.random.default_rng(1)
    holdout, unseen = lines(random, 80), lines(random, 300)
    few, many = (quote(holdout, unseen, [RMSE], 0, others)[RMSE.scorer] for others in (20, 2000))

    assert many["high"] - many["low"] < 0.8 * (few["high"] - few["low"])


def test_rare_large_errors_that_the_holdout_lacks_widen_the_range():
    random = np.random.default_rng(2)
    holdout, unseen = lines(random, 80), lines(random, 300)
    with_outliers = unseen.assign(predicted=unseen["predicted"].where(unseen.index > 5, 400.0))
    usual, warned = (quote(holdout, each, [RMSE], 0)[RMSE.scorer] for each in (unseen, with_outliers))

    assert warned["value"] == usual["value"]
    assert warned["high"] > 1.5 * usual["high"]


@pytest.mark.run
def test_the_range_holds_the_error_on_other_records_as_often_as_promised(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(quoted, "RESAMPLES", 80)
    random = np.random.default_rng(3)
    held = []
    for seed in range(40):
        holdout, unseen, others = (lines(random, rows, spread=20) for rows in (60, 200, 60))
        found = quote(holdout, unseen, [RMSE], seed)[RMSE.scorer]
        error = np.sqrt(((others["predicted"] - others["actual"]) ** 2).mean())
        held.append(found["low"] <= error <= found["high"])

    assert 0.85 <= np.mean(held) <= 1


def test_a_score_of_at_most_1_has_a_range_below_1():
    random = np.random.default_rng(5)
    found = quote(lines(random, 30), lines(random, 60), [R2], 0)[R2.scorer]

    assert found["low"] < found["value"] < found["high"] < 1


def test_a_score_without_bounds_has_its_range_on_both_sides():
    """R² of 1 and above leaves no ratio to take: differences of draws are added."""
    others = np.linspace(-0.5, 1.5, 2001)
    found = quoted._range(R2, 1.0, np.column_stack([np.full(2001, 0.5), others]))

    assert found == {"value": 1.0, "low": pytest.approx(0.05), "high": pytest.approx(1.95)}, "95 % of them lie within"


def test_the_holdout_is_among_the_records_that_the_range_is_drawn_from():
    random = np.random.default_rng(6)
    holdout, unseen = lines(random, 40), lines(random, 40)
    wild = holdout.assign(predicted=holdout["predicted"].where(holdout.index > 1, 900.0))
    usual, wide = (quote(each, unseen, [RMSE], 0)[RMSE.scorer] for each in (holdout, wild))

    assert wide["high"] / wide["value"] > 1.2 * usual["high"] / usual["value"]


def test_predictions_without_an_error_are_quoted_as_such():
    exact = pd.DataFrame({"predicted": [1.0, 2.0, 3.0, 4.0], "actual": [1.0, 2.0, 3.0, 4.0]})

    assert quote(exact, exact, [RMSE], 0)[RMSE.scorer] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_a_holdout_that_cannot_be_scored_is_told_in_a_sentence():
    random, scorer = np.random.default_rng(4), describe("neg_root_mean_squared_log_error", "")
    holdout = lines(random, 20).assign(predicted=-1.0)

    with pytest.raises(CandidateFailed, match="its predictions cannot be scored"):
        quote(holdout, lines(random, 100), [scorer], seed=0)


def test_draws_that_cannot_be_scored_are_left_out(monkeypatch: pytest.MonkeyPatch):
    random, score = np.random.default_rng(5), quoted.prediction_scorer([RMSE.scorer])
    holdout, unseen = lines(random, 20), lines(random, 100)

    def fastidious(predicted: np.ndarray, actual: np.ndarray) -> dict[str, float]:
        if actual[0] > 150:
            raise CandidateFailed("no")
        return score(predicted, actual)

    holdout.loc[0, "actual"] = 100.0
    monkeypatch.setattr(quoted, "prediction_scorer", lambda scorers: fastidious)

    assert quote(holdout, unseen, [RMSE], seed=0)[RMSE.scorer]["low"] > 0

"""Paired comparisons: the right loss, the right share, and an interval that is as wide as the rows leave it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.judged import RMSE, side
from training.judging import paired
from training.judging.compare import paired_difference
from training.models.metrics import describe
from training.problems import CandidateFailed

USD, R2 = describe(RMSE, "USD"), describe("r2", "USD")
TRUTH = np.arange(1.0, 41.0)


def test_a_loss_is_less_where_a_model_is_better():
    assert paired.loss(USD, -3.0) == 3.0
    assert paired.loss(R2, 0.75) == 0.25


def test_folds_are_compared_by_the_corrected_interval_as_a_share_of_the_served_loss():
    new, served = [-2.2, -2.0, -2.4], [-2.0, -1.9, -2.1]
    sides = [side(TRUTH, TRUTH, scores=scores).evidence for scores in (new, served)]
    folds = [{"fit": range(80), "score": range(20)}] * 3
    mean, low, high = paired_difference(np.array([0.2, 0.1, 0.3]), folds)

    found = paired.on_folds(*sides, USD)

    assert (found.new, found.served, found.count) == pytest.approx((2.2, 2.0, 3))
    assert (found.relative, found.low, found.high) == pytest.approx((mean / 2, low / 2, high / 2))
    assert found.low < 0.1 < found.high


def test_rows_are_compared_by_the_ratio_of_the_losses_of_both():
    found = paired.on_rows(TRUTH, TRUTH + 3, TRUTH - 2, USD, 0)

    assert (found.new, found.served) == pytest.approx((3, 2))
    assert (found.relative, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_more_rows_leave_less_to_luck():
    def width(rows: int) -> float:
        random = np.random.default_rng(0)
        truth, one, other = random.normal(0, 1, (3, rows))
        found = paired.on_rows(truth, truth + one, truth + other, USD, 0)
        return found.high - found.low

    assert width(1000) < 0.6 * width(100)


def test_the_same_seed_draws_the_same_interval():
    random = np.random.default_rng(0)
    columns = TRUTH, TRUTH + random.normal(size=40), TRUTH + random.normal(size=40)

    assert paired.on_rows(*columns, USD, 5) == paired.on_rows(*columns, USD, 5) != paired.on_rows(*columns, USD, 6)


def test_nothing_is_a_share_of_a_loss_of_zero():
    with pytest.raises(CandidateFailed, match="the served model's loss is 0, of which nothing is a share"):
        paired.on_rows(TRUTH, TRUTH + 1, TRUTH, USD, 0)


def test_draws_that_leave_nothing_to_take_a_share_of_are_left_out():
    """The served model misses one row alone, and a third of the draws lack it."""
    some = paired.on_rows(TRUTH, TRUTH + 1, TRUTH + (TRUTH == 7), USD, 0)

    assert np.isfinite([some.low, some.high]).all()


def test_an_interval_of_few_draws_is_none(monkeypatch: pytest.MonkeyPatch):
    def takes_both_ends_alone(predicted: np.ndarray, actual: np.ndarray) -> dict[str, float]:
        if {1.0, 40.0} <= set(actual):
            return {RMSE: -float(abs(predicted - actual).mean())}
        raise CandidateFailed("too few")

    monkeypatch.setattr(paired, "prediction_scorer", lambda _: takes_both_ends_alone)
    with pytest.raises(CandidateFailed, match=r"only \d+ of 500 draws of the rows could be scored"):
        paired.on_rows(TRUTH, TRUTH + 1, TRUTH + 2, USD, 0)


def test_what_was_found_is_told_in_the_targets_unit():
    found = paired.Compared("rows", 1200, 35_250.4, 34_000.2, 0.0368, -0.01, 0.08)

    assert paired.tell(found, USD) == (
        "On the same 1,200 records, which are new to both, RMSE is 35,250 USD, the served model's 34,000 USD: "
        "3.68 % worse (95 % interval: 1 % better to 8 % worse)"
    )

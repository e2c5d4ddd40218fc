"""Intervals around predictions: as wide as the errors on unseen records were, and no wider."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from modelbundle.intervals import Intervals
from training.judging.calibrate import _rounded, calibrate, with_held_out_intervals, with_intervals
from training.judging.segments import inside

LEVEL = 0.9


def priced(random: np.random.Generator, rows: int) -> pd.DataFrame:
    """Predictions whose relative error is three times as large for cheap records as for dear ones."""
    predicted = np.exp(random.uniform(11, 13, rows))
    spread = np.where(predicted < np.exp(12), 0.3, 0.1)
    actual = predicted * np.exp(random.normal(0, spread))
    return pd.DataFrame({"row": np.arange(rows), "predicted": predicted, "actual": actual})


def test_new_records_lie_inside_as_often_as_promised():
    random = np.random.default_rng(0)
    intervals = calibrate(priced(random, 800), LEVEL, "log")

    assert inside(with_intervals(priced(random, 4000), intervals)).mean() == pytest.approx(LEVEL, abs=0.03)


def test_they_are_wider_where_errors_are_larger():
    random = np.random.default_rng(1)
    intervals = calibrate(priced(random, 800), LEVEL, "log")
    new = with_intervals(priced(random, 4000), intervals)
    relative = (new["high"] - new["low"]) / new["predicted"]
    cheap = new["predicted"] < np.exp(11.7)

    assert relative[cheap].mean() > 1.8 * relative[new["predicted"] > np.exp(12.3)].mean()
    assert inside(new)[cheap].mean() > 0.85


def test_a_record_is_not_judged_by_an_interval_that_it_helped_to_set():
    table = pd.concat([priced(np.random.default_rng(2), 300)] * 3, ignore_index=True)  # predicted three times each
    other = table.assign(actual=table["actual"].where(table["row"] != 17, 1.0))
    before, after = (
        with_held_out_intervals(each, LEVEL, "log", seed=0).loc[table["row"] == 17, ["low", "high"]]
        for each in (table, other)
    )

    assert before.equals(after)


def test_a_target_below_zero_is_measured_on_its_own_scale():
    random = np.random.default_rng(3)
    predicted = random.normal(0, 5, 500)
    table = pd.DataFrame({"row": range(500), "predicted": predicted, "actual": predicted + random.normal(0, 1, 500)})
    intervals = calibrate(table, LEVEL, "none")
    low, high = intervals.around(-3.0)

    assert intervals.scale == "linear"
    assert low < -3 < high
    assert high - low == pytest.approx(2 * 1.645, rel=0.25)


def test_predictions_that_lie_close_together_keep_their_knots_apart():
    place = 1.7e9 + np.linspace(0, 1000, 200)
    table = pd.DataFrame({"row": range(200), "predicted": place, "actual": place + np.linspace(-5, 5, 200)})

    assert len(set(calibrate(table, LEVEL, "none").at)) == 5


@pytest.mark.parametrize("rows", [4, 25])
def test_few_records_and_equal_predictions_get_an_interval_too(rows: int):
    table = pd.DataFrame({"row": range(rows), "predicted": 5.0, "actual": np.arange(rows, dtype=float)})
    intervals = calibrate(table, LEVEL, "none")

    assert len(intervals.at) == 1
    assert inside(with_intervals(table, intervals)).mean() >= LEVEL


def test_a_record_that_was_predicted_several_times_counts_once_in_the_correction():
    table = priced(np.random.default_rng(4), 200)
    thrice = pd.concat([table] * 3, ignore_index=True)
    once, repeated = (calibrate(each, LEVEL, "log") for each in (table, thrice))

    assert repeated.below == pytest.approx(once.below, rel=0.05)


def test_nor_by_one_that_an_equal_record_helped_to_set():
    table, alike = priced(np.random.default_rng(2), 300), np.arange(300)
    alike[18:] -= 1  # rows 17 and 18 are equal
    twins = table["row"].isin([17, 18])
    other = table.assign(actual=table["actual"].where(~twins, 1.0))
    before, after = (
        with_held_out_intervals(each, LEVEL, "log", seed=0, alike=alike).loc[twins, ["low", "high"]]
        for each in (table, other)
    )

    assert before.equals(after)
    assert with_held_out_intervals(table, LEVEL, "log", 0).equals(
        with_held_out_intervals(table, LEVEL, "log", 0, alike=np.arange(300))
    )


@pytest.mark.parametrize(("scale", "prediction", "ends"), [
    ("linear", 0.0, (0.0, 1.0)), ("linear", 0.25, (0.0, 1.25)), ("linear", 9.5, (9.0, 10.0)),
    ("linear", -2.0, (-2.0, -1.0)), ("linear", 12.0, (11.5, 12.0)), ("log", 5.0, (5 * math.exp(-0.5), 10.0)),
])  # fmt: skip
def test_an_interval_keeps_to_the_limits_and_holds_its_prediction(
    scale: str, prediction: float, ends: tuple[float, float]
):
    """A prediction beyond the limits is that of a bundle that did not know them."""
    intervals = Intervals(level=0.9, scale=scale, at=(1.0,), below=(0.5,), above=(1.0,))

    assert intervals.around(prediction, (0.0, 10.0)) == pytest.approx(ends)
    table = pd.DataFrame({"predicted": [prediction]})
    assert with_intervals(table, intervals, (0.0, 10.0))[["low", "high"]].to_numpy().tolist() == [
        list(intervals.around(prediction, (0.0, 10.0)))
    ]


def test_coverage_is_measured_with_the_intervals_that_are_served():
    random = np.random.default_rng(4)
    predicted = random.uniform(0, 2, 300)
    actual = np.maximum(predicted + random.normal(0, 1, 300), 0)
    table = pd.DataFrame({"row": range(300), "predicted": predicted, "actual": actual})
    limited = with_held_out_intervals(table, LEVEL, "none", 0, limits=(0.0, math.inf))

    assert limited["low"].min() == 0
    assert inside(limited).equals(inside(with_held_out_intervals(table, LEVEL, "none", 0)))


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_rounding_keeps_six_digits_of_what_tells_places_apart(size: float):
    apart, equal = np.array([1.23456789, 2.3456789]) * size, np.array([1.23456789] * 2) * size

    for values in (apart, equal):
        assert _rounded(values) == pytest.approx(values.tolist(), rel=1e-5)
        assert _rounded(values) != values.tolist()
    assert _rounded(np.array([1e9 + 0.125, 1e9 + 0.25])) == [1e9 + 0.125, 1e9 + 0.25]

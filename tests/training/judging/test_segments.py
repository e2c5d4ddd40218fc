"""Kinds of records, and how good predictions and intervals are for each."""

from __future__ import annotations

import numpy as np
import pandas as pd

from training.judging.segments import POOLED, by_band, by_category, coverage, median_error, widest_apart


def test_fifths_hold_as_many_records_each_and_are_named_by_their_ends():
    groups = by_band(pd.Series(np.arange(100.0, 200.0)))

    assert groups.value_counts().tolist() == [20] * 5
    assert groups.cat.categories[0] == "100 to 120"
    assert groups.iloc[0] == "100 to 120"


def test_a_target_of_few_values_has_fewer_bands():
    assert 1 <= by_band(pd.Series([1.0] * 50 + [2.0] * 3)).nunique() <= 2


def test_fifths_of_a_small_target_have_the_digits_that_tell_them_apart():
    groups = by_band(pd.Series(np.linspace(-0.001, 0.002, 50)))

    assert len(groups.cat.categories) == 5
    assert groups.cat.categories[0] == "-0.00100 to -0.00040"
    assert not any("-0.00000" in name for name in groups.cat.categories)


def test_rare_categories_and_gaps_are_named():
    groups = by_category(pd.Series(["a"] * 20 + [None] * 12 + ["b"] * 3 + ["c"]))

    assert groups.value_counts().to_dict() == {"a": 20, "missing": 12, POOLED: 4}
    assert list(groups.cat.categories) == ["a", "missing", POOLED]


def test_the_error_of_a_group_is_its_own():
    predictions = pd.DataFrame({"predicted": [1.0, 2.0, 9.0], "actual": [0.0, 0.0, 10.0]})
    table = median_error(predictions, pd.Series(["low", "low", "high"]))

    assert table.loc["low"].tolist() == [2, 1.5]
    assert table.loc["high"].tolist() == [1, 1.0]


def test_coverage_counts_each_record_once_and_each_prediction_of_it():
    lines = pd.DataFrame({"row": [4, 4, 7], "actual": [1.0, 1.0, 5.0], "low": [0.0, 2.0, 4.0], "high": [2.0, 4.0, 6.0]})
    table = coverage(lines, pd.Series({4: "a", 7: "b"}))

    assert table.loc["a"].tolist() == [1, 0.5, 2.0]
    assert table.loc["b"].tolist() == [1, 1.0, 2.0]


def test_the_feature_that_tells_errors_apart_is_found_whatever_the_rare_ones_do():
    rows = 240
    X = pd.DataFrame({"dull": ["x"] * 228 + ["odd"] * 12, "telling": ["good", "bad"] * 120})
    error = np.where(X["telling"] == "bad", 9.0, 1.0) + np.where(X["dull"] == "odd", 10.0, 0.0)
    too_much = 1000.0 + error * np.tile([1.0, 1.0, -1.0, -1.0], rows // 4)
    found = widest_apart(pd.DataFrame({"predicted": too_much, "actual": 1000.0}), X, ["dull", "telling"])

    assert list(found) == ["telling"]
    assert len(found["telling"]) == rows
    assert widest_apart(pd.DataFrame({"predicted": too_much, "actual": 1000.0}), X, []) == {}

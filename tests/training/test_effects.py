"""What moves the predictions: the typical record, effects of one feature, and the parts of a single prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from training.candidates import build_pipeline
from training.data import features_and_target
from training.effects import effect, explain, leading, typical_record
from training.recipe import Candidate

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from modelbundle.contract import Contract


@pytest.fixture
def fitted(contract: Contract, table: pd.DataFrame) -> Pipeline:
    X, y = features_and_target(table, contract)
    return build_pipeline("ols", Candidate(estimator="sklearn.linear_model.LinearRegression"), contract, "log", 0).fit(
        X, y
    )


def test_the_typical_record_is_a_real_one_of_middling_target(contract: Contract, table: pd.DataFrame):
    X, y = features_and_target(table, contract)
    typical = typical_record(X, y, contract, "log")
    same = X.eq(pd.Series(typical.record)).all(axis=1)

    assert typical.scale == "log"
    assert same.any()
    assert y[same].between(*y.quantile([0.4, 0.6])).all()


def test_the_typical_record_has_no_gap_if_any_record_has_none(contract: Contract, table: pd.DataFrame):
    X, y = features_and_target(table.assign(Zone=table["Zone"].where(table.index > 40)), contract)

    assert typical_record(X, y, contract, "none").record["Zone"] is not None
    assert typical_record(X.assign(Zone=np.nan), y, contract, "none").record["Zone"] is None


def test_a_number_that_raises_the_target_has_a_rising_effect(fitted: Pipeline, contract: Contract, table: pd.DataFrame):
    X, _ = features_and_target(table, contract)
    lines = effect(fitted, X, "Area", contract, seed=0)

    assert lines["average"].is_monotonic_increasing
    assert (lines["low"] < lines["average"]).all()
    assert (lines["average"] < lines["high"]).all()
    assert lines.index.min() >= X["Area"].min()
    assert lines.index.max() <= X["Area"].max()


def test_a_category_is_drawn_by_its_values(fitted: Pipeline, contract: Contract, table: pd.DataFrame):
    X, _ = features_and_target(table, contract)
    lines = effect(fitted, X, "Zone", contract, seed=0)

    assert set(lines.index) == {"A", "B", "C"}
    assert lines.index[-1] == "A"  # the one that costs 20,000 more


@pytest.mark.parametrize("values", [7.0, np.nan])
def test_a_feature_of_one_value_has_no_effect_to_draw(
    fitted: Pipeline, contract: Contract, table: pd.DataFrame, values: float
):
    X, _ = features_and_target(table, contract)

    assert effect(fitted, X.assign(Cellar=values), "Cellar", contract, seed=0).empty


def test_the_parts_of_a_prediction_add_up(fitted: Pipeline, contract: Contract, table: pd.DataFrame):
    X, y = features_and_target(table, contract)
    gap = X.head(5).assign(Zone=np.nan)
    found = explain(fitted, gap, contract, typical_record(X, y, contract, "log"))

    assert [each.prediction for each in found] == pytest.approx(list(fitted.predict(gap)))
    for each in found:
        assert each.typical + sum(each.amounts.values()) == pytest.approx(each.prediction)


def test_the_leading_features_come_first():
    assert leading({"a": [1, 2], "b": [5, 4], "c": [0, -1]}, 2) == ["b", "a"]

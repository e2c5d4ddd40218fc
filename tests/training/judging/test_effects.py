"""What moves the predictions: the typical record, effects of one feature, and the parts of a single prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from modelbundle.contract import Contract
from training.config.recipe import Candidate
from training.data.reading import features_and_target
from training.judging.effects import effect, explain, leading, typical_record
from training.models.candidates import Design, build_pipeline

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


@pytest.fixture
def fitted(contract: Contract, table: pd.DataFrame) -> Pipeline:
    X, y = features_and_target(table, contract)
    return build_pipeline(
        "ols", Candidate(estimator="sklearn.linear_model.LinearRegression"), Design(contract, "log")
    ).fit(X, y)


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


def houses(**columns: list) -> tuple[pd.DataFrame, pd.Series, Contract]:
    """A table of features, the row's number as its target, and the contract for them; texts are categories."""
    X = pd.DataFrame(columns)
    kinds = {
        name: {"kind": "numeric" if isinstance(cells[0], float) else "categorical"} for name, cells in columns.items()
    }
    target = {"Price": {"role": "target", "kind": "numeric", "required": True}}
    return X, pd.Series(range(len(X)), dtype=float), Contract.model_validate({"columns": kinds | target})


def test_of_middling_records_the_typical_one_is_nearest_to_the_medians_by_rank():
    """Of the three whose target is in the middle fifth, one is small in all, one large in all, one ordinary."""
    area = [1.0, 2.0, 3.0, 20.0, 10.0, 11.0, 9.5, 21.0, 22.0, 23.0, 4.0]
    X, y, contract = houses(Area=area, Year=[2.0, 22.0, 3.0, 21.0, 1.0, 11.0, 90.0, 4.0, 20.0, 5.0, 23.0])

    assert typical_record(X, y, contract, "none").record == {"Area": 11.0, "Year": 11.0}


def test_one_far_number_is_not_made_good_by_another_that_is_far_in_the_other_direction():
    X, y, contract = houses(
        Area=[1.0, 2.0, 3.0, 4.0, 99.0, 7.0, 0.0, 5.0, 6.0, 8.0, 9.0],
        Year=[1.0, 2.0, 3.0, 4.0, 0.0, 7.0, 99.0, 5.0, 6.0, 8.0, 9.0],
    )

    assert typical_record(X, y, contract, "none").record == {"Area": 7.0, "Year": 7.0}


def test_of_records_with_equal_numbers_the_typical_one_has_the_commonest_category():
    zones = ["A"] * 4 + ["C", "A", "B"] + ["B"] * 2 + ["A"] * 2
    X, y, contract = houses(Zone=zones, Area=[1.0] * 11)

    assert typical_record(X, y, contract, "none").record == {"Zone": "A", "Area": 1.0}


def test_the_rarest_category_costs_half_of_a_rank_and_so_less_than_an_extreme_number():
    """Of two middling records, one has the largest area and the commonest zone, one a usual area and a rare zone."""
    zones = ["A"] * 4 + ["A", "C", "B"] + ["A"] * 4
    X, y, contract = houses(Zone=zones, Area=[1.0, 2.0, 3.0, 4.0, 99.0, 5.5, 0.0, 6.0, 7.0, 8.0, 9.0])

    assert typical_record(X, y, contract, "none").record == {"Zone": "C", "Area": 5.5}


def test_the_typical_record_is_one_without_gaps_even_if_those_have_no_middling_target():
    X, y, contract = houses(Zone=["A", "B"] + [None] * 7 + ["C", "B"], Area=[float(it) for it in range(11)])

    assert typical_record(X, y, contract, "none").record == {"Zone": "B", "Area": 1.0}


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


def test_an_effect_is_the_average_prediction_with_that_value_and_eight_in_ten_lie_between_low_and_high(
    fitted: Pipeline, contract: Contract, table: pd.DataFrame
):
    X, _ = features_and_target(table, contract)
    lines = effect(fitted, X, "Area", contract, seed=0)
    each = {value: fitted.predict(X.assign(Area=value)) for value in lines.index}

    assert list(lines["average"]) == pytest.approx([predicted.mean() for predicted in each.values()])
    assert list(lines["low"]) == pytest.approx([np.quantile(predicted, 0.1) for predicted in each.values()])
    assert list(lines["high"]) == pytest.approx([np.quantile(predicted, 0.9) for predicted in each.values()])


def test_a_number_of_many_values_is_drawn_in_even_steps_and_one_of_few_at_its_own(
    fitted: Pipeline, contract: Contract, table: pd.DataFrame
):
    X, _ = features_and_target(table, contract)
    many = effect(fitted, X, "Area", contract, seed=0).index
    few = effect(fitted, X.assign(Cellar=np.arange(60.0) % 20), "Cellar", contract, seed=0).index

    assert [many[0], many[-1]] == pytest.approx(list(X["Area"].quantile([0.05, 0.95])))
    assert len(many) == 20
    assert np.diff(many) == pytest.approx(np.diff(many)[0])
    assert list(few) == list(range(20))


def test_records_that_lack_the_feature_have_no_part_in_its_effect(
    fitted: Pipeline, contract: Contract, table: pd.DataFrame
):
    X, _ = features_and_target(table, contract)
    gaps = X.assign(Cellar=X["Cellar"].where(X.index >= 20))
    lines = effect(fitted, gaps, "Cellar", contract, seed=0)

    assert lines.equals(effect(fitted, X.iloc[20:], "Cellar", contract, seed=0))


def test_a_category_of_fewer_than_ten_records_is_not_drawn(fitted: Pipeline, contract: Contract, table: pd.DataFrame):
    X, _ = features_and_target(table, contract)
    zones = np.array(["A"] * 41 + ["B"] * 10 + ["C"] * 9)

    assert set(effect(fitted, X.assign(Zone=zones), "Zone", contract, seed=0).index) == {"A", "B"}
    assert effect(fitted, X.assign(Zone=np.array(["A"] * 51 + ["C"] * 9)), "Zone", contract, seed=0).empty


@pytest.mark.parametrize("values", [7.0, np.nan])
def test_a_feature_of_one_value_has_no_effect_to_draw(
    fitted: Pipeline, contract: Contract, table: pd.DataFrame, values: float
):
    X, _ = features_and_target(table, contract)

    lines = effect(fitted, X.assign(Cellar=values), "Cellar", contract, seed=0)

    assert lines.empty
    assert list(lines) == ["average", "low", "high"]


def test_the_parts_of_a_prediction_add_up(fitted: Pipeline, contract: Contract, table: pd.DataFrame):
    X, y = features_and_target(table, contract)
    gap = X.head(5).assign(Zone=np.nan)
    found = explain(fitted, gap, contract, typical_record(X, y, contract, "log"))

    assert [each.prediction for each in found] == pytest.approx(list(fitted.predict(gap)))
    for each in found:
        assert each.typical + sum(each.amounts.values()) == pytest.approx(each.prediction)


def test_the_leading_features_come_first():
    assert leading({"a": [1, 2], "b": [5, 4], "c": [0, -1]}, 2) == ["b", "a"]

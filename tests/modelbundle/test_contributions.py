"""Contributions: they add up, they are a linear model's own terms, and what is typical adds nothing."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from modelbundle.contributions import Contributions, Typical, _orders, contributions, in_whole_units, most_rows
from modelbundle.frame import records_to_frame
from training.config.recipe import Candidate
from training.models.candidates import Design, build_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelbundle.contract import Contract

Record = dict[str, Any]
TYPICAL = {"Zone": "RM", "Class": "20", "Area": 10.0}
SCALES = ["linear", "log"]


def explain(
    formula: Callable[[Record], float], record: Record, typical: Record, scale: str = "linear"
) -> Contributions:
    """The contributions to what a formula gives for a record."""
    known = Typical.model_validate({"scale": scale, "record": typical})
    (one,) = contributions(lambda rows: [formula(row) for row in rows], [record], list(typical), known)
    return one


def exact(formula: Callable[[Record], float], record: Record, typical: Record) -> dict[str, float]:
    """Shapley values, averaged over all orders there are."""
    names = list(typical)
    shares = dict.fromkeys(names, 0.0)
    for order in itertools.permutations(names):
        row = dict(typical)
        for name in order:
            before = formula(row)
            row[name] = record[name]
            shares[name] += (formula(row) - before) / math.factorial(len(names))
    return shares


@pytest.fixture(scope="module")
def log_linear(contract: Contract) -> Any:
    """A linear regression of the logarithm: 0.02 for each unit of the area, 0.3 for the zone RL, -0.1 for class 60."""
    zones, classes, areas = ["RL", "RM"] * 40, [20, 60, 60, 20] * 20, [float(area) for area in range(80)]
    rows = zip(zones, classes, areas, strict=True)
    logs = [5 + 0.02 * area + 0.3 * (zone == "RL") - 0.1 * (class_ == 60) for zone, class_, area in rows]
    table = pd.DataFrame({"Zone": zones, "Class": classes, "Area": areas, "Price": np.exp(logs)})
    candidate = Candidate(estimator="sklearn.linear_model.LinearRegression")
    return build_pipeline("linear", candidate, Design(contract, "log")).fit(table, table["Price"])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Area": 35.0}, {"Zone": 0.0, "Class": 0.0, "Area": 0.5}),
        ({"Zone": "RL", "Class": 60}, {"Zone": 0.3, "Class": -0.1, "Area": 0.0}),
        ({"Zone": "RL", "Class": "60", "Area": 0.0}, {"Zone": 0.3, "Class": -0.1, "Area": -0.2}),
    ],
)
def test_a_linear_models_shares_are_its_coefficients_times_what_is_not_typical(
    log_linear: Any, contract: Contract, changes: Record, expected: dict[str, float]
):
    record = TYPICAL | changes
    predict = lambda rows: log_linear.predict(records_to_frame(rows, contract))  # noqa: E731
    (one,) = contributions(predict, [record], contract.features, Typical(scale="log", record=TYPICAL))
    regression, spread = log_linear["model"].regressor_, log_linear["model"].transformer_["standardise"].scale_
    rows = [TYPICAL, *({**TYPICAL, name: record[name]} for name in contract.features)]
    usual, *changed = log_linear["preprocess"].transform(records_to_frame(rows, contract))
    from_coefficients = {
        name: float(regression.coef_ @ (columns - usual) * spread[0])
        for name, columns in zip(contract.features, changed, strict=True)
    }

    assert one.shares == pytest.approx(from_coefficients, abs=1e-12)
    assert one.shares == pytest.approx(expected, abs=1e-9)
    assert sum(one.amounts.values()) == pytest.approx(one.prediction - one.typical)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 11, 30])
def test_the_amounts_add_up_to_the_difference(scale: str, count: int):
    """For a formula in which everything acts on everything, and for any number of features."""
    chance = random.Random(count)  # noqa: S311 - keeps no secret
    names = [f"x{number}" for number in range(count)]
    record, typical = ({name: chance.uniform(1, 2) for name in names} for _ in range(2))

    def formula(row: Record) -> float:
        return 1000 * math.prod(math.sin(row[name]) for name in names) + sum(row.values()) ** 2

    one = explain(formula, record, typical, scale)

    assert (one.prediction, one.typical) == (formula(record), formula(typical))
    assert list(one.amounts) == list(one.shares) == names
    assert sum(one.amounts.values()) == pytest.approx(one.prediction - one.typical, rel=1e-9)
    on_scale = math.log if scale == "log" else float
    assert sum(one.shares.values()) == pytest.approx(on_scale(one.prediction) - on_scale(one.typical), rel=1e-9)


def test_two_features_that_multiply_share_their_effect_equally():
    """From 2 x 3 to 4 x 7: each is changed first once, and last once."""
    one = explain(lambda row: row["a"] * row["b"], {"a": 4, "b": 7}, {"a": 2, "b": 3})

    assert one.amounts == {"a": (4 - 2) * (3 + 7) / 2, "b": (7 - 3) * (2 + 4) / 2}


def test_pairs_that_interact_get_exactly_the_average_over_all_orders():
    typical, record = (
        dict(zip("abcdef", range(1, 7), strict=True)),
        dict(zip("abcdef", [3, 9, 2, 8, 4, 1], strict=True)),
    )

    def formula(row: Record) -> float:
        return sum(row.values()) + sum(row[one] * row[other] for one, other in itertools.combinations(row, 2))

    assert explain(formula, record, typical).amounts == pytest.approx(exact(formula, record, typical))


def test_three_features_that_interact_get_it_nearly():
    typical, record = dict.fromkeys("abcd", 1.0), {"a": 1.2, "b": 0.8, "c": 1.5, "d": 1.1}

    def formula(row: Record) -> float:
        return 100 * math.prod(row.values())

    assert explain(formula, record, typical).amounts == pytest.approx(exact(formula, record, typical), abs=0.5)


def test_a_product_on_the_log_scale_is_a_sum():
    one = explain(lambda row: row["a"] * row["b"], {"a": 4, "b": 3}, {"a": 2, "b": 12}, "log")

    assert one.shares == pytest.approx({"a": math.log(2), "b": -math.log(4)})
    assert one.amounts == pytest.approx({"a": 12 * 1, "b": -12 * 2})  # from 24 to 12, the one a half of the other


@pytest.mark.parametrize("scale", SCALES)
def test_a_feature_as_in_the_typical_record_adds_exactly_nothing(scale: str):
    """Even where a row's last bits depend on its place among the others, as linear algebra may have it."""

    def predict(rows: list[Record]) -> list[float]:
        return [(100 + row["Area"]) * (1 + 1e-13 * place**3) for place, row in enumerate(rows)]

    typical = Typical.model_validate({"scale": scale, "record": {"Zone": None, "Class": "60", "Area": 3}})
    record = {"Class": "60", "Area": 4, "Zone": None}
    (one,) = contributions(predict, [record], list(typical.record), typical)

    assert (one.shares["Zone"], one.shares["Class"]) == (one.amounts["Zone"], one.amounts["Class"]) == (0, 0)
    assert one.amounts["Area"] == pytest.approx(1)


@pytest.mark.parametrize(("mine", "usual"), [(None, "None"), ("None", None), (None, 0), (0, None), ("RL", "RM")])
def test_a_missing_value_is_like_no_other(mine: Any, usual: Any):
    """Whatever fills it in changes the prediction, and that is its contribution."""
    one = explain(
        lambda row: 5 if row["a"] == usual and type(row["a"]) is type(usual) else 7, {"a": mine}, {"a": usual}
    )

    assert one.amounts == {"a": 2}


def test_an_absent_feature_is_a_missing_one():
    assert explain(lambda row: 1 if row["a"] is None else 5, {}, {"a": 3}).amounts == {"a": -4}


def test_each_record_gets_its_own_explanation_from_one_call():
    calls = []

    def predict(rows: list[Record]) -> list[float]:
        calls.append(len(rows))
        return [row["a"] + 10 * row["b"] for row in rows]

    typical = Typical(scale="linear", record={"a": 1, "b": 1})
    found = contributions(predict, [{"a": 2, "b": 1}, {"a": 1, "b": 1}, {"a": 3, "b": 0}], ["a", "b"], typical)

    assert [each.amounts for each in found] == [{"a": 1, "b": 0}, {"a": 0, "b": 0}, {"a": 2, "b": -10}]
    assert calls == [2 + 1 + 4]  # nothing is asked twice
    assert contributions(predict, [], ["a", "b"], typical) == []
    assert len(calls) == 1


@pytest.mark.parametrize("count", [1, 2, 3, 11, 40])
def test_no_more_rows_are_predicted_than_told(count: int):
    names = [f"x{number}" for number in range(count)]
    rows: list[Record] = []
    typical = Typical(scale="linear", record=dict.fromkeys(names, 0))
    contributions(lambda asked: rows.extend(asked) or [0] * len(asked), [dict.fromkeys(names, 1)], names, typical)

    assert len(rows) == most_rows(count) <= max(6 * (count - 1) + 2, 2)


def test_orders_begin_evenly_apart_and_each_is_walked_both_ways():
    orders = _orders(11)

    assert [order[0] for order in orders[::2]] == [0, 4, 7]
    assert [order[::-1] for order in orders[::2]] == orders[1::2]
    assert {frozenset(order) for order in orders} == {frozenset(range(11))}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("gap", [0.0, 1e-15, 1e-13, 1e-9, 1e-3, 0.4999, 0.5001, -0.4999, -0.5001, 1e12])
def test_opposite_effects_keep_their_size_however_near_the_predictions_are(scale: str, gap: float):
    """What one unit of the logarithm stands for must not be a quotient of two rounding errors."""
    to = 160_000 * (1 + gap)
    steps = {(1, 0): 320_000.0, (0, 1): to / 2, (1, 1): to, (0, 0): 160_000.0}
    one = explain(lambda row: steps[row["a"], row["b"]], {"a": 1, "b": 1}, {"a": 0, "b": 0}, scale)

    assert one.complete
    assert sum(one.amounts.values()) == pytest.approx(to - 160_000, rel=1e-9, abs=1e-9)
    if scale == "log" and abs(gap) < 1e-8:
        assert one.amounts == pytest.approx({"a": 160_000 * math.log(2), "b": -160_000 * math.log(2)})


@pytest.mark.parametrize(("mine", "usual"), [(1e300, 1e-300), (1e-300, 1e300), (5e-324, 1.0), (1.7e308, 1.0)])
def test_predictions_of_very_different_sizes_add_up(mine: float, usual: float):
    one = explain(lambda row: row["a"], {"a": mine}, {"a": usual}, "log")

    assert one.amounts["a"] == pytest.approx(mine - usual)


def test_a_linear_scale_takes_predictions_below_zero():
    one = explain(lambda row: row["a"] - 10 * row["b"], {"a": 2, "b": 3}, {"a": 5, "b": 0})

    assert (one.prediction, one.typical, one.amounts) == (-28, 5, {"a": -3, "b": -30})


def test_one_feature_gets_the_whole_difference():
    assert explain(lambda row: row["a"] ** 2, {"a": 5}, {"a": 2}, "log").amounts == pytest.approx({"a": 21})


@pytest.mark.parametrize(
    ("scale", "value"),
    [(scale, value) for scale in SCALES for value in (math.nan, math.inf, -math.inf)] + [("log", 0.0), ("log", -1.0)],
)
@pytest.mark.parametrize("where", ["the record", "the way", "the typical record"])
def test_what_is_no_number_on_the_scale_is_told_and_raises_nothing(scale: str, value: float, where: str):
    """Whoever shows the amounts says why there are none."""
    odd = {"the record": (1, 1), "the way": (1, 0), "the typical record": (0, 0)}[where]
    one = explain(lambda row: value if (row["a"], row["b"]) == odd else 3.0, {"a": 1, "b": 1}, {"a": 0, "b": 0}, scale)

    assert not one.complete
    assert all(math.isnan(share) for share in one.shares.values())
    assert one.prediction == pytest.approx(value if where == "the record" else 3.0, nan_ok=True)


def test_differences_beyond_the_largest_number_are_told_too():
    assert not explain(lambda row: row["a"], {"a": 1.7e308}, {"a": -1.7e308}).complete


@pytest.mark.parametrize(
    ("amounts", "total", "expected"),
    [
        ([1.2, 2.5, -3.7], 0, [1, 3, -4]),
        ([1.4, 1.4, 1.4], 4, [2, 1, 1]),
        ([0.5, 0.5], 1, [1, 0]),
        ([-0.5, -0.5], -1, [0, -1]),
        # the total was rounded by itself, and may be any
        ([5.9, 0.0, 2.9], 10, [7, 0, 3]),
        ([5.1, 0.0, 2.2], 6, [4, 0, 2]),
        ([5.3, 0.0], 7, [7, 0]),
        # what is nothing stays nothing
        ([0.0, -1e-11, 1e-11, 5.3, -0.0], 6, [0, 0, 0, 6, 0]),
        ([0.0, -1e-11, 1e-11, 5.3, -0.0], 4, [0, 0, 0, 4, 0]),
        ([0.0, 0.0], 0, [0, 0]),
        ([0.0, 0.0], 1, [1, 0]),
        ([Fraction(10**30, 3), Fraction(2 * 10**30, 3)], 10**30, [10**30 // 3, 10**30 - 10**30 // 3]),
        ([1e300, -1e300], 10**286, [int(1e300) + 10**286 // 2, -int(1e300) + 10**286 // 2]),
    ],
)  # fmt: skip
def test_whole_units_add_up_and_the_largest_remainders_are_rounded_up(amounts: Any, total: int, expected: list[int]):
    assert in_whole_units(amounts, total) == expected
    assert sum(expected) == total


def test_whole_units_are_near_the_amounts():
    chance = random.Random(0)  # noqa: S311 - keeps no secret
    for _ in range(200):
        amounts = [chance.uniform(-1000, 1000) for _ in range(chance.randint(2, 12))]
        total = round(sum(amounts))
        whole = in_whole_units(amounts, total)

        assert sum(whole) == total
        assert all(abs(one - other) < 1 for one, other in zip(whole, amounts, strict=True))


@pytest.mark.parametrize(
    "typical",
    [
        {"scale": "root", "record": {}},
        {"scale": "log"},
        {"scale": "log", "record": {"a": [1]}},
        {"scale": "log", "record": {"a": math.inf}},
        {"scale": "log", "record": {}, "unit": "USD"},
    ],
)
def test_a_description_of_the_typical_that_nothing_can_be_compared_with_is_refused(typical: Any):
    with pytest.raises(ValidationError):
        Typical.model_validate(typical)

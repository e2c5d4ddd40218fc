"""What the data look like: numbers that can be checked by hand, and the sentences that are made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelbundle.contract import Contract
from training.data import explore
from training.data.validate import Finding
from training.reporting import words_data


def houses(**columns: list[Any]) -> tuple[pd.DataFrame, Contract]:
    """A table whose last column is the target and whose columns of text are categories, and its contract."""
    *features, target = columns
    kinds = {name: {"kind": "categorical" if isinstance(columns[name][0], str) else "numeric"} for name in features}
    kinds |= {target: {"role": "target", "kind": "numeric", "required": True, "unit": "USD"}}
    return pd.DataFrame(columns), Contract.model_validate({"columns": kinds})


def test_what_breaks_the_contract_can_be_looked_at_as_missing():
    table, contract = houses(Zone=["A", "B", "A"], Area=[1, 2, 3], Price=[10, 20, 30])
    broken = table.assign(Area=["1", "many", "3"], Zone=[1, 2, 3], Price=[10, 20, None])
    frame, y = explore.lenient_frame(broken, contract)

    assert frame["Area"].tolist()[0] == 1
    assert frame["Area"].isna().tolist() == [False, True]
    assert frame["Zone"].tolist() == ["1", "2"]
    assert y.tolist() == [10, 20]
    assert list(frame.columns) == ["Zone", "Area"]


def test_every_column_is_described_by_what_stands_in_it():
    table, contract = houses(
        Zone=["A", "B", "A"], Year=[1990.0, None, 2001.0], Area=[9_999.5, 12_000.0, 10_000.0], Price=[1, 2, 3]
    )
    told = explore.describe_columns(table, contract)

    assert told["holds"].tolist() == ["2 categories", "1990 to 2001", "9999.5 to 12,000", "1 to 3"]
    assert told["missing"].tolist() == [0, 1, 0, 0]
    assert told["role"].tolist() == ["feature", "feature", "feature", "target"]


def test_findings_show_their_examples():
    finding = Finding(column="Area", rule="must be a number", rows=2, examples=(("Id 1", "x"), ("Id 2", "y")))

    assert explore.findings_table([finding]).loc["Area"].tolist() == ["must be a number", 2, "Id 1: x; Id 2: y"]


def test_what_a_feature_explains_alone_is_a_share_of_the_ranks():
    table, contract = houses(
        Zone=["A", "A", "B", "B"], Same=["A", "A", "A", "A"], Up=[1, 4, 9, 1000], Down=[4, 3, 2, 1],
        Flat=[1, -1, -1, 1], Price=[1, 2, 3, 4],
    )  # fmt: skip
    frame, y = explore.lenient_frame(table, contract)
    shares = explore.explained_alone(frame, y, contract)

    assert shares.to_dict() == pytest.approx({"Up": 1, "Down": 1, "Zone": 0.8, "Flat": 0, "Same": 0})
    assert list(shares.index)[2] == "Zone", "the largest first"


def test_odd_rows_are_counted_in_widths_of_the_middle_half():
    """The middle half of Area is 2 wide, its median 5: 19 lies seven widths above, 16 only five and a half."""
    area = [3, 4, 4, 4, 5, 5, 5, 6, 19, 16, 6]
    table, contract = houses(Area=area, Flat=[7] * 10 + [99], Price=list(range(100, 111)))
    odd = explore.odd_rows(table, contract, 5)

    assert odd.index.tolist() == [9]
    assert odd.index.name == "row"
    assert odd.loc[9].tolist() == ["Area", "19", "5", 7.0, "108"]
    assert explore.odd_rows(table, contract, 0).empty


def test_six_widths_are_odd_and_the_most_extreme_row_comes_first():
    area = [4, 4, 4, 5, 5, 5, 6, 6, 17, -19, 6]
    table, contract = houses(Area=area, Price=list(range(100, 111)))

    assert explore.odd_rows(table, contract, 5)["value"].tolist() == ["-19", "17"]
    assert explore.odd_rows(table, contract, 1)["value"].tolist() == ["-19"]


def test_odd_rows_are_named_by_their_identifier():
    table, contract = houses(Area=[3, 4, 4, 5, 5, 5, 6, 6, 19, 5, 5], Price=list(range(11)))
    columns = {"Id": {"role": "identifier", "kind": "numeric"}} | contract.model_dump(exclude_defaults=True)["columns"]
    named = Contract.model_validate({"columns": columns})
    odd = explore.odd_rows(table.assign(Id=range(50, 61)), named, 5)

    assert odd.index.tolist() == [58]
    assert odd.index.name == "Id"


def test_leverage_is_the_diagonal_of_the_hat_matrix():
    matrix = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 5.0], [10.0, 2.0], [4.0, 4.0]])
    design = np.column_stack([np.ones(5), matrix])
    hat = design @ np.linalg.inv(design.T @ design) @ design.T

    assert explore.leverage(matrix) == pytest.approx(np.diag(hat))
    assert explore.leverage(np.column_stack([matrix, matrix[:, 0] * 2])) == pytest.approx(np.diag(hat)), "no rank twice"
    assert explore.leverage(np.array([[0.0], [0.0], [0.0], [7.0]])) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])


@pytest.mark.parametrize(
    ("prices", "shape"),
    [
        ([1] * 20 + [100], "a long tail to the right"),
        ([100] * 20 + [1], "a long tail to the left"),
        (list(range(21)), "no long tail"),
    ],
)
def test_the_target_is_told_by_its_middle_and_its_tail(prices: list[float], shape: str):
    _, contract = houses(Area=[1], Price=[1])

    assert shape in words_data.tell_target(pd.Series(prices), contract)
    assert words_data.tell_target(pd.Series(range(1001)), contract) == (
        "Half of the 1,001 records lie below **500 USD**, nine in ten between 50 and 950; "
        "the distribution has no long tail."
    )


def test_missing_cells_are_counted_and_the_column_that_lacks_most_is_named():
    table, contract = houses(Zone=["A", "B", "A", "B"], Area=[1.0, 2.0, 3.0, 4.0], Price=[1, 2, 3, 4])
    gaps = table.assign(Area=[None, None, None, 4.0], Zone=[None, "B", "A", "B"])

    assert "**No cell is missing** in 4 records" in words_data.tell_missing(table, contract)
    assert "**4 cells are missing**, most of them in Area (75.0%)" in words_data.tell_missing(gaps, contract)


def test_the_strongest_and_the_weakest_feature_are_told():
    told = words_data.tell_drivers(pd.Series({"Area": 0.5, "Year": 0.25, "Zone": 0.01}))

    assert "**Area** says most on its own (50%), then Year (25%); Zone says least (1%)" in told
    assert "**Area** says most on its own (50%), then Area (50%)" in words_data.tell_drivers(pd.Series({"Area": 0.5}))


def test_numbers_are_told_by_how_steadily_the_target_goes_with_them():
    table, contract = houses(Up=[1, 2, 3, 5], Down=[9, 4, 5, 1], Flat=[1, -1, -1, 1], Price=[1, 2, 3, 4])
    only_words, other = houses(Zone=["A", "B"], Price=[1, 2])

    assert words_data.tell_numbers(table, table["Price"], contract) == (
        "Price rises most steadily with **Up** (rank correlation +1.00) and least with Flat (+0.00)."
    )
    down = table.drop(columns="Up")
    _, without = houses(**down.to_dict("list"))
    assert "Price falls most steadily with **Down** (rank correlation -0.80)" in words_data.tell_numbers(
        down, down["Price"], without
    )
    assert words_data.tell_numbers(only_words, only_words["Price"], other) == "No feature is a number."


def test_categories_of_ten_records_or_more_are_compared():
    table, contract = houses(Zone=["A"] * 10 + ["B"] * 11 + ["C"] * 9, Price=[100] * 10 + [300] * 11 + [900] * 9)
    frame, y = explore.lenient_frame(table, contract)

    assert words_data.tell_category(frame, y, "Zone", contract) == (
        "By **Zone**, the median runs from 100 USD (A) to 300 USD (B); smaller ones than 10 records left out."
    )
    assert words_data.tell_category(frame[:19], y[:19], "Zone", contract) == (
        "No two categories of Zone have 10 records each to compare."
    )


def test_the_farthest_row_is_told():
    table, contract = houses(Area=[3, 4, 4, 4, 5, 5, 5, 6, 19, 16, 6], Price=list(range(11)))

    told = words_data.tell_odd(explore.odd_rows(table, contract, 5))
    assert told.startswith("The farthest is **row 9**: Area is 19 where the median is 5.")
    assert words_data.tell_odd(explore.odd_rows(table[:8], contract, 5)) == "No number stands far out."


def test_what_tames_the_strongest_row_is_told():
    values = {"plain": np.array([0.1, 0.9]), "scaled": np.array([0.3, 0.2]), "splines": np.array([0.1, 0.4])}

    assert words_data.tell_leverage(values) == (
        "With plain numbers the strongest row has a leverage of **0.90** of at most 1; "
        "the variant scaled brings the largest down to **0.30**."
    )


@pytest.mark.parametrize(
    ("alike", "told"),
    [([0, 1, 2], "No two records are equal in features and target."),
     ([0, 1, 1, 2], "**2 records are equal to another one** in features and target, in 1 set."),
     ([0, 1, 1, 2, 0, 0, 3], "**5 records are equal to another one** in features and target, in 2 sets.")],
)  # fmt: skip
def test_equal_records_are_counted_with_their_sets(alike: list[int], told: str):
    assert words_data.tell_equal(np.array(alike)).startswith(told)

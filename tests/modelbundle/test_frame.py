"""The canonical frame: one form for the same values, however they were written."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from modelbundle.frame import canonical_frame, records_to_frame

if TYPE_CHECKING:
    from modelbundle.contract import Contract

SIXTY = {"Zone": "RL", "Class": "60", "Area": 3.0}


def frame_of(contract: Contract, **columns: list[Any]) -> pd.DataFrame:
    """The canonical frame of columns with one cell each way of writing it."""
    return canonical_frame(pd.DataFrame(columns), contract)


@pytest.mark.parametrize("cell", [60, 60.0, "60", "60.0", "060", " 60", "+60", "6e1", np.int64(60), np.float64(60)])
@pytest.mark.parametrize("neighbours", [[20], [20, None], ["A"], [20.0, "20", None]])
def test_a_category_does_not_depend_on_its_neighbours(contract: Contract, cell: Any, neighbours: list[Any]):
    column = pd.Series([cell, *neighbours])

    assert canonical_frame(column.to_frame("Class"), contract)["Class"].iloc[0] == "60"


@pytest.mark.parametrize("record", [SIXTY, {"Zone": "RL", "Class": 60, "Area": "3"}, SIXTY | {"Class": 60.0, "Id": 9}])
def test_records_that_mean_the_same_make_the_same_frame(contract: Contract, record: dict[str, Any]):
    frame = records_to_frame([record], contract)

    assert frame.to_dict("records") == [SIXTY]


def test_a_csv_and_the_records_of_its_rows_make_the_same_frame(contract: Contract):
    csv = "Price,Area,Class,Zone\n9,3,60,RL\n9,,20,\n9,4.5,,RM\n"
    records = [
        {"Area": 3, "Class": 60, "Zone": "RL"},
        {"Class": "20", "Zone": None},
        {"Area": 4.5, "Class": None, "Zone": "RM"},
    ]

    read = canonical_frame(pd.read_csv(io.StringIO(csv)), contract)

    pd.testing.assert_frame_equal(read, records_to_frame(records, contract))


@pytest.mark.parametrize(
    "records",
    [
        [SIXTY, {"Class": 20}, {"Zone": None, "Class": 60.0, "Area": 1e6}],
        [{"Class": 2**53 + 1}, {"Class": None}],  # as floats, neighbours of a gap would lose the last digit
        [{"Class": 2**53 + 1}, {"Class": 1.5}],
    ],
)
def test_a_lone_record_makes_the_row_that_it_makes_in_a_batch(contract: Contract, records: list[dict[str, Any]]):
    batch = records_to_frame(records, contract)

    lone = [records_to_frame([record], contract) for record in records]

    pd.testing.assert_frame_equal(pd.concat(lone, ignore_index=True), batch)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_whatever_means_missing_is_a_missing_cell(contract: Contract, missing: Any):
    frame = records_to_frame([{"Zone": missing, "Class": missing, "Area": missing}], contract)

    assert frame.isna().all(axis=None)


def test_an_absent_column_is_a_column_of_missing_cells(contract: Contract):
    frame = frame_of(contract, Class=[60, 20])

    assert frame["Zone"].isna().all()
    assert frame["Area"].isna().all()


def test_features_stand_in_the_order_of_the_contract_and_others_are_left_out(contract: Contract):
    frame = frame_of(contract, Price=[9], Other=[1], Area=[3], Class=[60], Zone=["RL"])

    assert list(frame) == ["Zone", "Class", "Area"]


def test_numbers_are_float64_and_categories_strings(contract: Contract):
    frame = frame_of(contract, Area=[3, 4], Class=[60, 20], Zone=["RL", None])

    assert frame["Area"].dtype == "float64"
    assert [frame[name].dtype for name in ("Class", "Zone")] == ["str", "str"]


def test_the_rows_keep_their_index(contract: Contract):
    frame = canonical_frame(pd.DataFrame({"Area": [3, 4]}, index=[7, 5]), contract)

    assert list(frame.index) == [7, 5]


def test_the_frame_that_was_given_is_not_changed(contract: Contract):
    given = pd.DataFrame({"Zone": ["RL"], "Class": [60], "Area": ["3"]})
    before = given.copy()

    canonical_frame(given, contract)

    pd.testing.assert_frame_equal(given, before)


def test_text_in_a_number_column_is_an_error(contract: Contract):
    with pytest.raises(ValueError, match="large"):
        frame_of(contract, Area=["large"])


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, 2**64, 2**70, -(2**70)])
def test_a_large_whole_number_is_a_number(contract: Contract, number: int):
    frame = records_to_frame([{"Area": number}, {"Area": 1.5}], contract)

    assert frame["Area"].tolist() == [float(number), 1.5]


CELLS = [60, 60.0, "60", "60.0", "RL", "v2.0", "-5.0", "60.0\n", "\N{ARABIC-INDIC DIGIT THREE}.0", "\ud800", "", " 3"]
CELLS += [2**53 + 1, -0.0, 1e300, True, None, float("nan"), pd.NA]


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_records_make_the_frame_of_a_table_of_the_same_cells(contract: Contract, count: int):
    """They take a shorter way."""
    numbers = [cell for cell in CELLS if not isinstance(cell, str)] + ["60", " 3", "NA"]
    records = [
        {"Zone": CELLS[row % len(CELLS)], "Class": CELLS[row * 7 % len(CELLS)], "Area": numbers[row % len(numbers)]}
        for row in range(count)
    ]
    table = pd.DataFrame(records, columns=["Zone", "Class", "Area"], dtype=object)

    pd.testing.assert_frame_equal(records_to_frame(records, contract), canonical_frame(table, contract))
    for record in records:
        lone = pd.DataFrame([record], dtype=object)
        pd.testing.assert_frame_equal(records_to_frame([record], contract), canonical_frame(lone, contract))

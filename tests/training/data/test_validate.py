"""Holding the data to the contract: every fault at once, each with the rows where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from modelbundle.contract import Column, Contract
from training.data.validate import find_faults, find_leaks, require_sound
from training.problems import DataProblem

if TYPE_CHECKING:
    from collections.abc import Mapping


def broken(table: pd.DataFrame, cells: Mapping[tuple[int, str], Any]) -> pd.DataFrame:
    """The table with some cells changed, given by row and column."""
    changed = table.astype(object)
    for (row, column), value in cells.items():
        changed.loc[row, column] = value
    return changed


def faults(table: pd.DataFrame, contract: Contract) -> list[str]:
    return [str(finding) for finding in find_faults(table, contract)]


def test_sound_data_have_no_findings(table: pd.DataFrame, contract: Contract):
    assert find_faults(table, contract) == []


def test_gaps_in_optional_columns_are_no_findings(table: pd.DataFrame, contract: Contract):
    assert faults(broken(table, {(3, "Zone"): None, (4, "Cellar"): None}), contract) == []


@pytest.mark.parametrize(
    ("column", "value", "finding"),
    [
        ("Id", 1, "Id: must be unique, in 2 rows (first: Id 1: 1; Id 1: 1)"),
        ("Class", None, "Class: is required and missing, in 1 row (first: Id 4: None)"),
        ("Area", None, "Area: is required and missing, in 1 row (first: Id 4: None)"),
        ("Area", "large", "Area: must be a finite number, in 1 row (first: Id 4: large)"),
        ("Area", float("inf"), "Area: must be a finite number, in 1 row (first: Id 4: inf)"),
        ("Area", 99, "Area: must be at least 100, in 1 row (first: Id 4: 99)"),
        ("Area", 5000.5, "Area: must be at most 5000, in 1 row (first: Id 4: 5000.5)"),
        ("Cellar", -1, "Cellar: must be at least 0, in 1 row (first: Id 4: -1)"),
        ("Zone", "X", "Zone: must be one of the categories A, B, C, in 1 row (first: Id 4: X)"),
        ("Class", 40, "Class: must be one of the categories 20, 30, 60, in 1 row (first: Id 4: 40)"),
        ("Price", None, "Price: is required and missing, in 1 row (first: Id 4: None)"),
        ("Price", 0, "Price: must be at least 1, in 1 row (first: Id 4: 0)"),
        ("Price", -5, "Price: must be at least 1, in 1 row (first: Id 4: -5)"),
        ("Price", "free", "Price: must be a finite number, in 1 row (first: Id 4: free)"),
    ],
)
def test_a_fault_is_told_with_column_rule_rows_identifiers_and_values(
    table: pd.DataFrame, contract: Contract, column: str, value: Any, finding: str
):
    assert faults(broken(table, {(3, column): value}), contract) == [finding]


@pytest.mark.parametrize(
    ("values", "sound", "rule"),
    [
        ("whole", ["60", "-5", "0"], "must be a whole number, since its values are"),
        ("truth", ["true", "no", "1"], "must be true or false, since its values are"),
    ],
)
def test_a_value_of_another_kind_is_a_finding(
    table: pd.DataFrame, contract: Contract, values: str, sound: list[str], rule: str
):
    zone = Column.model_validate({"kind": "categorical", "values": values})
    changed = Contract(columns=contract.columns | {"Zone": zone})
    cells = table.assign(Zone=[sound[row % 3] for row in range(len(table))])

    assert faults(cells, changed) == []
    assert faults(broken(cells, {(3, "Zone"): "7.5"}), changed) == [f"Zone: {rule}, in 1 row (first: Id 4: 7.5)"]


def test_a_missing_identifier_is_a_finding(table: pd.DataFrame, contract: Contract):
    found = faults(broken(table, {(3, "Id"): None}), contract)

    assert [line.partition(",")[0] for line in found] == ["Id: is required and missing"]


@pytest.mark.parametrize("written", [20, 20.0, "20", "20.0"])
def test_a_category_may_be_written_as_any_number(table: pd.DataFrame, contract: Contract, written: Any):
    assert faults(broken(table, {(3, "Class"): written}), contract) == []


def test_values_at_the_hard_limits_are_sound(table: pd.DataFrame, contract: Contract):
    assert faults(broken(table, {(3, "Area"): 100, (4, "Area"): 5000, (5, "Price"): 1}), contract) == []


def test_all_faults_are_found_at_once_in_the_order_of_the_contract(table: pd.DataFrame, contract: Contract):
    cells = {(1, "Price"): 0, (2, "Area"): "x", (3, "Area"): 1, (4, "Area"): None, (5, "Zone"): "X", (6, "Id"): 1}
    found = find_faults(broken(table, cells), contract)

    assert [(finding.column, finding.rule.partition(" the")[0]) for finding in found] == [
        ("Id", "must be unique"),
        ("Zone", "must be one of"),
        ("Area", "must be a finite number"),
        ("Area", "is required and missing"),
        ("Area", "must be at least 100"),
        ("Price", "must be at least 1"),
    ]


def test_many_rows_are_counted_and_the_first_five_shown(table: pd.DataFrame, contract: Contract):
    (finding,) = find_faults(broken(table, {(row, "Zone"): "X" for row in range(7, 40)}), contract)

    assert finding.rows == 33
    assert finding.examples == tuple((f"Id {number}", "X") for number in range(8, 13))


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [("Zone", "A", "the same value A"), ("Cellar", 0, "the same value 0"), ("Cellar", None, "no value")],
)
def test_a_constant_column_is_a_finding(table: pd.DataFrame, contract: Contract, column: str, value: Any, what: str):
    found = faults(table.assign(**{column: value}), contract)

    assert found == [f"{column}: is constant: {what} in every row, so nothing can be learned, in 60 rows"]


def test_a_limit_is_told_in_full(table: pd.DataFrame):
    columns = {"Area": {"kind": "numeric", "maximum": 1234567}, "Price": {"role": "target", "kind": "numeric"}}
    contract = Contract.model_validate({"columns": columns})
    (finding,) = find_faults(broken(table, {(3, "Area"): 1300000})[["Area", "Price"]], contract)

    assert finding.rule.replace(",", "") == "must be at most 1234567"


def test_without_an_identifier_rows_are_numbered(table: pd.DataFrame, contract: Contract):
    columns = {name: column for name, column in contract.columns.items() if name != "Id"}
    changed = broken(table, {(3, "Price"): 0}).drop(columns="Id")

    assert faults(changed, Contract(columns=columns)) == ["Price: must be at least 1, in 1 row (first: row 4: 0)"]


def test_a_row_of_the_holdout_that_stands_in_training_is_a_leak(table: pd.DataFrame, contract: Contract):
    """Whatever its identifier, and gaps count as equal."""
    table.loc[5, "Cellar"] = None
    table.loc[50] = table.loc[5]
    table.loc[50, "Id"] = 51
    (leak,) = find_leaks(table, contract, range(40, 60), range(40))

    assert leak.rule == "a row of the hold-out stands in the training part too"
    assert (leak.rows, leak.examples) == (1, (("Id 51", "51"),))


def test_rows_that_are_alike_within_one_part_are_no_leak(table: pd.DataFrame, contract: Contract):
    table.loc[50] = table.loc[51]

    assert find_leaks(table, contract, range(40, 60), range(40)) == []


def test_the_same_house_at_another_price_is_no_leak(table: pd.DataFrame, contract: Contract):
    table.loc[50] = table.loc[5]
    table.loc[50, "Price"] += 1

    assert find_leaks(table, contract, range(40, 60), range(40)) == []


def test_findings_stop_the_run_with_all_of_them(table: pd.DataFrame, contract: Contract):
    found = find_faults(broken(table, {(3, "Zone"): "X", (4, "Price"): 0}), contract)

    with pytest.raises(DataProblem) as stopped:
        require_sound(found, "sales.csv")

    assert str(stopped.value).startswith("sales.csv breaks the data contract in 2 ways:\n  - Zone: must be one of")
    assert all(f"  - {finding}" in str(stopped.value) for finding in found)


def test_no_findings_stop_nothing():
    require_sound([], "sales.csv")

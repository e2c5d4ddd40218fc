"""The contract: what it accepts as a description of a data set, and what it tells of it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from modelbundle.contract import Column, Contract

TARGET = {"role": "target", "kind": "numeric"}
NUMBER = {"kind": "numeric"}
TEXT = {"kind": "categorical"}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": NUMBER, "b": NUMBER}, "exactly one column has the role target; found none"),
        ({"a": NUMBER, "b": TARGET, "c": TARGET}, "exactly one column has the role target; found ['b', 'c']"),
        ({"a": NUMBER, "b": TEXT | {"role": "target"}}, "the target b must be numeric"),
        ({"a": TARGET, "b": NUMBER | {"role": "identifier"}}, "at least one column has the role feature"),
        (
            {"t": TARGET, "f": NUMBER, "a": NUMBER | {"role": "identifier"}, "b": TEXT | {"role": "identifier"}},
            "at most one column is the identifier; found ['a', 'b']",
        ),
    ],
)
def test_a_contract_needs_its_roles(columns: dict[str, Any], message: str):
    with pytest.raises(ValidationError) as error:
        Contract.model_validate({"columns": columns})

    assert message in str(error.value)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (TEXT | {"minimum": 1}, "a categorical column takes categories"),
        (NUMBER | {"categories": ["a"]}, "a numeric column takes minimum and maximum"),
        (NUMBER | {"minimum": 2, "maximum": 1}, "minimum 2.0 is above maximum 1.0"),
        (TEXT | {"categories": ["a", " "]}, "categories: an empty text is no category"),
        (TEXT | {"categories": [20], "labels": {"21": "a"}}, "'21' is none of the categories that are listed"),
        (TEXT | {"labels": {"a": "b"}}, "'a' is none of the categories that are listed"),
        (NUMBER | {"labels": {"1": "b"}}, "'1' is none of the categories that are listed"),
        (NUMBER | {"minimun": 2}, "Extra inputs are not permitted"),
        ({"kind": "text"}, "Input should be 'numeric' or 'categorical'"),
    ],
)
def test_a_column_takes_the_limits_of_its_kind(column: dict[str, Any], message: str):
    with pytest.raises(ValidationError) as error:
        Column.model_validate(column)

    assert message in str(error.value)


def test_columns_keep_the_order_of_the_contract(contract: Contract):
    assert contract.features == ["Zone", "Class", "Area"]
    assert contract.categorical == ["Zone", "Class"]
    assert contract.numeric == ["Area"]
    assert contract.target == "Price"


def test_the_identifier_is_no_feature():
    contract = Contract.model_validate({"columns": {"Id": NUMBER | {"role": "identifier"}, "a": NUMBER, "t": TARGET}})

    assert contract.identifier == "Id"
    assert contract.features == ["a"]


def test_a_contract_may_lack_an_identifier(contract: Contract):
    assert contract.identifier is None


def test_labels_carry_the_unit_where_there_is_one(contract: Contract):
    assert contract.unit == "USD"
    assert contract.label("Area") == "Area (sq ft)"
    assert contract.label("Zone") == "Zone"


def test_categories_that_are_written_as_numbers_are_strings(contract: Contract):
    assert contract.columns["Class"].categories == ("20", "60")


def test_labels_belong_to_categories_in_any_spelling():
    codes = Column.model_validate(TEXT | {"categories": [20, 60], "labels": {60.0: "two storeys", "020": "one"}})
    truth = Column.model_validate(TEXT | {"values": "truth", "categories": [True], "labels": {"yes": "has one"}})

    assert codes.labels == {"60": "two storeys", "20": "one"}
    assert truth.labels == {"true": "has one"}


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"categories": ["b", "a"], "seen_categories": ["a"]}, ("b", "a")),
        ({"seen_categories": ["a"]}, ("a",)),
        ({}, ()),
    ],
)
def test_known_are_the_categories_that_are_listed_or_else_those_that_training_saw(told: Any, known: Any):
    assert Column.model_validate(TEXT | told).known == known


def test_the_example_is_a_request(contract: Contract):
    assert contract.example() == {"Zone": "RL", "Class": 60, "Area": 3}


def test_a_contract_comes_back_from_its_json_as_it_was(contract: Contract):
    assert Contract.model_validate(contract.model_dump(mode="json", exclude_defaults=True)) == contract


def test_a_category_with_dots_comes_back_from_json_as_it_was():
    column = Column(kind="categorical", categories=("1.0.0", "v2.0"))

    assert Column.model_validate(column.model_dump(mode="json")) == column


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ({"kind": "numeric", "example": 3, "seen_minimum": 1}, 3),
        ({"kind": "numeric", "seen_minimum": 1.5, "seen_maximum": 9}, 1.5),
        ({"kind": "numeric"}, None),
        ({"kind": "categorical", "example": "b", "seen_categories": ["a"]}, "b"),
        ({"kind": "categorical", "seen_categories": ["a", "b"], "categories": ["c"]}, "a"),
        ({"kind": "categorical", "categories": ["c", "d"]}, "c"),
        ({"kind": "categorical"}, None),
    ],
)
def test_a_usual_value_is_the_example_or_what_training_saw(column: dict[str, Any], value: Any):
    assert Column.model_validate(column).usual_value() == value

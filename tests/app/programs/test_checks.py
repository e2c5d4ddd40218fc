"""The check of records against the contract: one fault a field, each with what was expected and what came."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from app.programs.checks import Fault, faults_of, read_if_valid, reading_types, record_type
from modelbundle.contract import Contract

PRICE = {"role": "target", "kind": "numeric"}


def faults(columns: dict[str, Any], record: Any, pointer: str = "") -> list[Fault]:
    contract = Contract.model_validate({"columns": columns | {"Price": PRICE}})
    return faults_of(record, pointer, contract, record_type(contract), suggest=True)


def details(columns: dict[str, Any], record: Any) -> list[str]:
    return [fault["detail"] for fault in faults(columns, record)]


@pytest.mark.parametrize("value", ["RL", "never seen", 60, 60.0, None])
def test_a_category_is_a_string_or_a_whole_number(value: Any):
    assert faults({"Zone": {"kind": "categorical", "categories": ["RL"]}}, {"Zone": value}) == []


@pytest.mark.parametrize("value", [True, 60.5, [], {}, float("nan"), float("inf"), "\ud800"])
def test_anything_else_is_no_category(value: Any):
    (detail,) = details({"Zone": {"kind": "categorical"}}, {"Zone": value})

    assert detail.startswith("Zone: expected a category, as a string or a whole number; got ")


@pytest.mark.parametrize("value", ["", "  ", "NA", " nan"])
def test_a_text_that_means_missing_in_a_file_means_missing_here(value: str):
    assert faults({"Zone": {"kind": "categorical"}}, {"Zone": value}) == []
    assert details({"Zone": {"kind": "categorical", "required": True}}, {"Zone": value}) == [
        f"Zone is required: expected a category, as a string or a whole number; got {json.dumps(value)}, "
        "which means missing"
    ]


@pytest.mark.parametrize("value", [True, False, 1, 0.0, "TRUE", "no", "maybe", None])
def test_a_truth_value_may_be_one_of_json(value: Any):
    assert faults({"Pool": {"kind": "categorical", "values": "truth"}}, {"Pool": value}) == []


@pytest.mark.parametrize("value", [2.5, [], {}, float("nan")])
def test_anything_else_is_no_truth_value(value: Any):
    (detail,) = details({"Pool": {"kind": "categorical", "values": "truth"}}, {"Pool": value})

    assert detail.startswith("Pool: expected true or false, or a string such as yes or no; got ")


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("5", '"5"'),
        (True, "true"),
        ([5], "an array of 1 values"),
        ({}, "an object of 0 fields"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (10**400, "1" + "0" * 78 + "…"),
        (1, "1"),
        (9.5, "9.5"),
    ],
)
def test_a_number_is_finite_and_within_its_limits(value: Any, got: str):
    columns = {"Area": {"kind": "numeric", "minimum": 2, "maximum": 9, "unit": "sq ft"}}

    assert faults(columns, {"Area": value}, "/3") == [
        {
            "pointer": "/3/Area",
            "detail": f"Area: expected a number from 2 to 9 (sq ft); got {got}",
            "expected": "a number from 2 to 9 (sq ft)",
            "got": got,
        }
    ]


@pytest.mark.parametrize("value", [2, 9.0, 5, None])
def test_a_number_at_its_limits_is_fine(value: Any):
    assert faults({"Area": {"kind": "numeric", "minimum": 2, "maximum": 9}}, {"Area": value}) == []


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, "a finite number"),
        ({"minimum": 0}, "a number of at least 0"),
        ({"maximum": 1234567}, "a number of at most 1,234,567"),
        ({"minimum": 1700, "maximum": 2100}, "a number from 1700 to 2100"),
    ],
)
def test_a_limit_is_told_in_full(limits: dict[str, float], expected: str):
    (fault,) = faults({"Area": {"kind": "numeric"} | limits}, {"Area": "x"})

    assert fault["expected"] == expected


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
@pytest.mark.parametrize(("record", "got"), [({}, "nothing"), ({"Area": None}, "null")])
def test_a_required_value_may_not_be_missing(kind: str, record: dict[str, Any], got: str):
    (detail,) = details({"Area": {"kind": kind, "required": True}}, record)

    assert detail.startswith("Area is required: expected ")
    assert detail.endswith(f"; got {got}")


@pytest.mark.parametrize("name", ["1stFlr SF", "class", "model_config", "_x", "copy", "a/b~c", "né"])
def test_a_column_may_have_any_name(name: str):
    columns = {name: {"kind": "numeric", "required": True}}

    assert faults(columns, {name: 1}) == []
    assert faults(columns, {})[0]["pointer"] == "/" + name.replace("~", "~0").replace("/", "~1")


def test_the_schema_of_a_record_is_that_of_its_check():
    contract = Contract.model_validate(
        {
            "columns": {
                "Id": {"role": "identifier", "kind": "numeric"},
                "Zone": {"kind": "categorical", "example": "RL"},
                "Area": {"kind": "numeric", "required": True, "unit": "sq ft", "minimum": 0, "description": "Size"},
                "Price": PRICE,
            }
        }
    )
    schema = record_type(contract).json_schema()

    assert schema["required"] == ["Area"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["Area"] == {
        "type": "number", "minimum": 0.0, "title": "Area (sq ft)", "description": "Size", "examples": [],
    }  # fmt: skip
    assert {"type": "integer"} in schema["properties"]["Zone"]["anyOf"]
    assert "Price" not in schema["properties"]


LAND = {"Zone": {"kind": "categorical", "required": True}, "Area": {"kind": "numeric", "minimum": 2}}


def land_types() -> Any:
    return reading_types(Contract.model_validate({"columns": LAND | {"Price": PRICE}}))


def read_at_once(body: bytes) -> Any:
    return read_if_valid(body, *land_types())


@pytest.mark.parametrize(
    ("body", "records"),
    [
        (b'{"Zone": "RL", "Area": 3}', {"Zone": "RL", "Area": 3}),
        (b' {"Zone": 60.0, "Area": null} ', {"Zone": "60", "Area": None}),
        (b'[{"Zone": "RL"}, {"Zone": "\\u00e9", "Area": 2.5}]', [{"Zone": "RL"}, {"Zone": "é", "Area": 2.5}]),
    ],
)
def test_what_keeps_to_the_contract_is_read_and_checked_in_one_go(body: bytes, records: Any):
    assert read_at_once(body) == records


@pytest.mark.parametrize(
    "body",
    [
        b'{"Zone": "RL", "Zone": "RM"}',
        b'[{"Zone": "RL"}, {"Zone": "RL", "Zone": "RL"}]',
        b'{"Zone": "RL", "Area": 1}',
        b'{"Area": 3}',
        b'{"Zone": "RL", "Garden": 1}',
        b'[{"Zone": "RL"}, 5]',
        b'{"Zone": "RL"',
        b'{"Zone": "RL", "Area": NaN}',
        b'{"Zone": "\\ud800"}',
        b"",
    ],
)
def test_what_needs_a_closer_look_gets_one(body: bytes):
    assert read_at_once(body) is None


@pytest.mark.parametrize(
    "body", [b"[" + b"{}," * 1000 + b"{}]", b'[1, 2, {"x": 1}]', b'[{"Area": "?", "Zone": 1.5}, {}]']
)
def test_a_body_of_nonsense_is_not_read_to_its_end(body: bytes):
    """The faults of millions of records would take gigabytes."""
    _, arrays = land_types()
    with pytest.raises(ValidationError) as refused:
        arrays.validate_json(body)

    assert refused.value.error_count() <= 3  # a union reports once for each of its types


def test_a_thousand_unknown_names_are_no_thousand_faults():
    names = ", ".join(f'"x{number}": 1' for number in range(1000))
    record, _ = land_types()

    assert record.validate_json(f'{{"Zone": "RL", {names}}}') == {"Zone": "RL"}
    assert read_at_once(f'{{"Zone": "RL", {names}}}'.encode()) is None


def test_a_colon_in_a_text_looks_like_a_name_too_many_and_costs_a_closer_look():
    assert read_at_once(b'{"Zone": "RL: low"}') is None


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("values", ["text", "truth"])
def test_the_schema_of_a_category_says_what_may_be_sent(required: bool, values: str):
    zone = {"kind": "categorical", "values": values, "required": required}
    contract = Contract.model_validate({"columns": {"Zone": zone, "Price": PRICE}})
    kinds = [kind["type"] for kind in record_type(contract).json_schema()["properties"]["Zone"]["anyOf"]]

    assert kinds == ["string", "integer"] + ["boolean"] * (values == "truth") + ["null"] * (not required)


@pytest.mark.parametrize(("sent", "expected"), [("zoen", "Zone"), ("Garden", "no such field")])
def test_an_unknown_field_is_answered_with_the_one_that_may_be_meant(sent: str, expected: str):
    (fault,) = faults({"Zone": {"kind": "categorical"}}, {sent: 1})

    assert fault["expected"] == expected
    assert fault["detail"].endswith("; did you mean Zone?") == (expected == "Zone")


@pytest.mark.parametrize(("length", "shown"), [(78, 80), (79, 80), (1000, 80)])
def test_what_came_is_shown_in_80_characters(length: int, shown: int):
    (fault,) = faults({"Area": {"kind": "numeric"}}, {"Area": "x" * length})

    assert len(fault["got"]) == shown
    assert fault["got"].endswith('x"' if length == 78 else "x…")


@pytest.mark.parametrize(("sent", "sound"), [(-999, True), (-999.0, True), (-998, False), ("-999", False), (5, True)])
def test_a_number_that_means_missing_may_lie_beyond_the_limits(sent: Any, sound: bool):
    columns = {"Area": {"kind": "numeric", "minimum": 0}, "Price": PRICE}
    contract = Contract.model_validate({"columns": columns, "missing": ["", "-999"]})

    assert (faults_of({"Area": sent}, "", contract, record_type(contract), suggest=True) == []) == sound

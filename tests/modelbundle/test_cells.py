"""How a cell is read: every spelling of a value is that value, and nothing else is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from modelbundle.cells import category, cell_reader, column_names, doubled, identifier
from modelbundle.contract import Column, Contract

SIXTY = [60, 60.0, "60", "060", "60.0", "60.", " 60\t", "+60", "6e1", "0.6E+2", np.int64(60), np.float64(60)]
CODE = "12345678901234567"


def read(value: Any, missing: tuple[str, ...] = ("", "NA"), **column: Any) -> Any:
    return cell_reader(Column.model_validate({"kind": "categorical"} | column), missing)(value)


@pytest.mark.parametrize("written", SIXTY)
def test_every_spelling_of_a_whole_number_is_one_category(written: Any):
    assert category(written, "whole") == "60"


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("-05", "-5"), ("-0", "0"), (-0.0, "0"), ("000", "0"), (CODE, CODE), (int(CODE), CODE), (f"00{CODE}.0", CODE),
        (f"{CODE[:1]}.{CODE[1:]}e16", CODE), (2**70, str(2**70)),
    ],
)  # fmt: skip
def test_a_whole_number_keeps_its_sign_and_all_its_digits(written: Any, form: str):
    assert category(written, "whole") == form


@pytest.mark.parametrize(
    "text",
    ["60.5", "RL", "1,000", "1_000", "6 0", "0x3c", "\u0666\u0660", "1e-1", "1e999999999999", "-", "60.0.0", "v60"],
)
def test_what_is_no_whole_number_stays_its_text(text: str):
    assert category(f" {text} ", "whole") == text


@pytest.mark.parametrize("written", ["1e" + "9" * 30, "1e-" + "9" * 30, "9" * 100_000, "0" * 100_000 + "7.5"])
def test_no_number_is_too_long_to_be_read(written: str):
    assert category(written, "whole") == written


@pytest.mark.parametrize(
    ("truth", "spellings"),
    [
        ("true", [True, np.True_, 1, 1.0, "TRUE", "True", "true", " t", "Yes", "y", "ON", "1", "1.0", "01"]),
        ("false", [False, np.False_, 0, 0.0, "FALSE", "False", "f ", "no", "N", "off", "0", "0.0", "00", "-0"]),
    ],
)
def test_every_usual_spelling_of_a_truth_value_is_one_category(truth: str, spellings: list[Any]):
    assert {category(spelling, "truth") for spelling in spellings} == {truth}


@pytest.mark.parametrize("text", ["maybe", "2", "10", "-1", "tru", "yes!"])
def test_what_is_no_truth_value_stays_its_text(text: str):
    assert category(text, "truth") == text


@pytest.mark.parametrize("text", ["060", "60.0", "2.10", "+1", "TRUE", "yes", "a b", "1e3", "v2.0"])
def test_text_stays_as_it_is_written_but_for_outer_blanks(text: str):
    assert category(f" {text}\u00a0", "text") == text


@pytest.mark.parametrize(("number", "form"), [(60, "60"), (60.0, "60"), (2.5, "2.5"), (True, "True")])
def test_a_number_among_texts_is_written_as_a_column_with_gaps_means_it(number: Any, form: str):
    assert category(number, "text") == form


@pytest.mark.parametrize("values", ["whole", "truth", "text"])
@pytest.mark.parametrize("written", [*SIXTY, "060", "TRUE", "no", "2.10", " x ", True, 1, 0.0, CODE, "-0"])
def test_the_form_of_a_form_is_itself(values: Any, written: Any):
    once = category(written, values)

    assert category(once, values) == once


@pytest.mark.parametrize("gap", [None, math.nan, "", "  ", "NA", " NA "])
@pytest.mark.parametrize(
    "column", [{}, {"values": "whole"}, {"values": "truth"}, {"kind": "numeric"}, {"role": "identifier"}]
)
def test_a_missing_cell_is_missing_in_every_kind_of_column(gap: Any, column: dict[str, Any]):
    assert read(gap, **column) is None


def test_a_category_that_the_contract_lists_is_not_missing():
    assert read(" NA ", categories=["NA", "Wood"]) == "NA"
    assert read("NA", categories=["Wood"]) is None


@pytest.mark.parametrize("cell", ["-999", -999, -999.0, " -999.0", "-9.99e2"])
def test_a_number_may_mean_missing_however_it_is_written(cell: Any):
    assert read(cell, ("", "-999"), kind="numeric") is None
    assert read(cell, ("", "-999"), values="whole") is None
    assert read("-99", ("", "-999"), kind="numeric") == -99


@pytest.mark.parametrize(
    ("cell", "number"),
    [("7", 7), (" 7.50 ", 7.5), ("1e3", 1000), (".5", 0.5), ("0.1", 0.1), (5, 5), (np.float32(0.5), 0.5)],
)
def test_a_number_is_the_nearest_float(cell: Any, number: float):
    found = read(cell, kind="numeric")

    assert (found, type(found)) == (number, float)


@pytest.mark.parametrize("cell", ["1,000", "1_000", "inf", "0x10", "many", "TRUE", 10**400])
def test_what_is_no_number_comes_back_as_it_was(cell: Any):
    assert read(cell, kind="numeric") == cell


@pytest.mark.parametrize(("text", "number"), [("1.234,5", 1234.5), ("-7", -7), ("12.000", 12000), (",5", 0.5)])
def test_a_file_may_write_numbers_its_own_way(text: str, number: float):
    assert cell_reader(Column(kind="numeric"), (), ",", ".")(text) == number


@pytest.mark.parametrize("text", ["1,5,0", ".5", "1,234.5"])
def test_a_number_of_another_way_of_writing_is_none(text: str):
    assert cell_reader(Column(kind="numeric"), (), ",", ".")(text) == text


def test_the_decimal_point_is_no_decimal_comma():
    assert cell_reader(Column(kind="numeric"), (), ",")("1.5") == "1.5"


@pytest.mark.parametrize(
    ("cell", "name"), [("7", 7), (" 12 ", 12), ("007", "007"), ("A-1", "A-1"), (7, 7), ("1.0", "1.0")]
)
def test_an_identifier_is_a_whole_number_or_its_own_text(cell: Any, name: Any):
    assert (identifier(cell), type(identifier(cell))) == (name, type(name))


def test_a_header_is_read_without_outer_blanks_and_a_saved_index_has_no_name():
    assert column_names([" area", "b c ", "", "Unnamed: 0", " Unnamed: 12", "Unnamed"]) == [
        *("area", "b c", "", "", "", "Unnamed"),
    ]  # fmt: skip


def test_names_that_stand_twice_are_told_once_and_missing_names_are_none():
    assert doubled(["a", "b", "a", "", "", "a"]) == ["a"]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ({"categories": [20, 60]}, "whole"),
        ({"categories": ["20", "60"]}, "text"),
        ({"categories": [20, "A"]}, "text"),
        ({"categories": [20, 60], "values": "text"}, "text"),
        ({"categories": []}, "text"),
        ({}, "text"),
    ],
)
def test_categories_that_are_given_as_numbers_are_whole_unless_the_contract_says_otherwise(
    column: dict[str, Any], values: str
):
    assert Column.model_validate({"kind": "categorical"} | column).values == values


def test_the_listed_categories_are_in_their_one_form():
    column = Column.model_validate({"kind": "categorical", "values": "whole", "categories": ["020", 20, "60.0"]})

    assert column.categories == ("20", "60")


def test_values_are_for_categories():
    with pytest.raises(ValidationError, match="values: whole is for a categorical column"):
        Column.model_validate({"kind": "numeric", "values": "whole"})


def test_a_record_is_read_by_the_contract_without_what_has_no_column():
    contract = Contract.model_validate(
        {"columns": {"Class": {"kind": "categorical", "categories": [20, 60]}, "Area": {"kind": "numeric"},
                     "Price": {"kind": "numeric", "role": "target"}}}
    )  # fmt: skip

    assert contract.read({"Area": "7", "Class": "060", "Other": 1}) == {"Class": "60", "Area": 7.0}
    assert contract.read({"Class": None}) == {"Class": None}

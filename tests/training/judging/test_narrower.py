"""Contracts that take less than another one: each way is told in a sentence, and a wider one is not."""

from __future__ import annotations

from typing import Any

import pytest

from modelbundle.contract import Contract
from tests.helpers.judged import COLUMNS, contract_of
from training.judging.narrower import narrower, read_otherwise

SEEN = {"Zone": {"categories": None, "seen_categories": ["A", "B"]}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Cellar": {"required": True}}, "Cellar is required; it could be left out."),
        ({"Cellar": None}, "The feature Cellar is gone."),
        ({"Pool": {"kind": "numeric", "required": True}}, "The new feature Pool is required, and no client sends it."),
        ({"Area": {"unit": "m2"}}, "Area is in m2; it was in sq ft."),
        ({"Area": {"unit": ""}}, "Area is in no unit; it was in sq ft."),
        ({"Area": {"minimum": 101}}, "Area must be at least 101; it was 100."),
        ({"Area": {"maximum": 4999}}, "Area must be at most 4999; it was 5000."),
        ({"Cellar": {"maximum": 900}}, "Cellar must be at most 900; it was no largest value."),
        ({"Zone": {"categories": ["A", "C"]}}, "Zone no longer knows the category B."),
        ({"Cellar": {"kind": "categorical", "minimum": None}}, "Cellar is categorical; it was numeric."),
        ({"Price": {"unit": "EUR"}}, "The target is in EUR; it was in USD."),
    ],
)
def test_what_clients_could_send_and_no_longer_can_is_told(changes: dict[str, Any], said: str):
    assert narrower(contract_of(), contract_of(**changes)) == [said]


@pytest.mark.parametrize(
    "changes",
    [
        {"Area": {"required": False}},
        {"Area": {"minimum": 99, "maximum": 5001}},
        {"Area": {"minimum": None, "maximum": None}},
        {"Zone": {"categories": ["A", "B", "C", "D"]}},
        {"Zone": {"categories": None}},
        {"Pool": {"kind": "numeric"}},
        {"Area": {"description": "of all floors", "example": 900, "seen_minimum": 300}},
    ],
)
def test_a_contract_that_takes_as_much_or_more_is_not_narrower(changes: dict[str, Any]):
    assert narrower(contract_of(), contract_of(**changes)) == []


def test_the_order_of_the_columns_is_nothing_that_a_client_relies_on():
    turned = Contract.model_validate({"columns": dict(reversed(COLUMNS.items()))})

    assert narrower(contract_of(), turned) == []
    assert read_otherwise(contract_of(), turned) == []


def test_another_target_is_told():
    other = Contract.model_validate({"columns": {**COLUMNS, "Price": {"kind": "numeric"}, "Rent": COLUMNS["Price"]}})

    assert "The target is Rent; it was Price." in narrower(contract_of(), other)


def test_categories_that_training_saw_count_where_none_are_listed():
    assert narrower(contract_of(**SEEN), contract_of(Zone={"categories": ["A"]})) == [
        "Zone no longer knows the category B."
    ]


def test_codes_that_were_taken_in_any_spelling_may_not_become_text():
    old, new = (contract_of(Zone={"categories": ["20", "60"], "values": values}) for values in ("whole", "text"))

    assert narrower(old, new) == ["Zone is read as text; other spellings of whole values were taken too."]
    assert narrower(new, old) == []


def test_a_category_is_the_same_one_however_the_new_contract_spells_it():
    old = contract_of(Zone={"categories": ["020", "060"], "values": "text"})

    assert narrower(old, contract_of(Zone={"categories": [20, 60], "values": "whole"})) == []


def test_what_meant_missing_must_mean_it_still():
    old, new = (contract_of().model_copy(update={"missing": missing}) for missing in (("", "?", "NA"), ("", "NA")))

    assert narrower(old, new) == ["A missing cell can no longer be written as '?'."]
    assert narrower(new, old) == []


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({"Pool": {"kind": "numeric"}}, []),
        ({"Area": {"minimum": 1, "unit": "m2"}}, []),
        ({"Cellar": None}, ["Cellar"]),
        ({"Zone": {"values": "truth", "categories": None}}, ["Zone"]),
        ({"Zone": {"categories": ["A", "B", "C", "NA"]}}, ["Zone"]),
        ({"Cellar": {"kind": "categorical", "minimum": None}}, ["Cellar"]),
        ({"Cellar": {"role": "identifier"}}, ["Cellar"]),
    ],
)
def test_columns_whose_cells_are_read_otherwise_are_named(changes: dict[str, Any], columns: list[str]):
    assert read_otherwise(contract_of(), contract_of(**changes)) == columns


def test_another_word_for_missing_reads_every_column_otherwise():
    other = contract_of().model_copy(update={"missing": ("", "-999")})

    assert read_otherwise(contract_of(), other) == ["Zone", "Area", "Cellar", "Price"]

"""YAML that means something else to people than to YAML is told, with its line; the rest is taken as it is."""

from __future__ import annotations

from typing import Any

import pytest

from training.config.yaml_reading import read_yaml
from training.problems import ConfigProblem


@pytest.mark.parametrize(
    ("item", "taken"),
    [
        ("NO", "False"), ("off", "False"), ("Yes", "True"), ("true", "True"), ("010", "8"), ("1:30", "90"),
        ("1:30.5", "90.5"), ("2.10", "2.1"), ("0x10", "16"), ("0b11", "3"), ("1_000", "1000"),
        ("2001-01-01", "datetime.date"), ("~", "None"), ("null", "None"),
    ],
)  # fmt: skip
def test_a_category_that_yaml_takes_for_something_else_is_to_be_quoted(item: str, taken: str):
    with pytest.raises(ConfigProblem) as refused:
        read_yaml(f"zone:\n  kind: categorical\n  categories:\n  - north\n  - {item}\n")

    assert f"line 5: YAML reads {item} as {taken}" in str(refused.value)
    assert f'quote it: "{item}"' in str(refused.value)


@pytest.mark.parametrize(
    "text", ["example: 010", "numbers: {020: 1}", "- 1:30:20", "{NO: 1}", "{~: 1}", "{2001-01-01: 1}"]
)
def test_elsewhere_too_where_it_is_a_number_that_few_read_so_or_a_name_that_is_no_text(text: str):
    with pytest.raises(ConfigProblem, match=r"line 1: YAML reads .* quote it"):
        read_yaml(text)


def test_all_of_them_are_told_at_once():
    with pytest.raises(ConfigProblem) as refused:
        read_yaml("categories: [NO, 010]\nexample: 1:30\n")

    assert str(refused.value).count("quote it") == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("categories: ['NO', \"010\", '1:30', '~', north, 20, -5, 0]", ["NO", "010", "1:30", "~", "north", 20, -5, 0]),
        ("{values: truth, categories: [true, no]}", [True, False]),
        ("{values: whole, categories: [20, 60.0]}", [20, 60.0]),
    ],
)
def test_what_is_quoted_and_what_the_column_holds_is_taken_as_it_is(text: str, value: list[Any]):
    assert read_yaml(text)["categories"] == value


def test_numbers_and_truth_values_elsewhere_mean_what_they_say():
    assert read_yaml("{a: 1_000, b: -0.5, c: 1e3, d: yes, e: null, 7: x}") == {
        "a": 1000, "b": -0.5, "c": "1e3", "d": True, "e": None, 7: "x",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["a: [1, x", "a: *b", "\t", "a: &x [*x]", "{[1]: 2}", "!!python/object:os.system x"])
def test_what_is_no_yaml_of_plain_values_is_said_to_be_none(text: str):
    with pytest.raises(ConfigProblem, match="is not YAML"):
        read_yaml(text)


def test_an_empty_document_is_nothing():
    assert read_yaml("") is None

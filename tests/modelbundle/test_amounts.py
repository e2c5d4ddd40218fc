"""Numbers as people read them: the digits that matter, with their unit."""

from __future__ import annotations

import pytest

from modelbundle.amounts import amount, between, brief, percent, plain


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1872, "1872"), (215_245.0, "215,245"), (12_345_678_901, "12,345,678,901"), (1_234_567.891, "1,234,567.891"),
        (1 / 3, "0.333333"), (1234.56789, "1234.57"), (float("nan"), "nan"), (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_what_was_seen_is_written_with_the_digits_that_people_read(value: float, text: str):
    assert brief(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (35_295.4, "35,295"),
        (100, "100"),
        (99.994, "99.99"),
        (1, "1"),
        (1.23456, "1.235"),
        (0.99, "0.9900"),
        (0.001, "0.0010"),
        (0.000999, "0.000999"),
        (1.5e-7, "1.5e-07"),
        (0, "0"),
        (-2_905.0, "-2,905"),
        (-0.5, "-0.5000"),
    ],
)
def test_an_amount_has_the_digits_that_matter(value: float, text: str):
    assert amount(value) == text
    assert amount(value, "USD") == f"{text} USD"


def test_a_difference_shows_its_sign():
    assert amount(300, "USD", signed=True) == "+300 USD"
    assert amount(-0.25, signed=True) == "-0.2500"


def test_both_ends_of_a_range_have_the_digits_of_the_larger_one():
    assert between(0.5, 2_905.2, "USD") == "0 to 2,905 USD"
    assert between(-2_905.2, 0.5) == "-2,905 to 0"
    assert between(0.12345, 0.2) == "0.1235 to 0.2000"


def test_a_share_is_written_as_per_cent():
    assert [percent(share) for share in (0.9, 0.975, 1, 0)] == ["90 %", "97.5 %", "100 %", "0 %"]


def test_a_limit_is_written_as_it_is_with_separators_only_where_they_help():
    assert [plain(value) for value in (1872.0, 9_999, 10_000, 215_245.5, -10_000, 0.1)] == [
        "1872",
        "9999",
        "10,000",
        "215,245.5",
        "-10,000",
        "0.1",
    ]

"""How a candidate may be described: one thing or the other, and a range that is one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from training.config.recipe import Candidate, Engineered, Range, Searched


@pytest.mark.parametrize(
    "made", [{"low": 1, "high": 2}, {"low": -1.0, "high": 0}, {"low": 0.1, "high": 1, "log": True}]
)
def test_a_range_goes_from_low_to_high(made: dict[str, Any]):
    assert Range(**made).log is made.get("log", False)


@pytest.mark.parametrize(
    "made",
    [
        {"low": 2, "high": 1},
        {"low": 1, "high": 1},
        {"low": 0, "high": 1, "log": True},
        {"low": -1, "high": 1, "log": True},
    ],
)
def test_what_is_no_range_is_refused(made: dict[str, Any]):
    with pytest.raises(ValidationError, match=r"low .* must be below high .*, and above 0 where log is true"):
        Range(**made)


def test_a_number_is_made_of_a_category_or_of_a_product():
    assert Engineered(category="Class", numbers={20: 1, 60.0: 2, "070": 3}).numbers == {"20": 1, "60": 2, "070": 3}
    assert Engineered(product=["a", "b"]).numbers == {}


@pytest.mark.parametrize(
    "made",
    [
        {},
        {"category": "Class"},
        {"numbers": {"20": 1}},
        {"category": "Class", "numbers": {"20": 1}, "product": ["a"]},
        {"category": "Class", "product": ["a"]},
        {"numbers": {"20": 1}, "product": ["a"]},
    ],
)
def test_half_of_one_or_both_is_refused(made: dict[str, Any]):
    with pytest.raises(ValidationError, match="give either category and numbers, or product"):
        Engineered(**made)


def test_a_candidate_is_an_estimator_or_a_blend():
    assert Candidate(estimator="sklearn.svm.SVR").preprocessing == "plain"
    assert Candidate(estimator="sklearn.svm.SVR").baseline is False
    assert Candidate(members=["a", "b"], baseline=False).members == ["a", "b"]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({}, "give either an estimator, or the members of a blend"),
        ({"estimator": "a.B", "members": ["c"]}, "give either an estimator, or the members of a blend"),
        ({"members": ["a"], "parameters": {"x": 1}}, "a blend takes members and nothing else"),
        ({"members": ["a"], "preprocessing": "plain"}, "a blend takes members and nothing else"),
        ({"estimator": "SVR"}, "not a dotted path to a class"),
        ({"estimator": "sklearn.svm."}, "not a dotted path to a class"),
        ({"estimator": "sklearn svm.SVR"}, "not a dotted path to a class"),
        ({"estimator": "a.B", "preprocessing": "none"}, "'plain', 'scaled' or 'splines'"),
        ({"estimator": "a.B", "paramters": {}}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_neither_or_both_is_refused(made: dict[str, Any], message: str):
    with pytest.raises(ValidationError, match=message):
        Candidate(**made)


def test_what_a_search_found_may_tell_nothing_of_what_mattered():
    found = Searched(trials=3, before=-2.0, after=-1.0)

    assert (found.mattered, found.at_edge) == ({}, [])

"""The verdict and the model card, from the numbers of a manifest and nothing else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from modelbundle.contract import Contract
from training.judging.facts import error_facts
from training.models.metrics import describe
from training.reporting.model_card import model_card
from training.reporting.verdict import verdict, worse_than_nothing

RMSE = "neg_root_mean_squared_error"

FIFTHS = [
    {"group": f"{low} to {low + 1}", "rows": 9, "coverage": 0.8 + low / 50, "mean_width": 5.0} for low in range(5)
]
ERRORS = {"fifth of Price": {each["group"]: 1.0 + number for number, each in enumerate(FIFTHS)}}


def entry(name: str, mean: float, low: float, high: float, **more: Any) -> dict[str, Any]:
    facts = {"baseline": False, "failed": None, "spread": 2.0, "difference": (low + high) / 2}
    return facts | {"name": name, "mean": mean, "low": low, "high": high, "ties_with_winner": low <= 0 <= high} | more


@pytest.fixture
def facts() -> dict[str, Any]:
    error = {"label": "RMSE", "unit": "USD", "folds_mean": 30.0, "folds_spread": 2.0, "holdout": 31.0}
    return {
        "title": "Houses",
        "winner": "blend",
        "members": ["ridge", "svr", "svr"],
        "reason": "blend has the lowest mean RMSE.",
        "target_unit": "USD",
        "metric": "rmse",
        "metrics": {"rmse": error | {"holdout_low": 25.0, "holdout_high": 40.0}},
        "ranking": [
            entry("blend", 30, 0, 0),
            entry("svr", 31, -1, 3),
            entry("forest", 36, 2, 9),
            entry("broken", 0, 0, 0, failed="its fit raised"),
            entry("median", 80, 40, 60, baseline=True),
        ],
        "baseline": {"name": "median", "holdout": 85.0},
        "search": {"scorer": "rmse", "settings": 280, "blends": 154, "on_these_rows": True},
        "intervals": {"level": 0.9},
        "coverage": {"folds": 0.9, "holdout": 0.91, "mean_width": 83.0, "by": {"fifth of Price": FIFTHS}},
        "data": {
            "rows": 100, "holdout_rows": 20, "folds": 15, "sha256": "0" * 64, "target_median": 160.0,
            "missing_cells": {"Area": 0}, "left_out_columns": [],
        },
    }  # fmt: skip


@pytest.fixture
def contract() -> Contract:
    columns = {
        "Id": {"role": "identifier", "kind": "numeric"},
        "Area": {"kind": "numeric", "unit": "sq ft", "required": True, "seen_minimum": 1, "seen_maximum": 9},
        "Zone": {"kind": "categorical", "seen_categories": ["A", "B"]},
        "Price": {"role": "target", "kind": "numeric", "unit": "USD"},
    }
    return Contract.model_validate({"columns": columns})


def test_it_says_in_three_sentences_how_wrong_how_lucky_and_how_sure(facts: dict[str, Any]):
    assert verdict(json.loads(json.dumps(facts)), "Price") == (
        "**blend is chosen to predict Price:** on 20 records that no model had seen its RMSE is **31 USD** (25 to 40 "
        "USD expected on as many others), against 85 USD there without any model (median), where the median Price is "
        "160 USD. On the folds its lead over forest is more than chance, flattered a little, since it is the "
        "best of 154 blends on these folds; it **ties with svr**. Each prediction comes with a 90 % interval, on "
        "average 83 USD wide: it held the truth for **91 %** of those records, and least often for a Price of "
        "0 to 1: 80 %."
    )


def test_a_winner_that_the_baseline_beats_on_the_holdout_is_told_first(facts: dict[str, Any]):
    beaten = facts | {"baseline": {"name": "the mean", "holdout": 30.5, "beaten": False}}
    told = verdict(beaten, "Price")

    assert told.startswith("**Do not rely on this model: on the hold-out blend is no better than the mean, ")
    assert "(RMSE 31 USD against 30.5 USD)" in told
    assert worse_than_nothing(facts | {"baseline": facts["baseline"] | {"beaten": True}}, "Price") == ""


@pytest.mark.parametrize(
    ("scorer", "quoted", "baseline", "beaten"),
    [(RMSE, 31, 32, True), (RMSE, 31, 30, False), (RMSE, 31, 31, False), ("r2", 0.1, 0, True), ("r2", -0.1, 0, False)],
)
def test_lower_is_better_for_a_loss_and_higher_for_a_score(scorer: str, quoted: float, baseline: float, beaten: bool):
    error, none = {"value": quoted, "low": 0.0, "high": 0.0}, {"name": "median", "holdout": baseline}
    found = error_facts({scorer: [1.0, 2.0]}, [describe(scorer, "USD")], {scorer: error}, none)

    assert found["baseline"] == none | {"beaten": beaten}


def test_a_search_on_other_rows_is_told(facts: dict[str, Any]):
    stale = facts | {"search": facts["search"] | {"on_these_rows": False}}

    assert "searched on other rows" in verdict(stale, "Price")


def test_a_winner_without_rivals_is_told(facts: dict[str, Any]):
    alone = facts | {"ranking": [facts["ranking"][0], facts["ranking"][-1]], "search": None}

    assert "it had no rival that could be scored." in verdict(alone, "Price")


def test_the_card_says_what_it_is_for_and_how_to_contest_it(facts: dict[str, Any], contract: Contract):
    card = model_card(facts, contract, ERRORS)
    sections = [line[3:] for line in card.splitlines() if line.startswith("## ")]

    assert card.startswith("## What it is for")
    assert sections == [
        "What it is for, and what it is not for",
        "The data, and their gaps",
        "How it was chosen",
        "How wrong it is, and for whom",
        "Limits",
        "How to contest a prediction",
        "What it reads",
    ]
    assert "| 0 to 1 | 9 | 1 | 80 % | 5 |" in card
    assert "| svr | 31 | 2 | -1 to 3 |" in card
    assert "| Area (sq ft) | numeric | yes | 1 to 9 |" in card


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (None, None, None),
        (0.0, None, "at least 0"),
        (None, 9.5, "at most 9.5"),
        (0.0, 9.5, "at least 0 and at most 9.5"),
    ],
)
def test_the_card_says_within_which_limits_answers_keep(
    low: float | None, high: float | None, told: str | None, facts: dict[str, Any], contract: Contract
):
    price = contract.columns["Price"].model_copy(update={"minimum": low, "maximum": high})
    card = model_card(facts, Contract(columns=contract.columns | {"Price": price}), ERRORS)

    assert (f"- Price is {told}: predictions and intervals keep to that." in card) == bool(told)
    assert card.count("predictions and intervals keep to that") == bool(told)


def test_the_card_counts_equal_records_where_there_are_any(facts: dict[str, Any], contract: Contract):
    some = facts | {"data": facts["data"] | {"equal_rows": 1200}}
    told = "1,200 records are equal to another one in all that the model reads; no split parts them."

    assert told in model_card(some, contract, ERRORS)
    assert "equal to another one" not in model_card(facts, contract, ERRORS)


def test_the_card_tells_gaps_and_what_was_left_out(facts: dict[str, Any], contract: Contract):
    other = copy.deepcopy(facts)
    other["data"] |= {"missing_cells": {"Area": 3, "Zone": 0}, "left_out_columns": ["Street", "Alley"]}
    card = model_card(other, contract, ERRORS)

    assert "Missing cells: Area 3; they were imputed." in card
    assert "the identifier Id; columns that the contract does not have: Street and Alley" in card
    assert "candidates that failed: broken" in card
    assert "No cell was missing" in model_card(facts, contract, ERRORS)


def test_the_card_says_on_which_records_was_searched(facts: dict[str, Any], contract: Contract):
    stale = facts | {"search": facts["search"] | {"on_these_rows": False}}

    assert "280 settings and 154 blends, on the training records alone." in model_card(facts, contract, ERRORS)
    assert "on other records than those that train now." in model_card(stale, contract, ERRORS)
    assert "no search was made" in model_card(facts | {"search": None}, contract, ERRORS)

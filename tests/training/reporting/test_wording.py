"""The outcome in sentences: each number in them can be checked by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from modelbundle.contributions import Contributions
from training.config.recipe import Range, Tuning
from training.judging.compare import Choice
from training.judging.segments import POOLED
from training.models.metrics import describe
from training.models.search import Found
from training.reporting import words_result, words_search

RMSE, R2 = describe("neg_root_mean_squared_error", "USD"), describe("r2", "USD")


def test_a_candidate_is_told_by_its_folds_beside_the_median_target():
    scores = {RMSE.scorer: [-100.0, -300.0], R2.scorer: [0.5, 0.75]}

    assert words_result.tell_candidate("ridge", scores, RMSE, 1000.0) == (
        "Over 2 folds ridge has a mean RMSE of **200 USD**, 20% of the median target; "
        "it ranges from 100 USD to 300 USD."
    )
    assert "of the median target" not in words_result.tell_candidate("ridge", scores, R2, 1000.0), "a share of what?"
    assert "of the median target" not in words_result.tell_candidate("ridge", scores, RMSE, 0.0)
    assert "0.6250**; it ranges from 0.5000 to 0.7500" in words_result.tell_candidate("ridge", scores, R2, 1000.0)


def test_a_chosen_blend_is_told_with_its_members():
    choice = Choice("mix", (), "its RMSE is best.")

    assert words_result.tell_choice(choice, []) == "**mix** is chosen: its RMSE is best."
    assert words_result.tell_choice(choice, ["svr", "ridge"]).startswith(
        "**mix** is chosen: its RMSE is best. It is the average"
    )


def groups(**errors: tuple[float, int]) -> pd.DataFrame:
    rows = {name.replace("_", " "): {"median_error": error, "rows": rows} for name, (error, rows) in errors.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def test_the_largest_and_the_smallest_error_are_told_without_the_rare_ones():
    table = groups(A=(300, 40), B=(100, 2000), C=(200, 7))
    pooled = pd.concat([table, groups(pooled=(9000, 3)).set_axis([POOLED])])

    for each in (table, pooled):
        assert words_result.tell_groups(each, "Zone", "USD") == (
            "By Zone, the median error is largest for **A** (300 USD, 40 records) "
            "and smallest for **B** (100 USD, 2,000 records)."
        )
    assert POOLED in words_result.tell_groups(groups(pooled=(9000, 3)).set_axis([POOLED]), "Zone", "USD")


def test_residuals_are_told_by_their_middle_and_what_is_within_a_tenth():
    lines = pd.DataFrame({"actual": [100.0, 100.0, 100.0, -100.0], "predicted": [110.0, 90.0, 150.0, -300.0]})

    assert words_result.tell_residuals(lines, "USD") == (
        "Half of the errors are below **30 USD**; 50% of the predictions are within 10 % of the truth. "
        "The median error is +0 USD (above zero: too high)."
    )


def kept(**shares: tuple[float, int]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(
        {name: {"rows": rows, "coverage": share} for name, (share, rows) in shares.items()}, orient="index"
    )


def test_intervals_are_told_by_their_coverage_and_where_they_hold_fewest():
    zones = pd.concat([kept(A=(0.91, 50), B=(0.804, 1200)), kept(x=(0.1, 2)).set_axis([POOLED])])
    told = words_result.tell_coverage(
        {"fifth": kept(low=(0.9, 600), high=(0.9, 652)), "Zone": zones}, 0.897, 0.887, 0.9
    )

    assert told == (
        "The 90 % intervals hold **89.7 %** of the true values on the folds and **88.7 %** on the hold-out. "
        "They hold fewest for Zone **B** (80 %, 1,200 records)."
    )


@pytest.mark.parametrize(
    ("level", "records", "few"), [(0.75, 2, True), (0.75, 3, False), (0.9, 8, True), (0.9, 9, False), (0.95, 18, True)]
)
def test_too_few_records_to_carry_the_level_are_told(level: float, records: int, few: bool):
    told = words_result.tell_coverage({"fifth": kept(all=(0.9, records))}, 0.9, 0.9, level)

    assert (f" {records} records are too few to promise that much." in told) is few


def test_importance_names_the_first_and_those_that_hardly_matter():
    losses = {"Area": [300.0, 100.0], "Year": [50.0, 0.0], "Zone": [10.0, -1.0], "Age": [5.0, 1.0]}
    told = words_result.tell_importance(losses, RMSE)

    assert told.startswith(
        "With **Area** shuffled the RMSE is worse by **200 USD**. "
        "In at least one fold nothing was lost without Year and Zone. "
    )
    assert "In at least one fold" not in words_result.tell_importance({"Area": [1.0, 2.0]}, RMSE)


def test_effects_are_told_by_the_range_that_they_cover():
    area = pd.DataFrame({"average": [100.0, 300.0, 200.0], "low": 0.0, "high": 0.0})
    told = words_result.tell_effects({"Area": area, "Flat": area[:0], "Year": area / 2}, "USD")

    assert told.startswith(
        "Over their values the average prediction runs: **Area** 100 to 300 USD and **Year** 50 to 150 USD. "
    )
    assert words_result.tell_effects({"Flat": area[:0]}, "USD") == ""


def test_the_worst_case_is_told_by_the_two_parts_that_moved_it_most():
    each = Contributions(0.0, 800.0, {}, {"Area": 100.0, "Year": -300.0, "Zone": 200.0})
    table = pd.DataFrame(index=pd.Index([7, 8], name="Id"))

    assert words_result.tell_worst(table, each, "USD").startswith(
        "For Id **7** moved most, from the typical record's 800 USD: Year -300 USD and Zone +200 USD. "
    )


@pytest.mark.parametrize(
    ("metric", "values", "told"),
    [
        (RMSE, [[500, 500], [300.0, 301.0], [200.0, 202.0]], "the mean RMSE is still helped by **99.5 USD**."),
        (RMSE, [[300, 500], [310, 480]], "the mean RMSE changed by no more than chance between folds: **5 USD**."),
        (RMSE, [[300] * 4, [295, 290, 297, 286]], "the mean RMSE is still helped by **8 USD**."),
        (RMSE, [[300] * 4, [300, 290, 297, 286]], "the mean RMSE is still helped by **6.75 USD**."),
        (R2, [[0.5, 0.5], [0.7, 0.72]], "the mean R² is still helped by **0.2100**."),
        (R2, [[0.7, 0.72], [0.5, 0.5]], "the mean R² changed by no more than chance between folds: **0.2100**."),
        (RMSE, [[300.0, 500.0]], "One size of training set says nothing about more data."),
    ],
)  # fmt: skip
def test_what_more_data_would_bring_is_told_by_the_last_step(metric: Any, values: list[list[float]], told: str):
    said = words_result.tell_learning([50, 100, 1000][-len(values) :], values, metric)

    assert said == (told if len(values) == 1 else f"From 100 to 1,000 rows {told}")


# Searches


def found(**changes: Any) -> Found:
    tried = [{"C": 1.0}, {"C": 3.0}, {"C": 10.0}]
    return Found(**({"tried": tried, "scores": [-300.0, -100.0, -200.0]} | changes))


def test_a_space_is_told_parameter_by_parameter():
    space = {"C": Range(low=0.5, high=100, log=True), "depth": Range(low=1, high=9), "kind": ["a", None]}
    table = words_search.space_table(space)

    assert table.loc["C"].tolist() == ["0.5 to 100", "by ratio"]
    assert table.loc["depth"].tolist() == ["1 to 9", "evenly"]
    assert table.loc["kind"].tolist() == ["a, None", "a choice"]


def test_the_best_sets_of_candidates_come_first():
    table = words_search.scores_table({("a", "b"): -300.0, ("a",): -100.0, ("b", "b"): -200.0}, RMSE, 2)

    assert table["RMSE, mean over folds"].to_dict() == {"a": "100 USD", "b + b": "200 USD"}


def test_a_search_is_told_by_what_it_gained():
    assert words_search.tell_search("svr", found(), RMSE) == (
        "From 300 USD with the present setting to **100 USD** in trial 2 of 3: C 3.0."
    )
    assert words_search.tell_search("svr", found(scores=[-1.0, -2.0, -3.0]), RMSE).startswith(
        "None of 3 trials beat the present setting of svr: **1 USD**"
    )


def test_a_best_value_at_an_edge_asks_for_a_wider_range():
    assert "**inside** the space" in words_search.tell_edges(found(), {})
    assert words_search.tell_edges(found(at_edge=["C"]), {}).startswith("**C (3) lies at the edge** of its range")


def test_what_mattered_most_is_told():
    assert words_search.tell_mattered(found()) == "Too few trials to tell what mattered."
    assert words_search.tell_mattered(found(mattered={"C": 0.75, "gamma": 0.25})) == (
        "**C** mattered most: it explains 75% of the differences between trials."
    )


def test_the_chosen_blend_stands_beside_the_best_and_the_best_alone():
    scores = {("a", "b"): -90.0, ("a", "c"): -95.0}

    assert words_search.tell_blends({"a": -150.0, "b": -120.0, "c": -200.0}, scores, ("a", "c"), RMSE) == (
        "**a + c** is chosen, with 95 USD; the best blend of all has 90 USD, the best candidate alone, b, 120 USD."
    )


TUNING = Tuning.model_validate(
    {
        "scorer": RMSE.scorer,
        "searched_on": "rows",
        "candidates": {
            "svr": {
                "trials": 40, "before": -300.0, "after": -200.0, "mattered": {"C": 0.8, "g": 0.2}, "at_edge": ["C"]
            },
            "ridge": {"trials": 20, "before": -250.0, "after": -240.0},
            "gone": {"trials": 9, "before": -1.0, "after": -1.0, "at_edge": ["x"]},
        },
    }
)  # fmt: skip


def test_without_a_search_it_says_that_none_was_made():
    searched = {"settings": 60, "blends": 0, "on_these_rows": True}

    assert words_result.tell_tuning(None, searched, ["svr"]).startswith("No search was made")
    assert words_result.tell_tuning(TUNING, None, ["svr"]).startswith("No search was made")


def test_a_search_is_told_with_its_edges_and_whether_on_these_rows():
    searched = {"settings": 1060, "blends": 1500, "on_these_rows": True}
    told = words_result.tell_tuning(TUNING, searched, ["svr", "ridge"])

    assert "`make tune` tried 1,060 settings and 1,500 blends on the folds." in told
    assert "a better value may lie: C of svr." in told
    assert "other rows" not in told
    other = words_result.tell_tuning(TUNING, searched | {"blends": 0, "on_these_rows": False}, ["ridge"])
    assert "tried 1,060 settings on the folds" in other
    assert "edge" not in other
    assert "**The search saw other rows than those that train now**" in other


def test_the_table_of_a_search_has_a_row_for_each_candidate_that_there_still_is():
    table = words_result.tuning_table(TUNING, ["svr", "ridge"])

    assert table.loc["svr"].tolist() == [40, "300", "200", "C (80%)", "C"]
    assert table.loc["ridge"].tolist() == [20, "250", "240", "", "none"]
    assert table.columns.tolist() == ["tried", "RMSE before", "after", "mattered most", "at the edge"]
    assert len(table) == 2

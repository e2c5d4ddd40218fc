"""The comparison: who wins, who cannot, and what is called a tie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.config.recipe import Candidate
from training.judging.compare import Choice, Ranked, choose, listed, paired_difference, with_failed_members
from training.models.metrics import describe
from training.problems import CandidateFailed

RMSE = "neg_root_mean_squared_error"
BEST, SIMPLEST = "best_mean", "simplest_within_one_standard_error"
FOLDS = [{"fit": list(range(8)), "score": [8, 9]}] * 5
NOISE = np.array([-3.0, 2.0, 4.0, -2.0, -1.0])  # what makes a fold hard or easy for everyone


def result(mean: float, *, baseline: bool = False, failed: str | None = None, noise: Any = NOISE) -> dict[str, Any]:
    """One candidate's record: its RMSE on five folds, or its failure."""
    scores = {} if failed else {RMSE: (-mean + np.asarray(noise)).tolist()}
    return {"baseline": baseline, "failed": failed, "scores": scores}


def chosen(rule: str = BEST, scorer: str = RMSE, **results: dict[str, Any]) -> Choice:
    """The choice among the candidates and a baseline that is easily beaten."""
    return choose({"median": result(90, baseline=True), **results}, describe(scorer, "USD"), rule, FOLDS)


def ranked(choice: Choice, name: str) -> Ranked:
    return next(entry for entry in choice.ranking if entry.name == name)


def test_the_lowest_error_wins():
    choice = chosen(linear=result(50), forest=result(40), svr=result(60))

    assert choice.winner == "forest"
    assert [entry.name for entry in choice.ranking] == ["forest", "linear", "svr", "median"]
    assert choice.reason.startswith("forest has the lowest mean RMSE over the folds, 40 USD.")


def test_the_highest_score_wins_where_more_is_better():
    results = {
        name: {"baseline": name == "median", "failed": None, "scores": {"r2": (mean + NOISE / 100).tolist()}}
        for name, mean in {"median": 0.0, "linear": 0.7, "forest": 0.8}.items()
    }

    choice = choose(results, describe("r2", "USD"), BEST, FOLDS)

    assert choice.winner == "forest"
    assert choice.reason.startswith("forest has the highest mean R² over the folds, 0.8000.")


def test_values_and_differences_are_those_that_people_read():
    choice = chosen(linear=result(50), forest=result(40))
    linear, forest = ranked(choice, "linear"), ranked(choice, "forest")

    assert (linear.mean, linear.difference) == (pytest.approx(50), pytest.approx(10))
    assert linear.spread == pytest.approx(NOISE.std(ddof=1))
    assert (forest.difference, forest.low, forest.high) == (0, 0, 0)


def test_a_lead_that_every_fold_confirms_is_no_tie():
    choice = chosen(linear=result(50), forest=result(40))

    assert not ranked(choice, "linear").ties_with_winner
    assert choice.reason.endswith("Its lead over every other candidate is more than chance between folds.")


def test_a_lead_that_the_folds_disagree_on_is_called_a_tie():
    choice = chosen(linear=result(41, noise=-NOISE), forest=result(40), svr=result(70))

    assert choice.winner == "forest"
    assert ranked(choice, "linear").ties_with_winner
    assert choice.reason.endswith("The folds cannot tell it from linear: call that a tie.")


def test_the_interval_is_that_of_nadeau_and_bengio():
    """Five differences with mean 3 and variance 2.5; a quarter of the fitted rows is scored; t(4) = 2.7764."""
    mean, low, high = paired_difference(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), FOLDS)
    half = 2.7764451 * np.sqrt(2.5 * (1 / 5 + 2 / 8))

    assert mean == 3
    assert (low, high) == (pytest.approx(3 - half), pytest.approx(3 + half))


def test_equal_scores_have_no_difference_and_no_width():
    assert paired_difference(np.zeros(5), FOLDS) == (0, 0, 0)


def test_the_simplest_within_one_standard_error_wins_by_that_rule():
    choice = chosen(SIMPLEST, linear=result(41), forest=result(40))

    assert choice.winner == "linear"
    assert "linear is the simplest candidate within one standard error of the best mean RMSE" in choice.reason
    assert "(41 USD against 40 USD of forest)" in choice.reason


def test_beyond_one_standard_error_the_best_wins_by_that_rule_too():
    error = NOISE.std(ddof=1) / np.sqrt(len(FOLDS))

    choice = chosen(SIMPLEST, linear=result(40 + 1.01 * error), forest=result(40))

    assert choice.winner == "forest"
    assert "and no simpler candidate comes within one standard error of it" in choice.reason


def test_a_candidate_that_is_better_than_the_winner_on_every_fold_is_no_tie():
    """Within one standard error of the best mean, and yet a little worse on each fold."""
    forest = ranked(chosen(SIMPLEST, linear=result(40.5), forest=result(40)), "forest")

    assert forest.high < 0
    assert not forest.ties_with_winner


def test_a_simpler_winner_that_every_fold_shows_to_be_worse_is_not_said_to_lead():
    choice = chosen(SIMPLEST, linear=result(40.5), forest=result(40))

    assert choice.winner == "linear"
    assert "lead over every other candidate" not in choice.reason


@pytest.mark.parametrize("rule", [BEST, SIMPLEST])
def test_a_baseline_cannot_win(rule: str):
    close = result(40.1, baseline=True)

    assert chosen(rule, mean=close, forest=result(40)).winner == "forest"


@pytest.mark.parametrize("rule", [BEST, SIMPLEST])
def test_a_failed_candidate_cannot_win_and_is_ranked_last(rule: str):
    choice = chosen(rule, linear=result(0, failed="its fit raised ValueError: no"), forest=result(40))

    assert choice.winner == "forest"
    assert choice.ranking[-1] == Ranked("linear", False, failed="its fit raised ValueError: no")


def test_a_candidate_must_beat_every_baseline():
    choice = chosen(linear=result(60), mean=result(50, baseline=True), forest=result(40))

    assert not ranked(choice, "linear").beats_baseline
    assert ranked(choice, "forest").beats_baseline


@pytest.mark.parametrize("mean", [90, 95])
def test_nothing_wins_where_no_candidate_beats_the_baseline(mean: float):
    with pytest.raises(CandidateFailed, match="no candidate beats the baseline in RMSE, so there is no model worth"):
        chosen(linear=result(mean))


def test_a_baseline_that_failed_leaves_nothing_to_beat():
    with pytest.raises(CandidateFailed, match="no baseline could be scored"):
        choose({"median": result(0, baseline=True, failed="no"), "a": result(1)}, describe(RMSE, ""), BEST, FOLDS)


def test_where_every_candidate_failed_the_reasons_are_told():
    with pytest.raises(CandidateFailed, match="its fit raised ValueError: no"):
        chosen(linear=result(0, failed="its fit raised ValueError: no"))


def test_a_blend_fails_with_a_member_that_failed_alone_and_no_other_does():
    linear = Candidate(estimator="sklearn.linear_model.LinearRegression")
    candidates = {
        "linear": linear,
        "svr": linear,
        "both": Candidate(members=["svr", "svr", "linear"]),
        "one": Candidate(members=["svr"]),
    }
    results = {
        "linear": result(0, failed="predicted beyond 1e+100 for 1 of 20 rows"),
        "svr": result(50),
        "both": result(40),
        "one": result(60),
    }
    choice = chosen(**with_failed_members(results, candidates))

    assert choice.winner == "svr"
    assert ranked(choice, "both").failed == "its member linear failed: predicted beyond 1e+100 for 1 of 20 rows"
    assert ranked(choice, "one").failed is None
    assert results["both"]["failed"] is None, "what was recorded stays as it was"


def test_a_blend_that_failed_by_itself_keeps_its_own_reason():
    candidates = {"a": Candidate(estimator="a.b"), "blend": Candidate(members=["a"])}
    results = {"a": result(0, failed="no"), "blend": result(0, failed="its own")}

    assert with_failed_members(results, candidates)["blend"]["failed"] == "its own"


@pytest.mark.parametrize(
    ("names", "written"),
    [([], ""), (["svr"], "svr"), (["svr", "ridge"], "svr and ridge"), (["a", "b", "c", "d"], "a, b, c and d")],
)
def test_names_are_listed_as_a_sentence_lists_them(names: list[str], written: str):
    assert listed(names) == written


def test_who_is_alone_has_no_lead():
    assert chosen(linear=result(50)).reason == "linear has the lowest mean RMSE over the folds, 50 USD."

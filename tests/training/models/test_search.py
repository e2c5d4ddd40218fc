"""The search itself, on a formula in a model's place: what it starts from, what it proposes, and what it tells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.config.recipe import Candidate, Range
from training.models import search
from training.models.evaluate import Shared, Validated
from training.models.search import Found, blend_scores, search_parameters, summary, try_each
from training.problems import CandidateFailed

if TYPE_CHECKING:
    from collections.abc import Callable

RMSE = "neg_root_mean_squared_error"
NOTHING = Shared(None, None, [])


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Found]:
    """Searches where the score of a setting is a formula of it; the pipeline is the candidate itself."""

    def of(
        formula: Callable[[dict[str, Any]], float], space: dict[str, Any], trials: int = 3, **parameters: Any
    ) -> Found:
        def cross_validate(candidate: Candidate, shared: Any, scorers: list[str]) -> Validated:
            score = formula(candidate.parameters)
            return Validated({scorers[0]: [score - 1, score + 1]}, [[score]])

        monkeypatch.setattr(search.evaluate, "cross_validate", cross_validate)
        candidate = Candidate(estimator="some.Model", parameters=parameters, search=space)
        return search_parameters(candidate, lambda it: it, NOTHING, RMSE, trials, 0)

    return of


def test_the_present_setting_is_tried_first_and_the_best_is_kept(searched: Any):
    found = searched(lambda it: -abs(it["alpha"] - 3), {"alpha": Range(low=0.0, high=10.0)}, 3, alpha=4.0, other=1)
    told = summary(found)

    assert found.tried[0] == {"alpha": 4.0}
    assert found.scores[0] == told["before"] == -1
    assert told["after"] == max(found.scores) == found.scores[found.best]
    assert told["parameters"] == found.tried[found.best]
    assert told["trials"] == len(found.tried) == len(found.scores) == 3


def test_a_parameter_that_is_not_set_today_is_proposed_all_the_same(searched: Any):
    found = searched(lambda it: it["alpha"], {"alpha": Range(low=1.0, high=2.0)}, 2)

    assert all(1 <= tried["alpha"] <= 2 for tried in found.tried)


def test_parameters_inside_an_object_are_found_by_their_long_names(searched: Any):
    kernel = {"class": "some.Kernel", "nu": 1.5, "inner": {"class": "some.Other", "scale": 7.0}}
    space = {"kernel__nu": [0.5, 1.5], "kernel__inner__scale": Range(low=1.0, high=9.0)}
    found = searched(lambda it: 0.0, space, 1, kernel=kernel)

    assert found.tried[0] == {"kernel__nu": 1.5, "kernel__inner__scale": 7.0}


def test_whole_numbers_and_choices_stay_what_they_are_and_numbers_have_four_digits(searched: Any):
    space = {"depth": Range(low=1, high=9), "kind": ["a", "b"], "alpha": Range(low=0.001, high=1000.0, log=True)}
    found = searched(lambda it: it["alpha"], space, 8)

    for tried in found.tried:
        assert isinstance(tried["depth"], int)
        assert tried["kind"] in ("a", "b")
        assert tried["alpha"] == float(f"{tried['alpha']:.4g}")
    assert len({tried["alpha"] for tried in found.tried}) == 8
    assert {tried["alpha"] < 1 for tried in found.tried} == {True, False}, "evenly by ratio, not by difference"


def test_a_setting_that_fails_counts_for_nothing_and_the_search_goes_on(searched: Any):
    def formula(parameters: dict[str, Any]) -> float:
        if parameters["kind"] == "bad":
            raise CandidateFailed("its fit raised")
        return 5.0

    found = searched(formula, {"kind": ["bad", "good"]}, 6, kind="bad")

    assert math.isnan(found.scores[0])
    assert found.tried[found.best] == {"kind": "good"}
    assert 5.0 in found.scores


def test_where_no_setting_can_be_scored_the_last_reason_is_told(searched: Any):
    def fails(_: Any) -> float:
        raise CandidateFailed("its fit raised")

    with pytest.raises(CandidateFailed, match="none of 2 settings could be scored; the last: its fit raised"):
        searched(fails, {"kind": ["a", "b"]}, 2)


@pytest.mark.parametrize(
    ("best", "space", "named"),
    [
        (1.0, Range(low=1.0, high=2.0), True),
        (1.02, Range(low=1.0, high=2.0), True),
        (1.03, Range(low=1.0, high=2.0), False),
        (1.97, Range(low=1.0, high=2.0), False),
        (1.98, Range(low=1.0, high=2.0), True),
        (1.05, Range(low=1.0, high=100.0, log=True), True),
        (2.0, Range(low=1.0, high=100.0, log=True), False),
        (95.0, Range(low=1.0, high=100.0, log=True), True),
        ("a", ["a", "b"], False),
    ],
)
def test_a_best_value_within_two_per_cent_of_an_end_is_named(searched: Any, best: Any, space: Any, named: bool):
    assert searched(lambda it: 0.0, {"it": space}, 1, it=best).at_edge == (["it"] if named else [])


def test_what_mattered_is_told_of_four_trials_or_more_that_differ(searched: Any):
    space = {"alpha": Range(low=0.0, high=1.0), "idle": Range(low=0.0, high=1.0)}
    few = searched(lambda it: it["alpha"], space, 3)
    equal = searched(lambda it: 2.0, space, 4)
    enough = searched(lambda it: it["alpha"], space, 4)

    assert few.mattered == equal.mattered == {}
    assert enough.mattered.keys() == {"alpha", "idle"}
    assert sum(enough.mattered.values()) == pytest.approx(1, abs=0.02)
    assert all(share == round(share, 2) for share in enough.mattered.values())


def test_each_candidate_is_tried_alone(searched: Any):
    searched(lambda it: it["alpha"], {"alpha": [1.0]}, 1)
    candidates = {
        name: Candidate(estimator="some.Model", parameters={"alpha": alpha}) for name, alpha in (("a", 3.0), ("b", 5.0))
    }
    alone, predicted = try_each(candidates, lambda it: it, NOTHING, RMSE)

    assert alone == {"a": 3.0, "b": 5.0}
    assert predicted == {"a": [[3.0]], "b": [[5.0]]}


FOLDS = [{"fit": [2, 3], "score": [0, 1]}, {"fit": [0, 1], "score": [2, 3]}]
TRUTH = pd.Series([100.0, 200.0, 300.0, 400.0])
SHARED = Shared(None, TRUTH, FOLDS)


def predictions(*errors: float) -> list[list[float]]:
    return [[TRUTH[row] + error for row, error in zip(fold["score"], errors, strict=True)] for fold in FOLDS]


def test_every_blend_of_two_to_most_members_is_scored_and_one_may_count_twice():
    predicted = {"low": predictions(-30, -30), "high": predictions(60, 60)}
    scores = blend_scores(predicted, SHARED, RMSE, log=False, most=3)

    assert scores == pytest.approx(
        {("low", "low", "high"): 0.0, ("low", "high"): -15.0, ("low", "high", "high"): -30.0}
    )
    assert list(scores) == [("low", "low", "high"), ("low", "high"), ("low", "high", "high")]
    assert list(blend_scores(predicted, SHARED, RMSE, log=False, most=2)) == [("low", "high")]


def test_on_the_logarithm_predictions_are_averaged_by_ratio():
    predicted = {
        name: [[TRUTH[row] * factor for row in fold["score"]] for fold in FOLDS]
        for name, factor in (("a", 2), ("b", 0.5))
    }

    assert blend_scores(predicted, SHARED, RMSE, log=True, most=2)["a", "b"] == pytest.approx(0, abs=1e-9)
    assert blend_scores(predicted, SHARED, RMSE, log=False, most=2)["a", "b"] == pytest.approx(
        -np.mean([np.sqrt(np.mean((np.array(pair) / 4) ** 2)) for pair in ([100, 200], [300, 400])])
    )

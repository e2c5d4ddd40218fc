"""What the gate makes of numbers: margin and luck, the absolute checks, and that it fails closed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.judged import RMSE, side
from training.config.gating import Gate, lines
from training.judging import gate, paired
from training.judging.gate import decide
from training.judging.sides import Side

RULES = Gate()
FEW = Gate(minimum_rows=2)
SERVED = [-1.0, -1.1, -0.9, -1.0, -1.2]


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "slow" not in request.keywords:
        monkeypatch.setattr(paired, "RESAMPLES", 60)


def errors(rows: int, worse: float, seed: int, alike: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True values, and the predictions of a new and a served model whose errors go together."""
    random = np.random.default_rng(seed)
    actual, (one, other) = random.uniform(100, 200, rows), random.normal(0, 10, (2, rows))
    new = worse * (alike * one + (1 - alike**2) ** 0.5 * other)
    return actual, actual + new, actual + one


def on_rows(rows: int = 400, worse: float = 1.0, seed: int = 0, metric: str = RMSE) -> tuple[Side, Side]:
    actual, new, served = errors(rows, worse, seed)
    return side(actual, new, metric=metric), side(actual, served, metric=metric, answers=served)


def on_folds(scores: list[float]) -> tuple[Side, Side]:
    actual, new, _ = errors(50, 1.0, 0)
    return side(actual, new, scores=scores, folds="same"), side(actual, new, scores=SERVED, folds="same")


def comparison(decision: gate.Decision) -> dict[str, Any]:
    return decision.numbers["checks"]["comparison"]


@pytest.mark.parametrize(
    ("factors", "verdict", "said"),
    [
        ([1, 1, 1, 1, 1], "promote", "too: they differ on none."),
        ([0.9, 0.9, 0.9, 0.9, 0.9], "promote", "10 % better (95 % interval: "),
        ([1.01, 1.01, 1.01, 1.01, 1.01], "promote", ", within the margin of 2 %."),
        ([1.9, 0.5, 1.5, 0.9, 0.9], "promote", ", more than the margin of 2 %, but the interval says that it may be"),
        ([1.1, 1.1, 1.1, 1.1, 1.1], "refuse", ", more than the margin of 2 % and by more than luck"),
    ],
)  # fmt: skip
def test_only_what_is_worse_by_more_than_the_margin_and_more_than_luck_is_refused(
    factors: list[float], verdict: str, said: str
):
    decision = decide(*on_folds([score * factor for score, factor in zip(SERVED, factors, strict=True)]), RULES)

    assert decision.decision == verdict
    assert said in decision.reasons[0]


def test_the_margin_is_the_configurations():
    sides = on_folds([1.1 * score for score in SERVED])

    assert decide(*sides, Gate(margin=0.09)).decision == "refuse"
    assert decide(*sides, Gate(margin=0.11)).decision == "promote"


def test_on_the_same_folds_the_holdout_has_no_part_in_the_comparison():
    new, served = on_folds(SERVED)
    hopeless = replace(served, answers=tuple(np.full(50, 1e6)))

    assert comparison(decide(new, served, RULES)) == comparison(decide(new, hopeless, RULES))


def test_a_score_of_which_more_is_better_is_compared_by_what_it_lacks():
    """R² of 0.8 against 0.9 is a loss that is twice as large."""
    actual, new, _ = errors(50, 1.0, 0)
    sides = [
        side(actual, new, metric="r2", scores=[best - 0.02, best + 0.02, best], folds="same") for best in (0.8, 0.9)
    ]
    decision = decide(*sides, RULES)

    assert decision.decision == "refuse"
    assert comparison(decision)["relative"] == pytest.approx(1)
    assert (
        "On the same 3 folds, what R² lacks to 1 is 0.2000, the served model's 0.1000: 100 % worse"
        in (decision.reasons[0])
    )


@pytest.mark.parametrize("metric", [RMSE, "r2", "neg_median_absolute_error", "neg_root_mean_squared_log_error"])
def test_any_scorer_refuses_a_model_that_is_a_half_worse(metric: str):
    decision = decide(*on_rows(worse=1.5, metric=metric), RULES)

    assert decision.decision == "refuse"
    assert comparison(decision)["metric"] == metric


def test_rows_that_the_served_model_was_fitted_on_are_left_out():
    actual, new, served = np.ones(40), np.linspace(0.5, 1.4, 40), np.full(40, 1.01)
    sides = side(actual, new), side(actual, served, answers=served, fitted=np.arange(30))

    assert comparison(decide(*sides, Gate(minimum_rows=10)))["count"] == 10
    assert comparison(decide(*sides, Gate(minimum_rows=11))) == {"verdict": "ask", "new_rows": 10, "holdout_rows": 40}


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(30)))
def test_the_decision_does_not_depend_on_the_order_of_the_rows(order: list[int]):
    new, served = on_rows(30, 1.1)
    found = new.evidence
    shuffled = replace(
        found,
        records=[found.records[at] for at in order],
        actual=found.actual[order],
        predicted=found.predicted[order],
    )
    other = decide(replace(new, evidence=shuffled), replace(served, answers=[served.answers[at] for at in order]), FEW)

    assert other.as_json() == decide(new, served, FEW).as_json()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=40), st.sampled_from([RMSE, "r2"]), st.integers(0, 9))
def test_equal_models_are_never_refused(predicted: list[float], metric: str, seed: int):
    actual = np.random.default_rng(seed).uniform(1, 1e6, len(predicted))
    sides = side(actual, predicted, metric=metric), side(actual, predicted, metric=metric, answers=predicted)
    found = comparison(decide(*sides, FEW))

    assert (found["verdict"], found["relative"]) == ("promote", 0)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-1e3, -1e-3), min_size=2, max_size=15))
def test_equal_fold_scores_are_never_refused(scores: list[float]):
    assert comparison(decide(*on_equal_folds(scores), RULES))["verdict"] == "promote"


def on_equal_folds(scores: list[float]) -> list[Side]:
    actual, new, _ = errors(50, 1.0, 0)
    return [side(actual, new, scores=list(scores), folds="same") for _ in "ab"]


@pytest.mark.slow
@pytest.mark.parametrize(("worse", "verdict"), [(1.0, "promote"), (1.1, "refuse")])
def test_on_400_rows_the_gate_is_right_nearly_always(worse: float, verdict: str):
    """A tenth worse with errors that go together is refused, an equal model promoted."""
    found = [decide(*on_rows(worse=worse, seed=seed), RULES).decision for seed in range(25)]

    assert found.count(verdict) >= 22


def test_the_size_is_told_and_not_judged():
    actual, new, _ = errors(50, 1.0, 0)
    decision = decide(side(actual, new, facts={"files": {"x": {"size": 3 * 10**12}}}), None, RULES)

    assert decision.decision == "promote"
    assert "The bundle takes 3000000.0 MB." in decision.reasons


def test_another_metric_than_the_served_models_is_for_a_person():
    new, served = on_folds(SERVED)[0], on_rows(50, metric="r2")[1]
    decision = decide(new, served, RULES)

    assert decision.decision == "ask"
    assert f"The new model was chosen by {RMSE}, the served one by r2: say which counts." == decision.reasons[0]


def test_a_model_of_another_problem_is_refused():
    new, served = on_folds(SERVED)
    decision = decide(replace(new, manifest=dict(new.manifest) | {"name": "cars"}), served, RULES)

    assert decision.decision == "refuse"
    assert decision.reasons[0] == "The new model is of the problem cars, the served one of houses."


def test_the_heaviest_reason_stands_first_and_each_has_a_line_of_its_own():
    actual, new, _ = errors(50, 1.0, 0)
    decision = decide(side(actual, new, facts={"coverage": {"folds": 0.1, "holdout": 0.9}}), None, RULES)
    first, *others = lines(decision.as_json()).splitlines()

    assert first.startswith("Refuse: Of the true values, its intervals of 90 % hold 10 % in the folds (at least ")
    assert others == [f"  - {reason}" for reason in decision.reasons[1:]]
    assert len(others) == 4


def test_the_json_tells_all_that_the_decision_went_by():
    found = decide(*on_rows(100, 1.5), RULES).as_json()

    assert (found["schema_version"], found["decision"], found["rules"]) == (1, "refuse", RULES.model_dump(mode="json"))
    assert found["checks"].keys() == {"comparison", "baseline", "coverage", "contract", "bundle", "size"}
    assert found["checks"]["comparison"].keys() == {
        *("verdict", "metric", "by", "count", "new", "served", "relative", "low", "high"),
        *("new_rows", "holdout_rows", "seed"),
    }
    assert json.loads(json.dumps(found, allow_nan=False)) == found

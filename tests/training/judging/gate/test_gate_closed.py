"""What the gate asks of a model alone, and that it stays closed where something is missing or no number."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.helpers.judged import RMSE, side
from training.config.gating import Gate
from training.judging import paired
from training.judging.gate import decide
from training.judging.sides import Side

RULES = Gate()
FEW = Gate(minimum_rows=2)
SCORES = [-1.0, -1.1, -0.9, -1.0, -1.2]


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired, "RESAMPLES", 60)


def prices(rows: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """True values, and predictions that are not far off."""
    random = np.random.default_rng(0)
    actual = random.uniform(100, 200, rows)
    return actual, actual + random.normal(0, 10, rows)


def on_folds(factor: float = 1.0) -> tuple[Side, Side]:
    """Two sides on the same folds; factor: by which the loss of the first is that of the second."""
    scores = ([factor * score for score in SCORES], SCORES)
    return tuple(side(*prices(), scores=each, folds="same") for each in scores)


@pytest.mark.parametrize("beaten", [False, None])
def test_what_does_not_beat_the_best_baseline_is_refused(beaten: bool | None):
    baseline = {"baseline": {"name": "the agents", "holdout": 1.0, "beaten": beaten}}
    actual, new = prices()
    decision = decide(side(actual, new, facts=baseline), None, RULES)

    assert decision.decision == "refuse"
    assert "nor is it better than the baseline the agents." in decision.reasons[0]


def test_a_model_that_is_as_good_as_the_best_constant_is_not_better():
    actual, _ = prices()

    assert decide(side(actual, np.full(50, actual.mean())), None, RULES).decision == "refuse"


@pytest.mark.parametrize("part", ["folds", "holdout"])
def test_intervals_that_hold_too_few_true_values_are_refused(part: str):
    actual, new = prices(100)  # of 500 records
    least = 0.9 - 0.05 - 2 / {"folds": 400, "holdout": 100}[part] ** 0.5

    def with_share(share: float) -> Side:
        return side(actual, new, facts={"coverage": {"folds": 0.9, "holdout": 0.9} | {part: share}})

    assert decide(with_share(least + 0.001), None, RULES).decision == "promote"
    assert decide(with_share(least - 0.001), None, RULES).decision == "refuse"
    assert decide(with_share(least - 0.001), None, Gate(least_coverage=0.5)).decision == "promote"
    assert decide(with_share(least + 0.001), None, Gate(least_coverage=0.89)).decision == "refuse"


@pytest.mark.parametrize("value", ["gone", None, float("nan"), {}])
@pytest.mark.parametrize("lacking", ["name", "baseline", "coverage", "contract", "intervals", "data"])
def test_what_a_manifest_does_not_tell_never_promotes(lacking: str, value: Any):
    new, served = on_folds(0.5)
    manifest = dict(new.manifest) | {lacking: value}
    if value == "gone":
        del manifest[lacking]
    decision = decide(replace(new, manifest=manifest), served, RULES)

    assert decide(new, served, RULES).decision == "promote"
    assert decision.decision in ("ask", "refuse")
    json.dumps(decision.as_json(), allow_nan=False)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e300])
@pytest.mark.parametrize("where", ["actual", "predicted", "answers"])
def test_what_is_no_number_to_go_on_with_never_promotes(bad: float, where: str):
    actual, new = prices()
    columns = {"actual": actual, "predicted": actual + (new - actual) / 2, "answers": new}
    good = decided(**columns)
    columns[where] = np.where(np.arange(50) == 3, bad, columns[where])
    decision = decided(**columns)

    assert good.decision == "promote"
    assert decision.decision in ("ask", "refuse")
    json.dumps(decision.as_json(), allow_nan=False)


def decided(actual: np.ndarray, predicted: np.ndarray, answers: np.ndarray) -> Any:
    sides = side(np.ones(50), predicted), side(*prices(), answers=answers)
    return decide(replace(sides[0], evidence=replace(sides[0].evidence, actual=actual)), sides[1], FEW)


@pytest.mark.parametrize("share", [float("nan"), None, "0.9 or so"])
def test_a_coverage_that_is_no_number_never_promotes(share: Any):
    decision = decide(side(*prices(), facts={"coverage": {"folds": 0.9, "holdout": share}}), None, RULES)

    assert decision.decision in ("ask", "refuse")


def test_scores_beyond_all_reckoning_are_for_a_person():
    new, served = side(*prices(), scores=[-1e300, *SCORES[1:]], folds="same"), on_folds()[1]

    assert decide(new, served, RULES).decision in ("ask", "refuse")
    assert decide(served, new, RULES).decision == "ask"


def test_a_served_model_without_any_error_is_no_measure():
    new, served = side(*prices(), scores=SCORES, folds="same"), side(*prices(), scores=[0.0] * 5, folds="same")
    decision = decide(new, served, RULES)

    assert decision.decision == "ask"
    assert "the served model's loss is 0, of which nothing is a share" in decision.reasons[0]


def test_a_scorer_that_the_served_evidence_lacks_is_for_a_person():
    new, served = on_folds(0.5)
    other = served.evidence.validated.model_copy(update={"scores": {"r2": SCORES}})
    decision = decide(new, replace(served, evidence=replace(served.evidence, validated=other)), RULES)

    assert decision.decision == "ask"
    assert RMSE in decision.reasons[0]


def test_a_served_model_that_was_not_asked_is_for_a_person():
    decision = decide(side(*prices()), side(*prices()), FEW)

    assert decision.decision == "ask"
    assert decision.reasons[0] == "The served model cannot be asked for the new records: it was not."


def test_a_bundle_that_must_not_be_served_is_judged_no_further():
    decision = decide(replace(side(*prices()), broken="golden.json, request 0: another answer"), None, RULES)

    assert decision.decision == "refuse"
    assert decision.reasons == ["The new bundle must not be served: golden.json, request 0: another answer."]

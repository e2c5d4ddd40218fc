"""The fits: honest folds, failures that are results, and nothing fitted twice."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.tree import DecisionTreeRegressor

from modelbundle.contract import Contract
from modelbundle.frame import canonical_frame
from tests.helpers.broken_estimators import PredictsNaN
from training.bundle.drafting import draft_bundle, golden_requests
from training.config.conf import Candidate, Split
from training.data.split import Parts, split_rows
from training.finite import predict
from training.judging.predictions import held_out_predictions
from training.models import diagnose, evaluate
from training.models.candidates import Design, build_pipeline
from training.models.diagnose import learning_curve
from training.models.evaluate import (
    Shared,
    Validated,
    cross_validate,
    fit,
    score,
    try_candidate,
    unfitted,
)
from training.problems import CandidateFailed

if TYPE_CHECKING:
    from pathlib import Path

SCORERS = ["neg_root_mean_squared_error", "r2"]
HELPERS = "tests.helpers.broken_estimators"
LINEAR = "sklearn.linear_model.LinearRegression"


class CountsFits(LinearRegression):
    """Says how often it was fitted."""

    fits = 0

    def fit(self, X: np.ndarray, y: np.ndarray) -> CountsFits:
        CountsFits.fits += 1
        return super().fit(X, y)


class RaisesInPredict(PredictsNaN):
    """Fits, and cannot predict."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        raise RuntimeError("this estimator never predicts")


class PredictsInfinity(PredictsNaN):
    """Fits, and predicts more than there is."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), np.inf)


class PredictsFarBeyond(PredictsNaN):
    """Fits, and predicts a finite number whose square is not."""

    far = 1e300

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.far)


class PredictsAbsurdly(PredictsFarBeyond):
    """Fits, and predicts a number that can be squared once."""

    far = 1e60


class NeedsRows(LinearRegression):
    """Diverges where there are few rows."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> NeedsRows:
        super().fit(X, y)
        self.intercept_ = np.inf if len(X) < 10 else self.intercept_
        return self


class NeedsUsualRows(DecisionTreeRegressor):
    """Predicts below zero where the two features do not go together."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.where(X["one"] == X["same"], super().predict(X), -1.0)


class Problem:
    """The numbers of the small problem, split, with a way to build a candidate for them."""

    def __init__(self, table: pd.DataFrame, contract: Contract):
        self.contract = Contract(columns={name: contract.columns[name] for name in ("Area", "Cellar", "Price")})
        self.X, self.y = canonical_frame(table, self.contract), table["Price"]
        self.parts: Parts = split_rows(len(table), Split(folds=2, repeats=2))

    def build(self, estimator: str = LINEAR, transform: str = "none", **parameters: Any) -> Pipeline:
        candidate = Candidate(estimator=estimator, parameters=parameters)
        return build_pipeline("mine", candidate, Design(self.contract, transform))

    @property
    def shared(self) -> Shared:
        return Shared(self.X, self.y, self.parts["folds"])

    def cross_validate(self, pipeline: Pipeline, scorers: list[str] = SCORERS) -> Validated:
        return cross_validate(pipeline, self.shared, scorers)

    def curve(self, pipeline: Pipeline, fractions: list[float]) -> diagnose.Curve:
        return learning_curve(pipeline, self.shared, "r2", fractions, 0)


def counting(**parameters: Any) -> Pipeline:
    """A pipeline without preprocessing, whose fits are counted."""
    return Pipeline([("model", CountsFits(**parameters))])


@pytest.fixture
def problem(table: pd.DataFrame, contract: Contract, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Problem:
    monkeypatch.setattr(evaluate, "CACHE", tmp_path)
    monkeypatch.setattr(evaluate, "CORES", 1)
    monkeypatch.setattr(diagnose, "CORES", 1)
    monkeypatch.setattr(CountsFits, "fits", 0)
    return Problem(table, contract)


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (f"{HELPERS}.RaisesInFit", "its fit raised ValueError: this estimator never fits"),
        (f"{HELPERS}.PredictsNaN", "predicted NaN or infinity for 24 of 24 rows"),
        (f"{__name__}.PredictsInfinity", "infinity"),
        (f"{__name__}.PredictsFarBeyond", "predicted beyond 1e+100 for 24 of 24 rows"),
        (f"{__name__}.PredictsAbsurdly", "its predictions cannot be scored: r2 is -8.36262e+119"),
        (f"{__name__}.RaisesInPredict", "this estimator never predicts"),
        ("sklearn.linear_model.LogisticRegression", "its fit raised ValueError: Unknown label type"),
    ],
)
def test_a_candidate_that_goes_wrong_is_a_failed_trial(problem: Problem, estimator: str, reason: str):
    trial = try_candidate(problem.build(estimator), problem.X, problem.y, problem.parts, SCORERS)

    assert reason in trial.failed
    assert (trial.folds, trial.model) == (Validated(), b"")


def test_predictions_that_the_metric_cannot_score_are_a_failed_trial(problem: Problem):
    problem.y -= problem.y.mean()

    trial = try_candidate(problem.build(), problem.X, problem.y, problem.parts, ["neg_root_mean_squared_log_error"])

    assert trial.failed.startswith("its predictions cannot be scored: ")


def test_a_sound_candidate_has_scores_predictions_and_a_model(problem: Problem):
    trial = try_candidate(problem.build(), problem.X, problem.y, problem.parts, SCORERS)

    assert trial.failed is None
    assert {name: len(scores) for name, scores in trial.folds.scores.items()} == dict.fromkeys(SCORERS, 4)
    assert [len(predicted) for predicted in trial.folds.predicted] == [24] * 4
    assert np.isfinite(pickle.loads(trial.model).predict(problem.X)).all()


def test_the_model_has_not_seen_the_holdout(problem: Problem):
    before = try_candidate(problem.build(), problem.X, problem.y, problem.parts, SCORERS)
    problem.y.iloc[problem.parts["holdout"]] *= 100

    after = try_candidate(problem.build(), problem.X, problem.y, problem.parts, SCORERS)

    assert (after.model, after.folds.scores) == (before.model, before.folds.scores)


def test_a_fold_is_predicted_by_a_pipeline_that_saw_its_fitted_rows_only(problem: Problem):
    """Preprocessing included: a gap is filled with the median of these rows."""
    problem.X.loc[::4, "Cellar"] = np.nan
    done, pipeline = problem.cross_validate(problem.build()), problem.build()

    for number, fold in enumerate(problem.parts["folds"]):
        X, y = problem.X.iloc[fold["score"]], problem.y.iloc[fold["score"]]
        fitted = pipeline.fit(problem.X.iloc[fold["fit"]], problem.y.iloc[fold["fit"]])

        assert done.predicted[number] == fitted.predict(X).tolist()
        assert {name: done.scores[name][number] for name in SCORERS} == score(fitted, X, y, SCORERS)


def test_the_same_fit_is_not_done_twice(problem: Problem):
    first = problem.cross_validate(counting())
    second = problem.cross_validate(counting())

    assert CountsFits.fits == len(problem.parts["folds"])
    assert second == first


def test_the_order_of_the_scorers_fits_nothing_again(problem: Problem):
    problem.cross_validate(counting())
    problem.cross_validate(counting(), SCORERS[::-1])

    assert CountsFits.fits == len(problem.parts["folds"])


@pytest.mark.parametrize("what", ["parameters", "data", "target", "folds", "code"])
def test_a_change_of_anything_that_decides_fits_again(problem: Problem, monkeypatch: pytest.MonkeyPatch, what: str):
    problem.cross_validate(counting())
    changes = {
        "data": lambda: problem.X.__setitem__("Area", problem.X["Area"] + 1),
        "target": lambda: problem.y.__iadd__(1),
        "folds": lambda: problem.parts["folds"].reverse(),
        "code": lambda: monkeypatch.setattr(evaluate, "CODE", "0" * 64),
        "parameters": lambda: None,
    }
    changes[what]()

    problem.cross_validate(counting(positive=what == "parameters"))

    assert CountsFits.fits == 2 * len(problem.parts["folds"])


def test_equal_fits_are_equal_bytes(problem: Problem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    forest = problem.build("sklearn.ensemble.RandomForestRegressor", n_estimators=3)
    first, _ = fit(forest, problem.X, problem.y)
    monkeypatch.setattr(evaluate, "CACHE", tmp_path / "other")

    second, _ = fit(unfitted(forest), problem.X, problem.y)

    assert second == first


def test_a_learning_curve_has_growing_sizes_and_a_score_for_each_fold_of_one_repeat(problem: Problem):
    curve = problem.curve(counting(), [1.0, 0.25, 0.5])

    assert curve.rows == [6, 12, 24]
    assert [len(scores) for scores in curve.scores] == [2, 2, 2]


def test_a_learning_curve_ends_with_the_scores_of_the_cross_validation(problem: Problem):
    curve = problem.curve(counting(), [0.5, 1.0])

    assert curve.scores[-1] == problem.cross_validate(counting()).scores["r2"][:2]


def test_a_learning_curve_leaves_out_the_sizes_that_fail_and_says_why(problem: Problem):
    curve = problem.curve(problem.build(f"{__name__}.NeedsRows"), [0.25, 0.5, 1.0])
    whole = problem.curve(problem.build(LINEAR), [0.5, 1.0])

    assert (curve.rows, curve.scores) == (whole.rows, whole.scores)
    assert "infinity" in curve.failed
    assert whole.failed == ""


def test_a_learning_curve_of_which_every_size_fails_is_empty(problem: Problem):
    curve = problem.curve(problem.build(f"{__name__}.PredictsInfinity"), [0.5, 1.0])

    assert (curve.rows, curve.scores) == ([], [])
    assert "infinity" in curve.failed


def test_the_smallest_share_is_still_two_rows(problem: Problem):
    assert problem.curve(counting(), [0.001]).rows == [2]


def test_importance_is_measured_on_rows_that_were_not_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A tree that learns its rows by heart rests on noise, but only where it has seen it."""
    monkeypatch.setattr(evaluate, "CACHE", tmp_path)
    random = np.random.default_rng(0)
    X = pd.DataFrame({"signal": random.normal(size=120), "noise": random.normal(size=120)})
    y = X["signal"] + random.normal(size=120)
    first, second = list(range(60)), list(range(60, 120))
    folds = [{"fit": first, "score": second}, {"fit": second, "score": first}]
    losses = diagnose.importance(DecisionTreeRegressor(random_state=0), Shared(X, y, folds), "r2", seed=0)

    assert list(losses) == ["signal", "noise"]
    assert [len(each) for each in losses.values()] == [2, 2]
    assert np.mean(losses["signal"]) > 0.5
    assert np.mean(losses["noise"]) < 0.3


def test_importance_is_what_a_score_loses_on_average_when_a_feature_is_shuffled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """On a line y = 2 self it is twice the mean distance of two records; what the line does not use costs nothing."""
    monkeypatch.setattr(evaluate, "CACHE", tmp_path)
    random = np.random.default_rng(0)
    X = pd.DataFrame({"self": random.uniform(size=4000), "unused": 1.0, "code": pd.array(["a", None] * 2000, "str")})
    folds = [{"fit": list(range(2000)), "score": list(range(2000, 4000))}]
    line = make_pipeline(make_column_transformer(("passthrough", ["self", "unused"])), LinearRegression())
    losses = diagnose.importance(line, Shared(X, 2 * X["self"], folds), "neg_mean_absolute_error", seed=0)

    assert losses["self"] == pytest.approx([2 / 3], rel=0.03)
    assert losses["unused"] == losses["code"] == pytest.approx([0], abs=1e-12)


def test_importance_is_not_known_where_shuffled_records_cannot_be_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(evaluate, "CACHE", tmp_path)
    numbers = np.random.default_rng(0).uniform(1, 2, size=120)
    X = pd.DataFrame({"one": numbers, "same": numbers})
    folds = [{"fit": list(range(60)), "score": list(range(60, 120))}]

    def importance(model: Any, scorer: str) -> dict[str, list[float]]:
        return diagnose.importance(model, Shared(X, pd.Series(numbers), folds), scorer, seed=0)

    assert importance(NeedsUsualRows(random_state=0), "neg_root_mean_squared_log_error") == {}
    assert importance(PredictsInfinity(), "r2") == {}


def test_a_prediction_that_is_no_number_has_no_score(problem: Problem):
    fitted = problem.build(f"{HELPERS}.PredictsNaN").fit(problem.X, problem.y)

    with pytest.raises(CandidateFailed, match="predicted NaN or infinity for 60 of 60 rows"):
        score(fitted, problem.X, problem.y, SCORERS)
    with pytest.raises(CandidateFailed, match="predicted NaN or infinity for 12 of 12 rows"):
        held_out_predictions(fitted, problem.X, problem.y, range(12))


def test_a_refitted_model_that_cannot_predict_its_own_rows_is_no_bundle(problem: Problem, table: pd.DataFrame):
    fitted = problem.build(f"{HELPERS}.PredictsNaN").fit(problem.X, problem.y)

    with pytest.raises(CandidateFailed, match="predicted NaN or infinity for 60 of 60 rows"):
        draft_bundle(pickle.dumps(fitted), problem.contract, table, {"name": "mine"})


class FailsWithoutTheCellar(LinearRegression):
    """Fits, and predicts no number where the second feature is as it was imputed."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.where(X[:, 1] == 450.5, np.nan, super().predict(X))


def test_a_record_without_a_finite_answer_is_no_golden_request(problem: Problem, table: pd.DataFrame):
    table["Cellar"] = [450.25, 450.75] * 30
    X = canonical_frame(table, problem.contract)
    fitted = problem.build(f"{__name__}.FailsWithoutTheCellar").fit(X, problem.y)
    golden = golden_requests(fitted, problem.contract, table)["requests"]

    assert len(golden) == 5
    assert all("Cellar" in request["record"] for request in golden)


class PredictsNoEnd(PredictsNaN):
    """Fits, and predicts the exponent of more than there is, or of next to nothing."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(X)) % 2, 1e4, -1e4)


def test_a_limit_hides_no_model_that_diverges_and_cuts_off_what_no_target_can_be(problem: Problem):
    price = problem.contract.columns["Price"].model_copy(update={"minimum": 50_000.0, "maximum": 300_000.0})
    problem.contract = Contract(columns=problem.contract.columns | {"Price": price})
    problem.y = problem.y.clip(50_000, 300_000)
    diverging = problem.build(f"{__name__}.PredictsNoEnd", "log")
    fitted = diverging.fit(problem.X, problem.y)
    sound = problem.build().fit(problem.X, problem.y)
    far = problem.X.assign(Area=np.where(np.arange(60) % 2, 1e6, -1e6))

    with np.errstate(over="ignore"):
        assert set(fitted.predict(problem.X)) == {50_000.0, 300_000.0}
    with pytest.raises(CandidateFailed, match="predicted NaN or infinity for 30 of 60 rows"):
        predict(fitted, problem.X)
    assert "infinity" in try_candidate(diverging, problem.X, problem.y, problem.parts, SCORERS).failed
    assert set(predict(sound, far)) == {50_000.0, 300_000.0}
    assert predict(sound, problem.X).tolist() == sound.predict(problem.X).tolist()
    assert set(pickle.loads(pickle.dumps(sound)).predict(far)) == {50_000.0, 300_000.0}

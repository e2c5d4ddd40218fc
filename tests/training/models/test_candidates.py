"""From a few lines of conf/ to an unfitted pipeline, and what is said of lines that name nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression

from modelbundle.frame import canonical_frame
from training.config.recipe import Candidate
from training.models.candidates import Design, build_pipeline
from training.problems import ConfigProblem

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from modelbundle.contract import Contract


class Constant(RegressorMixin, BaseEstimator):
    """A class of somebody's own."""

    def __init__(self, value: float = 0.0):
        self.value = value

    def fit(self, X: np.ndarray, y: np.ndarray) -> Constant:
        self.fitted_ = True
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.value)


class TakesKeywords(Constant):
    """Names one parameter and takes others as keywords, as XGBRegressor does."""

    def __init__(self, *, value: float = 0.0, **kwargs: Any):
        super().__init__(value)
        self.kwargs = kwargs


class LacksGetParams:
    """Looks like an estimator at first sight."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> None: ...

    def predict(self, X: np.ndarray) -> None: ...


def build(contract: Contract, estimator: str, transform: str = "none", seed: int = 0, **parameters: Any) -> Pipeline:
    candidate = Candidate(estimator=estimator, parameters=parameters)
    return build_pipeline("mine", candidate, Design(contract, transform, seed))


def regressor(pipeline: Pipeline) -> Any:
    return pipeline["model"].regressor


def test_parameters_reach_the_estimator(contract: Contract):
    svr = regressor(build(contract, "sklearn.svm.SVR", C=3.5, gamma=0.1))

    assert (svr.C, svr.gamma) == (3.5, 0.1)


def test_any_class_may_be_named_by_its_dotted_path(contract: Contract):
    assert isinstance(regressor(build(contract, f"{__name__}.Constant", value=2.0)), Constant)


def test_a_class_that_takes_keywords_is_given_them(contract: Contract):
    assert regressor(build(contract, f"{__name__}.TakesKeywords", depth=3)).kwargs == {"depth": 3}


def test_the_seed_is_given_to_what_draws_at_random(contract: Contract):
    forest = "sklearn.ensemble.RandomForestRegressor"

    assert regressor(build(contract, forest, seed=7)).random_state == 7
    assert regressor(build(contract, forest, seed=7, random_state=1)).random_state == 1


def test_the_model_sees_a_standardised_target(contract: Contract, table: pd.DataFrame):
    """Predicting 0 is then predicting the mean, and 1 is one standard deviation more."""
    X, y = canonical_frame(table, contract), table["Price"]

    means = build(contract, f"{__name__}.Constant").fit(X, y).predict(X)
    higher = build(contract, f"{__name__}.Constant", value=1.0).fit(X, y).predict(X)

    assert means == pytest.approx(np.full(60, y.mean()))
    assert higher == pytest.approx(np.full(60, y.mean() + y.std(ddof=0)))


def test_a_log_target_is_predicted_in_its_own_unit_and_never_negative(contract: Contract, table: pd.DataFrame):
    X, y = canonical_frame(table, contract), table["Price"]

    geometric = build(contract, f"{__name__}.Constant", "log").fit(X, y).predict(X)
    lowest = build(contract, f"{__name__}.Constant", "log", value=-50.0).fit(X, y).predict(X)

    assert geometric == pytest.approx(np.full(60, np.exp(np.log(y).mean())))
    assert (lowest > 0).all()


def test_the_preprocessing_is_the_first_step(contract: Contract, table: pd.DataFrame):
    """So that it is fitted inside each fold; the bundle takes it out by its name."""
    pipeline = build(contract, "sklearn.linear_model.LinearRegression")
    X = canonical_frame(table, contract)
    fitted = pipeline.fit(X, table["Price"])

    recomposed = fitted["model"].predict(fitted["preprocess"].transform(X))

    assert list(pipeline.named_steps) == ["preprocess", "model"]
    assert isinstance(regressor(pipeline), LinearRegression)
    assert recomposed.tolist() == fitted.predict(X).tolist()


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        ("sklearn.linear_model.Rigde", "mine.estimator: there is no sklearn.linear_model.Rigde"),
        ("sklearn.linear.Ridge", "there is no sklearn.linear.Ridge (No module named 'sklearn.linear')"),
        ("xgbost.XGBRegressor", "Give the dotted path of a scikit-learn-compatible regressor, such as"),
        ("sklearn.linear_model.ridge_regression", "ridge_regression is no class with fit and predict"),
        ("sklearn.preprocessing.StandardScaler", "StandardScaler is no class with fit and predict"),
        (f"{__name__}.LacksGetParams", "LacksGetParams lacks get_params; derive it from BaseEstimator"),
    ],
)
def test_a_class_that_cannot_be_a_candidate_is_named(contract: Contract, estimator: str, message: str):
    with pytest.raises(ConfigProblem) as refused:
        build(contract, estimator)

    assert message in str(refused.value)


def test_an_unknown_parameter_is_named_with_those_that_are_allowed(contract: Contract):
    with pytest.raises(ConfigProblem, match=r"candidates.mine.parameters: SVR has no parameter c; it has kernel, .*C"):
        build(contract, "sklearn.svm.SVR", c=1.0)


def test_a_parameter_that_the_class_needs_is_named(contract: Contract):
    with pytest.raises(ConfigProblem, match=r"candidates.mine.*estimators"):
        build(contract, "sklearn.ensemble.StackingRegressor")

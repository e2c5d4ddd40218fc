"""From a few lines of conf/ to an unfitted pipeline: preprocessing, then a model of the (log) target."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from training.preprocess import build_preprocessing
from training.problems import ConfigProblem

if TYPE_CHECKING:
    from modelbundle.contract import Contract
    from training.conf import Candidate


def build_pipeline(name: str, candidate: Candidate, contract: Contract, target_transform: str, seed: int) -> Pipeline:
    """Build one candidate: a pipeline that takes a frame of features and predicts in the target's unit.

    The model sees a standardised target (of the logarithm, where so configured), so that parameters such as SVR's C
    mean the same on any data. Raises ConfigProblem if the class or its parameters do not exist.
    """
    to_model = [("log", FunctionTransformer(np.log, np.exp))] if target_transform == "log" else []
    model = TransformedTargetRegressor(
        regressor=_estimator(name, candidate, seed),
        transformer=Pipeline([*to_model, ("standardise", StandardScaler())]),
    )
    return Pipeline([("preprocess", build_preprocessing(candidate.preprocessing, contract)), ("model", model)])


def _estimator(name: str, candidate: Candidate, seed: int) -> Any:
    where = f"candidates.{name}"
    module_name, class_name = candidate.estimator.rsplit(".", 1)
    try:
        estimator_class = getattr(import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise ConfigProblem(
            f"{where}.estimator: there is no {candidate.estimator} ({error}). "
            "Give the dotted path of a scikit-learn-compatible regressor, such as sklearn.linear_model.Ridge"
        ) from None
    if not (inspect.isclass(estimator_class) and all(hasattr(estimator_class, it) for it in ("fit", "predict"))):
        raise ConfigProblem(f"{where}.estimator: {candidate.estimator} is no class with fit and predict")
    if not hasattr(estimator_class, "get_params"):
        raise ConfigProblem(f"{where}.estimator: {candidate.estimator} lacks get_params; derive it from BaseEstimator")
    signature = inspect.signature(estimator_class).parameters.values()
    allowed = [it.name for it in signature if it.kind not in (it.VAR_POSITIONAL, it.VAR_KEYWORD)]
    open_ended = any(it.kind == it.VAR_KEYWORD for it in signature)
    unknown = [key for key in candidate.parameters if key not in allowed]
    if unknown and not open_ended:
        raise ConfigProblem(
            f"{where}.parameters: {class_name} has no parameter {unknown[0]}; it has {', '.join(allowed)}"
        )
    random = {"random_state": seed} if "random_state" in allowed else {}
    try:
        return estimator_class(**(random | candidate.parameters))
    except (TypeError, ValueError) as error:
        raise ConfigProblem(f"{where}.parameters: {class_name} cannot be made of them: {error}") from None

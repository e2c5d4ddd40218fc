"""From a few lines of conf/ to an unfitted pipeline: preprocessing, then a model of the (log) target."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from training.finite import LIMITS
from training.models.preprocess import build_preprocessing, build_reading, build_shaping
from training.problems import ConfigProblem

if TYPE_CHECKING:
    from modelbundle.contract import Contract
    from training.config.recipe import Candidate, Engineered


@dataclass(frozen=True)
class Design:
    """What the pipelines of all candidates share, as conf/ says it; target_transform is none or log."""

    contract: Contract
    target_transform: str = "none"
    seed: int = 0
    engineered: Mapping[str, Engineered] = field(default_factory=dict)


def build_pipeline(
    name: str, candidate: Candidate, design: Design, members: Mapping[str, Candidate] | None = None
) -> Pipeline:
    """Build one candidate: a pipeline that takes a frame of features and predicts in the target's unit.

    The model sees a standardised target (of the logarithm, where so configured), so that parameters such as SVR's C
    mean the same on any data, and a blend averages its members on that scale. What it predicts keeps to the target's
    limits in the contract.
    members: those of a blend, by name.
    Raises ConfigProblem if a class or its parameters do not exist.
    """
    contract, engineered = design.contract, design.engineered
    if members:
        before = build_reading(contract, engineered)
        model = _blend(candidate.members, members, design)
    else:
        before = build_preprocessing(candidate.preprocessing, contract, engineered)
        model = _estimator(name, candidate, design.seed)
    to_model = [("log", FunctionTransformer(np.log, np.exp))] if design.target_transform == "log" else []
    transformer = Pipeline([*_limits(contract), *to_model, ("standardise", StandardScaler())])
    # check_inverse=False: clipping at the limits cannot be undone, but validation lets no target outside them through
    to_target = TransformedTargetRegressor(model, transformer=transformer, check_inverse=False)
    return Pipeline([("preprocess", before), ("model", to_target)])


def _limits(contract: Contract) -> list[tuple[str, FunctionTransformer]]:
    """A step that leaves targets alone and clips predictions to the target's limits; none without limits."""
    low, high = contract.columns[contract.target].minimum, contract.columns[contract.target].maximum
    if low is None and high is None:
        return []
    return [(LIMITS, FunctionTransformer(inverse_func=np.clip, inv_kw_args={"a_min": low, "a_max": high}))]


def builder(name: str, design: Design) -> Callable[[Candidate], Pipeline]:
    """Make a function that builds the pipeline of a candidate with changed parameters, for a search."""
    return lambda candidate: build_pipeline(name, candidate, design)


def with_parameters(
    candidates: Mapping[str, Candidate], found: Mapping[str, Mapping[str, Any]]
) -> dict[str, Candidate]:
    """The candidates that may join a blend, with the parameters that were found for them."""
    return {
        name: candidate.model_copy(update={"parameters": candidate.parameters | dict(found.get(name, {}))})
        for name, candidate in candidates.items()
        if candidate.estimator and not candidate.baseline
    }


def _blend(names: Sequence[str], members: Mapping[str, Candidate], design: Design) -> VotingRegressor:
    """Average the members' predictions; one that is named twice counts twice.

    Those with the same preprocessing stand in one group, so that it runs once.
    """
    groups: dict[str, dict[str, int]] = {}
    for name, weight in Counter(names).items():
        groups.setdefault(members[name].preprocessing, {})[name] = weight
    parts = []
    for variant, group in groups.items():
        estimators = [(name, _estimator(name, members[name], design.seed)) for name in group]
        shaping = build_shaping(variant, design.contract, design.engineered)
        model = VotingRegressor(estimators, weights=list(group.values()))
        parts.append((variant, Pipeline([("shape", shaping), ("model", model)])))
    return VotingRegressor(parts, weights=[sum(group.values()) for group in groups.values()])


def _estimator(name: str, candidate: Candidate, seed: int) -> Any:
    where = f"candidates.{name}"
    own = {key: value for key, value in candidate.parameters.items() if "__" not in key}
    nested = {key: value for key, value in candidate.parameters.items() if "__" in key}
    estimator = _made(where, candidate.estimator, own, seed)
    try:
        return estimator.set_params(**nested)
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigProblem(f"{where}.parameters: {', '.join(nested)} cannot be set: {error}") from None


def _made(where: str, path: str, parameters: Mapping[str, Any], seed: int) -> Any:
    estimator_class = _class(f"{where}.estimator", path)
    if not all(hasattr(estimator_class, method) for method in ("fit", "predict")):
        raise ConfigProblem(f"{where}.estimator: {path} is no class with fit and predict")
    if not hasattr(estimator_class, "get_params"):
        raise ConfigProblem(f"{where}.estimator: {path} lacks get_params; derive it from BaseEstimator")
    random = {"random_state": seed} if "random_state" in _allowed(estimator_class)[0] else {}
    return _call(f"{where}.parameters", estimator_class, random | dict(parameters))


def _call(where: str, made: Any, parameters: Mapping[str, Any]) -> Any:
    """Make an object of a class; a parameter that is a mapping with a `class` is an object itself, such as a kernel."""
    allowed, open_ended = _allowed(made)
    unknown = [key for key in parameters if key not in allowed]
    if unknown and not open_ended:
        raise ConfigProblem(f"{where}: {made.__name__} has no parameter {unknown[0]}; it has {', '.join(allowed)}")
    values = {key: _value(f"{where}.{key}", value) for key, value in parameters.items()}
    try:
        return made(**values)
    except (TypeError, ValueError) as error:
        raise ConfigProblem(f"{where}: {made.__name__} cannot be made of them: {error}") from None


def _value(where: str, value: Any) -> Any:
    if not isinstance(value, dict) or "class" not in value:
        return value
    rest = {key: item for key, item in value.items() if key != "class"}
    return _call(where, _class(f"{where}.class", value["class"]), rest)


def _allowed(made: Any) -> tuple[list[str], bool]:
    """Names of the parameters that a class takes, and whether it takes any others too."""
    signature = inspect.signature(made).parameters.values()
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    allowed = [parameter.name for parameter in signature if parameter.kind not in variable]
    return allowed, any(parameter.kind == variable[1] for parameter in signature)


def _class(where: str, path: str) -> Any:
    module_name, _, class_name = str(path).rpartition(".")
    try:
        found = getattr(import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigProblem(
            f"{where}: there is no {path} ({error}). "
            "Give the dotted path of a scikit-learn-compatible regressor, such as sklearn.linear_model.Ridge"
        ) from None
    if not inspect.isclass(found):
        raise ConfigProblem(f"{where}: {path} is no class with fit and predict")
    return found

"""From a fitted pipeline to a plan: what the stock transformers and models in use have learned, as plain arrays.

What a plan cannot express is served by the pickle; so is what a plan would answer differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.pipeline import Pipeline

from training.bundle import plan_parts, plan_trees
from training.bundle.plan_parts import AROUND_POINTS, Node, NotPlannable, describe_step, without_bases
from training.finite import LIMITS

if TYPE_CHECKING:
    from modelbundle.contract import Contract


NEVER_SEEN = "\0never seen"
MODELS = plan_parts.MODELS | plan_trees.MODELS


def describe(pipeline: Pipeline, contract: Contract) -> Node:
    """Describe a fitted pipeline, as candidates.build_pipeline makes them, for modelbundle.plan.write_plan.

    Raises NotPlannable.
    """
    try:
        before, model = pipeline["preprocess"], pipeline["model"]
        if type(model) is not TransformedTargetRegressor:
            raise NotPlannable(f"{type(model).__name__} is no model that a plan can express")
        reading = _reading(before["read"] if "read" in before.named_steps else before, contract)
        numbers = sum(len(reading[part]) for part in ("numbers", "lookups", "products"))
        shape = before["shape"] if "shape" in before.named_steps else "passthrough"
        back = model.transformer_.named_steps
        scaler = back["standardise"]
        target = {"mean": float(scaler.mean_[0]), "scale": float(scaler.scale_[0]), "log": "log" in back}
        if LIMITS in back:
            target |= {"low": back[LIMITS].inv_kw_args["a_min"], "high": back[LIMITS].inv_kw_args["a_max"]}
        inner = _shaped(shape, model.regressor_, numbers)
        return {"read": reading, "model": {"kind": "target", "model": inner, **target}}
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise NotPlannable(f"it is not built as a plan expects: {error!r}") from error


def _reading(read: Pipeline, contract: Contract) -> Node:
    cells, products = read["cells"], read["products"]
    fitted = cells.named_transformers_
    lookups = [
        _lookup(fitted[name], columns[0])
        for name, _, columns in cells.transformers_
        if name not in ("numbers", "categories", "remainder")
    ]
    categories = _categories(fitted["categories"], contract.categorical) if contract.categorical else []
    return {
        "numbers": contract.numeric,
        "fill": fitted["numbers"]["impute"].statistics_.tolist() if contract.numeric else [],
        "lookups": lookups,
        "products": _products(products),
        "categories": categories,
        "columns": len(fitted["categories"]["one_hot"].get_feature_names_out()) if contract.categorical else 0,
    }


def _lookup(steps: Pipeline, feature: str) -> Node:
    numbers = steps["number"].kw_args["func"].__self__  # the `get` of a dictionary
    fill = float(steps["impute"].statistics_[0])
    return {"feature": feature, "numbers": {key: float(value) for key, value in numbers.items()}, "fill": fill}


def _products(step: ColumnTransformer | str) -> list[list[int]]:
    if step == "passthrough":
        return []
    (_, _, numbers), *products, (_, _, categories) = [each for each in step.transformers_ if each[0] != "remainder"]
    if (numbers.start, numbers.stop) != (0, categories.start):
        raise NotPlannable("its products do not stand between numbers and categories")
    return [[int(column) for column in columns] for _, _, columns in products]


def _categories(steps: Pipeline, features: list[str]) -> list[Node]:
    """Ask the fitted encoder which column each known category gets, a missing one and one that it never saw."""
    known = {name: list(values) for name, values in zip(features, steps["one_hot"].categories_, strict=True)}
    names = steps["one_hot"].get_feature_names_out([f"{number}|" for number in range(len(features))])
    described = []
    for number, (name, values) in enumerate(known.items()):
        own = np.array([each.startswith(f"{number}|_") for each in names])
        asked = pd.DataFrame({other: [known[other][0]] * (len(values) + 2) for other in features}, dtype=object)
        asked[name] = pd.Series([*values, np.nan, NEVER_SEEN], dtype=object)
        codes = steps.transform(asked) * own
        if not np.isin(codes.sum(axis=1), (0.0, 1.0)).all():
            raise NotPlannable(f"a category of {name} stands for several columns")
        *columns, missing, other = [int(row.argmax()) if row.any() else None for row in codes]
        found = dict(zip(map(str, values), columns, strict=True))
        described.append({"feature": name, "columns": found, "missing": missing, "other": other})
    return described


def _shaped(shape: Any, model: Any, numbers: int) -> Node:
    """Describe a model of a matrix that is reshaped first; numbers: how many columns stand before the categories."""
    if shape == "passthrough":
        return _model(model, numbers)
    (_, steps, columns), *_ = shape.transformers_
    described = [node for step in steps.named_steps.values() for node in describe_step(step)]
    bent = shape.output_indices_["numbers"].stop
    described, inner = without_bases(described, _model(model, bent), bent)
    return {"kind": "shaped", "columns": columns.stop, "steps": described, "model": inner}


def _model(model: Any, numbers: int) -> Node:
    if type(model) is Pipeline:
        return _shaped(model["shape"], model["model"], numbers)
    if type(model) is VotingRegressor:
        return _average([_model(each, numbers) for each in model.estimators_], model.weights)
    if type(model) in AROUND_POINTS:
        return AROUND_POINTS[type(model)](model, numbers)
    if type(model) not in MODELS:
        raise NotPlannable(f"{type(model).__name__} is no model that a plan can express")
    return MODELS[type(model)](model)


def _average(parts: list[Node], weights: list[float] | None) -> Node:
    weights = [1.0] * len(parts) if weights is None else [float(weight) for weight in weights]
    return parts[0] if len(parts) == 1 else {"kind": "average", "weights": weights, "models": parts}

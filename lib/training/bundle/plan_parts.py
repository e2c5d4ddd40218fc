"""The parts of a plan: what each stock transformer, and each model but for trees, has learned, as plain arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.interpolate import PPoly
from sklearn.dummy import DummyRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.preprocessing import PowerTransformer, QuantileTransformer, SplineTransformer, StandardScaler
from sklearn.svm import SVR

Node = dict[str, Any]


class NotPlannable(Exception):
    """A part of the pipeline that a plan cannot express, in one sentence."""


def describe_step(step: Any) -> list[Node]:
    """Describe a fitted transformer of numbers; raises NotPlannable."""
    needed, described = STEPS.get(type(step), ({}, None))
    if described is None or any(getattr(step, name) != value for name, value in needed.items()):
        raise NotPlannable(f"{type(step).__name__} is no step that a plan can express")
    return described(step)


def _yeo_johnson(step: PowerTransformer) -> list[Node]:
    bent = {"kind": "yeo_johnson", "powers": np.asarray(step.lambdas_, dtype=float)}
    return [bent, *(describe_step(step._scaler) if step.standardize else [])]


def _standardise(step: StandardScaler) -> list[Node]:
    return [{"kind": "standardise", "mean": step.mean_, "scale": step.scale_}]


def _ranks(step: QuantileTransformer) -> list[Node]:
    """Between distinct quantiles a straight line; a value that is several quantiles gets the middle of their ranks."""
    ranks, most = step.references_, max(len(np.unique(column)) for column in step.quantiles_.T)
    filled = {name: [] for name in ("levels", "start", "slope", "rank")}
    for column in step.quantiles_.T:
        levels, first, counts = np.unique(column, return_index=True, return_counts=True)
        last = first + counts - 1
        slope = np.append((ranks[first[1:]] - ranks[last[:-1]]) / np.diff(levels), 0.0)
        rank = (ranks[first] + ranks[last]) / 2
        rank[-1], rank[0] = 1.0, 0.0  # whatever stands there several times
        padded = zip(filled.values(), (levels, ranks[last], slope, rank), (np.inf, 0.0, 0.0, 0.0), strict=True)
        for rows, values, filler in padded:
            rows.append(np.concatenate([values, np.full(most - len(values), filler)]))
    high = step.quantiles_[-1]
    return [{"kind": "ranks", "high": high, **{name: np.array(rows) for name, rows in filled.items()}}]


def _splines(step: SplineTransformer) -> list[Node]:
    degree, knots, pieces = step.degree, [], []
    for spline in step.bsplines_:
        inside = slice(degree, len(spline.t) - degree)
        bases = [PPoly.from_spline((spline.t, basis, degree)).c[:, inside][:, :-1] for basis in spline.c.T]
        knots.append(spline.t[inside])
        pieces.append(np.stack(bases, axis=-1).transpose(1, 0, 2))  # intervals, powers from the highest, bases
    return [{"kind": "splines", "knots": np.array(knots), "pieces": np.array(pieces)}]


# What a plan can express: with which settings, and what describes it.
STEPS: dict[type, tuple[dict[str, Any], Callable[[Any], list[Node]]]] = {
    PowerTransformer: ({"method": "yeo-johnson"}, _yeo_johnson),
    StandardScaler: ({"with_mean": True, "with_std": True}, _standardise),
    QuantileTransformer: ({"output_distribution": "uniform"}, _ranks),
    SplineTransformer: ({"extrapolation": "constant", "include_bias": True}, _splines),
}


def without_bases(steps: list[Node], model: Node, columns: int) -> tuple[list[Node], Node]:
    """Put the spline bases that a linear model weighs together: what they are of a number is then one polynomial.

    columns: how many the numbers become by the steps. Gives steps and model that predict the same, up to rounding.
    """
    if model["kind"] != "linear" or [step["kind"] for step in steps[-2:]] != ["splines", "standardise"]:
        return steps, model
    *first, splines, scaled = steps
    knots, pieces = splines["knots"], splines["pieces"]
    weights = model["coefficients"][:columns] / scaled["scale"]
    bent = (pieces * weights.reshape(len(knots), 1, 1, -1)).sum(axis=3, keepdims=True)
    return [*first, {"kind": "splines", "knots": knots, "pieces": bent}], {
        "kind": "linear",
        "coefficients": np.concatenate([np.ones(len(knots)), model["coefficients"][columns:]]),
        "intercept": float(model["intercept"] - weights @ scaled["mean"]),
    }


def _linear(model: LinearRegression | Ridge) -> Node:
    return {
        "kind": "linear",
        "coefficients": np.asarray(model.coef_, dtype=float).ravel(),
        "intercept": float(np.ravel(model.intercept_)[0]),
    }


def _svr(model: SVR, numbers: int) -> Node:
    if model.kernel != "rbf":
        raise NotPlannable(f"SVR with the kernel {model.kernel!r} is no model that a plan can express")
    weights, points = model.dual_coef_.ravel(), np.ascontiguousarray(model.support_vectors_)
    gamma, intercept = float(model._gamma), float(model.intercept_[0])
    shared = {"points": points, "weights": weights, "intercept": intercept, "numbers": numbers}
    return {"kind": "rbf", "gamma": gamma, **shared}


def _gaussian_process(model: GaussianProcessRegressor, numbers: int) -> Node:
    kernel, (scale,), (mean,) = model.kernel_, np.ravel(model._y_train_std), np.ravel(model._y_train_mean)
    points, weights = np.ascontiguousarray(model.X_train_), model.alpha_.ravel() * scale
    shared = {"points": points, "weights": weights, "intercept": float(mean), "numbers": numbers}
    if type(kernel) is RBF and np.ndim(kernel.length_scale) == 0:
        return {"kind": "rbf", "gamma": 0.5 / float(kernel.length_scale) ** 2, **shared}
    if type(kernel) is Matern and np.ndim(kernel.length_scale) == 0 and kernel.nu in (0.5, 1.5, 2.5):
        own = {"smoothness": kernel.nu, "length_scale": float(kernel.length_scale)}
        return {"kind": "matern", **own, **shared}
    raise NotPlannable(f"a Gaussian process with the kernel {kernel} is no model that a plan can express")


# Kernels around points; these are asked with how many columns are numbers, and stand before those of categories.
AROUND_POINTS = {SVR: _svr, GaussianProcessRegressor: _gaussian_process}
MODELS = {
    LinearRegression: _linear,
    Ridge: _linear,
    DummyRegressor: lambda model: {"kind": "constant", "value": float(np.ravel(model.constant_)[0])},
}

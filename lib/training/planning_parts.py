"""The parts of a plan: what each stock transformer and model has learned, as plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.interpolate import PPoly
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
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
    if type(step) is PowerTransformer and step.method == "yeo-johnson":
        bent = {"kind": "yeo_johnson", "powers": np.asarray(step.lambdas_, dtype=float)}
        return [bent, *(describe_step(step._scaler) if step.standardize else [])]
    if type(step) is StandardScaler and step.with_mean and step.with_std:
        return [{"kind": "standardise", "mean": step.mean_, "scale": step.scale_}]
    if type(step) is QuantileTransformer and step.output_distribution == "uniform":
        return [_ranks(step)]
    if type(step) is SplineTransformer and step.extrapolation == "constant" and step.include_bias:
        return [_splines(step)]
    raise NotPlannable(f"{type(step).__name__} is no step that a plan can express")


def _ranks(step: QuantileTransformer) -> Node:
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
    return {"kind": "ranks", "high": high, **{name: np.array(rows) for name, rows in filled.items()}}


def _splines(step: SplineTransformer) -> Node:
    degree, knots, pieces = step.degree, [], []
    for spline in step.bsplines_:
        inside = slice(degree, len(spline.t) - degree)
        bases = [PPoly.from_spline((spline.t, basis, degree)).c[:, inside][:, :-1] for basis in spline.c.T]
        knots.append(spline.t[inside])
        pieces.append(np.stack(bases, axis=-1).transpose(1, 0, 2))  # intervals, powers from the highest, bases
    return {"kind": "splines", "knots": np.array(knots), "pieces": np.array(pieces)}


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


def _svr(model: SVR) -> Node:
    if model.kernel != "rbf":
        raise NotPlannable(f"SVR with the kernel {model.kernel!r} is no model that a plan can express")
    weights, points = model.dual_coef_.ravel(), np.ascontiguousarray(model.support_vectors_)
    gamma, intercept = float(model._gamma), float(model.intercept_[0])
    return {"kind": "rbf", "points": points, "weights": weights, "gamma": gamma, "intercept": intercept}


def describe_gaussian_process(model: GaussianProcessRegressor, numbers: int) -> Node:
    """Describe a Gaussian process; numbers: how many columns stand before those of categories, which are 0 or 1."""
    kernel, (scale,), (mean,) = model.kernel_, np.ravel(model._y_train_std), np.ravel(model._y_train_mean)
    points, weights = np.ascontiguousarray(model.X_train_), model.alpha_.ravel() * scale
    shared = {"points": points, "weights": weights, "intercept": float(mean)}
    if type(kernel) is RBF and np.ndim(kernel.length_scale) == 0:
        return {"kind": "rbf", "gamma": 0.5 / float(kernel.length_scale) ** 2, **shared}
    if type(kernel) is Matern and np.ndim(kernel.length_scale) == 0 and kernel.nu in (0.5, 1.5, 2.5):
        own = {"smoothness": kernel.nu, "length_scale": float(kernel.length_scale), "numbers": numbers}
        return {"kind": "matern", **own, **shared}
    raise NotPlannable(f"a Gaussian process with the kernel {kernel} is no model that a plan can express")


def _forest(model: RandomForestRegressor | ExtraTreesRegressor) -> Node:
    return _trees(
        [_binary_tree(each.tree_) for each in model.estimators_], 1 / len(model.estimators_), 0.0, single=True
    )


def _boosting(model: GradientBoostingRegressor) -> Node:
    if type(model.init_) is not DummyRegressor:
        raise NotPlannable("gradient boosting that starts from a model of its own cannot be expressed")
    trees = [_binary_tree(each.tree_) for each in model.estimators_.ravel()]
    return _trees(trees, model.learning_rate, float(np.ravel(model.init_.constant_)[0]), single=True)


def _hist_boosting(model: HistGradientBoostingRegressor) -> Node:
    trees = []
    for (predictor,) in model._predictors:
        nodes = predictor.nodes
        if nodes["is_categorical"].any():
            raise NotPlannable("boosting that splits by category cannot be expressed")
        leaf = nodes["is_leaf"].astype(bool)
        children = (np.where(leaf, -1, nodes["left"].astype(int)), np.where(leaf, -1, nodes["right"].astype(int)))
        trees.append((*children, nodes["feature_idx"], nodes["num_threshold"], nodes["value"]))
    if model.loss not in ("squared_error", "absolute_error", "quantile"):
        raise NotPlannable(f"boosting with the loss {model.loss!r} cannot be expressed")
    return _trees(trees, 1.0, float(np.ravel(model._baseline_prediction)[0]), single=False)


def _binary_tree(tree: Any) -> tuple[np.ndarray, ...]:
    return tree.children_left, tree.children_right, tree.feature, tree.threshold, tree.value[:, 0, 0]


def _trees(trees: list[tuple[np.ndarray, ...]], scale: float, base: float, *, single: bool) -> Node:
    """Put trees one behind the other, each renumbered so that the two children of a node are neighbours.

    What is asked next lies close by, in the same line of the processor's cache: a node's children follow it, the one
    with the larger subtree first.
    """
    features, thresholds, children, values, roots, deepest = [], [], [], [], [], 0
    for left, right, feature, threshold, value in trees:
        sizes = np.ones(len(left), dtype=int)
        for node in reversed(range(len(left))):  # a parent stands before its children
            if left[node] >= 0:
                sizes[node] += sizes[left[node]] + sizes[right[node]]
        roots.append(len(features))
        order, place, waiting = [0], {0: roots[-1]}, [(0, 0)]
        while waiting:
            node, depth = waiting.pop()
            deepest = max(deepest, depth)
            if left[node] >= 0:
                pair = [int(left[node]), int(right[node])]
                place |= {child: roots[-1] + len(order) + side for side, child in enumerate(pair)}
                order += pair
                waiting += [(child, depth + 1) for child in sorted(pair, key=lambda child: sizes[child])]
        for node in order:
            split = left[node] >= 0
            features.append(int(feature[node]) if split else 0)
            thresholds.append(float(threshold[node]) if split else np.inf)
            children.append(place[left[node]] if split else place[node])
            values.append(0.0 if split else float(value[node]))
    questions, question = np.unique(np.array([features, thresholds]), axis=1, return_inverse=True)
    return {
        "kind": "trees",
        "roots": np.array(roots, dtype=np.int32),
        "depth": deepest,
        "features": questions[0].astype(np.int32),
        "thresholds": questions[1],
        "question": question.ravel().astype(np.int32),
        "child": np.array(children, dtype=np.int32),
        "value": np.array(values),
        "scale": scale,
        "base": base,
        "single": single,
    }


MODELS = {
    LinearRegression: _linear,
    Ridge: _linear,
    SVR: _svr,
    RandomForestRegressor: _forest,
    ExtraTreesRegressor: _forest,
    GradientBoostingRegressor: _boosting,
    HistGradientBoostingRegressor: _hist_boosting,
    DummyRegressor: lambda model: {"kind": "constant", "value": float(np.ravel(model.constant_)[0])},
}

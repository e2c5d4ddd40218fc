"""A plan's models: linear ones, kernels around points, trees; each for many rows, and for one."""

from __future__ import annotations

from operator import mul
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Matrix = np.ndarray
Row = list[float]

# Rows that kernels are evaluated for at a time, and pairs of a row and a tree: what lies between fits into the cache.
KERNEL_ROWS = 128
PAIRS, MOST_ROWS = 80_000, 8192


class Model(NamedTuple):
    """What is predicted for many rows, and for one. Of one, arithmetic may raise its errors."""

    many: Callable[[Matrix], np.ndarray]
    one: Callable[[Row], float]


def _constant(node: Mapping[str, Any]) -> Model:
    value = node["value"]
    return Model(lambda X: np.full(len(X), value), lambda row: value)


def _linear(node: Mapping[str, Any]) -> Model:
    coefficients, intercept = node["coefficients"], node["intercept"]
    factors = coefficients.tolist()
    return Model(lambda X: X @ coefficients + intercept, lambda row: sum(map(mul, row, factors)) + intercept)


def _in_chunks(function: Callable[[Matrix], np.ndarray], rows: int) -> Callable[[Matrix], np.ndarray]:
    def chunked(X: Matrix) -> np.ndarray:
        if len(X) <= rows:
            return function(X)
        return np.concatenate([function(X[start : start + rows]) for start in range(0, len(X), rows)])

    return chunked


def _rbf(node: Mapping[str, Any]) -> Model:
    """A weighted sum of Gaussian kernels around some points: a support vector machine, or a Gaussian process."""
    points, weights, gamma, intercept = node["points"], node["weights"], node["gamma"], node["intercept"]
    squares = (points**2).sum(axis=1)

    def kernel(X: Matrix) -> np.ndarray:
        distances = (X**2).sum(axis=1)[:, None] + squares - 2.0 * (X @ points.T)
        return np.exp(-gamma * np.maximum(distances, 0.0)) @ weights + intercept

    # for one row the exponents are a single product: -gamma (x - p)² = 2 gamma p x - gamma p² - gamma x²
    factors = np.column_stack([2 * gamma * points, -gamma * squares, np.ones(len(points))])

    def one(row: Row) -> float:
        exponents = factors @ np.array([*row, 1.0, -gamma * sum(map(mul, row, row))])
        return float(np.exp(exponents, out=exponents) @ weights) + intercept

    return Model(_in_chunks(kernel, KERNEL_ROWS), one)


def _matern(node: Mapping[str, Any]) -> Model:
    """A weighted sum of Matérn kernels of smoothness 0.5, 1.5 or 2.5 around some points.

    Rasmussen and Williams (2006), "Gaussian processes for machine learning", equation 4.14.
    """
    smoothness, points, weights, intercept = (node[name] for name in ("smoothness", "points", "weights", "intercept"))
    scale, numbers = node["length_scale"], node["numbers"]
    places, ones = points[:, :numbers].T / scale, np.ascontiguousarray(points[:, numbers:].T)
    counts = ones.sum(axis=0)

    def kernel(X: Matrix) -> np.ndarray:
        # Of columns of 0 and 1 the differences are counted. Of numbers they are taken, not made of products: near a
        # point the root would make an error of the last bits a large one.
        own = X[:, numbers:]
        squares = (own.sum(axis=1)[:, None] + counts - 2.0 * (own @ ones)) / scale**2
        for column, place in zip(X[:, :numbers].T / scale, places, strict=True):
            difference = column[:, None] - place
            squares += difference * difference
        far = np.sqrt(squares * (2 * smoothness))
        if smoothness == 0.5:
            return np.exp(-far) @ weights + intercept
        factor = 1.0 + far if smoothness == 1.5 else 1.0 + far + far * far / 3.0
        return (factor * np.exp(-far)) @ weights + intercept

    return Model(_in_chunks(kernel, KERNEL_ROWS), lambda row: float(kernel(np.array([row]))[0]))


def _trees(node: Mapping[str, Any]) -> Model:
    """A sum of trees, all walked at once, a level at a time.

    Many nodes ask the same question: is the value of a feature above a threshold? A node has the question's number. Its
    two children are neighbours, and `child` is the one for no; a leaf is its own child, and its answer is always no.
    """
    depth, scale, base, value, thresholds = (node[name] for name in ("depth", "scale", "base", "value", "thresholds"))
    roots, question, child, features = (node[it].astype(np.intp) for it in ("roots", "question", "child", "features"))
    feature, threshold = features.take(question), thresholds.take(question)
    # whether the inputs are rounded to single precision before they are compared
    precision = np.float32 if node["single"] else np.float64
    next_question, next_child = question.take, child.take

    def one(row: Row) -> float:
        cells = np.array(row, dtype=precision).astype(np.float64)
        answer = (cells.take(features) > thresholds).astype(np.intp).take
        place, asked, answered = roots.copy(), np.empty_like(roots), np.empty_like(roots)
        for level in range(depth):
            before = place.tobytes() if level > 8 and level % 2 else b""  # not each time: it costs as much as a step
            # into arrays that are there already, which "clip" allows; no number lies outside
            next_question(place, None, asked, "clip")
            answer(asked, None, answered, "clip")
            next_child(place, None, asked, "clip")
            np.add(asked, answered, place)
            if before and place.tobytes() == before:  # every path has ended
                break
        return float(value.take(place).sum()) * scale + base

    def leaves(X: Matrix, some: np.ndarray) -> np.ndarray:
        """Values of the leaves that the rows reach in the trees with some roots: (trees, rows)."""
        cells, place = X.ravel(), np.repeat(some, len(X))
        start = np.tile(np.arange(len(X)) * X.shape[1], len(some))
        found, pairs = np.empty(len(place)), np.arange(len(place))
        for level in range(depth):
            place = child.take(place) + (cells.take(feature.take(place) + start) > threshold.take(place))
            if level % 4 == 3 and depth > 8:  # in deep trees most paths end early: the others go on without them
                on = np.flatnonzero(child.take(place) != place)
                found[pairs] = value.take(place)
                pairs, place, start = pairs[on], place[on], start[on]
        found[pairs] = value.take(place)
        return found.reshape(-1, len(X))

    def many(X: Matrix) -> np.ndarray:
        X, trees = X.astype(precision).astype(np.float64), max(1, PAIRS // len(X))
        parts = [leaves(X, roots[start : start + trees]).sum(axis=0) for start in range(0, len(roots), trees)]
        return np.sum(parts, axis=0) * scale + base

    return Model(_in_chunks(many, MOST_ROWS), one)


MODELS: dict[str, Callable[[Mapping[str, Any]], Model]] = {
    "constant": _constant,
    "linear": _linear,
    "rbf": _rbf,
    "matern": _matern,
    "trees": _trees,
}

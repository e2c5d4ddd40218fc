"""A plan's models: linear ones, kernels around points, trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Matrix = np.ndarray

# Rows that kernels are evaluated for at a time, and pairs of a row and a tree: what lies between fits into the cache.
KERNEL_ROWS = 128
PAIRS, MOST_ROWS = 40_000, 4096


def _constant(node: Mapping[str, Any]) -> Callable[[Matrix], np.ndarray]:
    value = node["value"]
    return lambda X: np.full(len(X), value)


def _linear(node: Mapping[str, Any]) -> Callable[[Matrix], np.ndarray]:
    coefficients, intercept = node["coefficients"], node["intercept"]
    return lambda X: X @ coefficients + intercept


def _in_chunks(function: Callable[[Matrix], np.ndarray], rows: int) -> Callable[[Matrix], np.ndarray]:
    def chunked(X: Matrix) -> np.ndarray:
        if len(X) <= rows:
            return function(X)
        return np.concatenate([function(X[start : start + rows]) for start in range(0, len(X), rows)])

    return chunked


def _rbf(node: Mapping[str, Any]) -> Callable[[Matrix], np.ndarray]:
    """A weighted sum of Gaussian kernels around some points: a support vector machine, or a Gaussian process."""
    points, weights, gamma, intercept = node["points"], node["weights"], node["gamma"], node["intercept"]
    squares = (points**2).sum(axis=1)

    def kernel(X: Matrix) -> np.ndarray:
        distances = (X**2).sum(axis=1)[:, None] + squares - 2.0 * (X @ points.T)
        return np.exp(-gamma * np.maximum(distances, 0.0)) @ weights + intercept

    return _in_chunks(kernel, KERNEL_ROWS)


def _matern(node: Mapping[str, Any]) -> Callable[[Matrix], np.ndarray]:
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

    return _in_chunks(kernel, KERNEL_ROWS)


def _trees(node: Mapping[str, Any]) -> Callable[[Matrix], np.ndarray]:
    """A sum of trees, all walked at once, a level at a time.

    A node's children are neighbours; a leaf is its own child, and no value is above its threshold.
    """
    depth, scale, base, value, threshold = (node[name] for name in ("depth", "scale", "base", "value", "threshold"))
    roots, feature, child = (node[name].astype(np.intp) for name in ("roots", "feature", "child"))
    single = node["single"]  # whether the inputs are rounded to single precision before they are compared

    def leaves_of_one(cells: np.ndarray) -> np.ndarray:
        place = roots
        for _ in range(depth):
            place = child.take(place) + (cells.take(feature.take(place)) > threshold.take(place))
        return value.take(place)

    def leaves(X: Matrix, some: np.ndarray) -> np.ndarray:
        """Values of the leaves that the rows reach in the trees with some roots: (rows, trees)."""
        cells, place = X.ravel(), np.tile(some, len(X))
        start = np.repeat(np.arange(len(X)) * X.shape[1], len(some))
        found, pairs = np.empty(len(place)), np.arange(len(place))
        for level in range(depth):
            place = child.take(place) + (cells.take(feature.take(place) + start) > threshold.take(place))
            if level % 3 == 2 and depth > 8:  # in deep trees most paths end early: the others go on without them
                on = np.flatnonzero(child.take(place) != place)
                found[pairs] = value.take(place)
                pairs, place, start = pairs[on], place[on], start[on]
        found[pairs] = value.take(place)
        return found.reshape(len(X), -1)

    def walk(X: Matrix) -> np.ndarray:
        if single:
            X = X.astype(np.float32).astype(np.float64)
        if len(X) == 1:
            return leaves_of_one(X[0]).sum(keepdims=True) * scale + base
        trees = max(1, PAIRS // len(X))
        parts = [leaves(X, roots[start : start + trees]).sum(axis=1) for start in range(0, len(roots), trees)]
        return np.sum(parts, axis=0) * scale + base

    return _in_chunks(walk, MOST_ROWS)


MODELS: dict[str, Callable[[Mapping[str, Any]], Callable[[Matrix], np.ndarray]]] = {
    "constant": _constant,
    "linear": _linear,
    "rbf": _rbf,
    "matern": _matern,
    "trees": _trees,
}

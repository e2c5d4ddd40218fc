"""A plan's models but for trees: linear ones, kernels around points; each for many rows, and for one.

Trees, and what one row asks of kernels, are compiled (compiled.c). Without it numpy answers for one row as for
many: the same, but for the last bits, and up to ten times as slow.
"""

import math
from array import array
from collections.abc import Callable, Mapping
from operator import mul
from typing import Any, NamedTuple

import numpy as np

from modelbundle.plan.steps import Matrix, Row

try:
    from modelbundle.plan import compiled
except ImportError:  # there was no compiler where this was installed
    compiled = None

# What overflows is infinite, as it is for the pickle, and numpy says nothing of it: who asks looks at what comes out.
quietly = np.errstate(over="ignore", invalid="ignore")

KERNEL_ROWS = 128  # that kernels are evaluated for at a time: what lies between fits into the processor's cache


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


def in_chunks(function: Callable[[Matrix], np.ndarray], rows: int) -> Callable[[Matrix], np.ndarray]:
    """Let a function of many rows have at most so many at a time."""

    def chunked(X: Matrix) -> np.ndarray:
        if len(X) <= rows:
            return function(X)
        return np.concatenate([function(X[start : start + rows]) for start in range(0, len(X), rows)])

    return chunked


def one_as_many(many: Callable[[Matrix], np.ndarray]) -> Callable[[Row], float]:
    """Let a function of many rows have one."""

    @quietly
    def one(row: Row) -> float:
        return float(many(np.array([row]))[0])

    return one


def _rbf(node: Mapping[str, Any]) -> Model:
    """A weighted sum of Gaussian kernels around some points: a support vector machine, or a Gaussian process."""
    points, weights, gamma, intercept = (node[name] for name in ("points", "weights", "gamma", "intercept"))
    squares = (points**2).sum(axis=1)

    def kernel(X: Matrix) -> np.ndarray:
        distances = (X**2).sum(axis=1)[:, None] + squares - 2.0 * (X @ points.T)
        return np.exp(-gamma * np.maximum(distances, 0.0)) @ weights + intercept

    return _around(kernel, node, smoothness=0.0, factor=gamma)


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

    factor = 2 * smoothness / scale**2
    return _around(kernel, node, smoothness=smoothness, factor=factor)


def _around(
    kernel: Callable[[Matrix], np.ndarray], node: Mapping[str, Any], *, smoothness: float, factor: float
) -> Model:
    """A model of kernels around points, whose first columns are numbers, and the others, of categories, 0 or 1."""
    many = in_chunks(kernel, KERNEL_ROWS)
    if compiled is None:
        return Model(many, one_as_many(many))
    # As little as can be: what this reads, the rest of a request must fetch again into the processor's cache.
    points, numbers, intercept = node["points"], node["numbers"], node["intercept"]
    places, ones = np.ascontiguousarray(points[:, :numbers].T, float), points[:, numbers:].T.astype(np.int8, "C")
    counts, weights = ones.sum(axis=0, dtype=np.int16), np.ascontiguousarray(node["weights"], float)
    kernels = compiled.sum_of_kernels

    def one(row: Row) -> float:
        value = kernels(array("d", row), smoothness, factor, places, ones, counts, weights) + intercept
        if not math.isfinite(value):
            raise OverflowError  # numpy may still know it
        return value

    return Model(many, one)


MODELS: dict[str, Callable[[Mapping[str, Any]], Model]] = {
    "constant": _constant,
    "linear": _linear,
    "rbf": _rbf,
    "matern": _matern,
}

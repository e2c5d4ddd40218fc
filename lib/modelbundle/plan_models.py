"""A plan's models but for trees: linear ones, kernels around points; each for many rows, and for one."""

from __future__ import annotations

from operator import mul
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Matrix = np.ndarray
Row = list[float]

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


def _rbf(node: Mapping[str, Any]) -> Model:
    """A weighted sum of Gaussian kernels around some points: a support vector machine, or a Gaussian process."""
    points, weights, gamma, intercept = node["points"], node["weights"], node["gamma"], node["intercept"]
    squares = (points**2).sum(axis=1)

    def kernel(X: Matrix) -> np.ndarray:
        distances = (X**2).sum(axis=1)[:, None] + squares - 2.0 * (X @ points.T)
        return np.exp(-gamma * np.maximum(distances, 0.0)) @ weights + intercept

    # for one row the exponents are a single product: -gamma (x - p)² = 2 gamma p x - gamma p² - gamma x²
    factors = np.column_stack([2 * gamma * points, -gamma * squares, np.ones(len(points))])

    @quietly
    def one(row: Row) -> float:
        exponents = factors @ np.array([*row, 1.0, -gamma * sum(map(mul, row, row))])
        return float(np.exp(exponents, out=exponents) @ weights) + intercept

    return Model(in_chunks(kernel, KERNEL_ROWS), one)


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

    @quietly
    def one(row: Row) -> float:
        return float(kernel(np.array([row]))[0])

    return Model(in_chunks(kernel, KERNEL_ROWS), one)


MODELS: dict[str, Callable[[Mapping[str, Any]], Model]] = {
    "constant": _constant,
    "linear": _linear,
    "rbf": _rbf,
    "matern": _matern,
}

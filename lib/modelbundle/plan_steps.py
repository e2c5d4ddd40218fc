"""A plan's steps: what stock transformers do to the numbers of a matrix, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Matrix = np.ndarray


def _standardise(step: Mapping[str, Any]) -> Callable[[Matrix], Matrix]:
    mean, scale = step["mean"], step["scale"]
    return lambda X: (X - mean) / scale


def _yeo_johnson(step: Mapping[str, Any]) -> Callable[[Matrix], Matrix]:
    """Yeo and Johnson (2000), "A new family of power transformations", Biometrika 87; one exponent per column."""
    powers = step["powers"]
    mirrored = 2 - powers

    def transform(X: Matrix) -> Matrix:
        above = X >= 0
        power, size = np.where(above, powers, mirrored), np.log1p(np.abs(X))
        with np.errstate(divide="ignore", invalid="ignore"):
            bent = np.where(power == 0, size, np.expm1(power * size) / power)
        return np.where(above, bent, -bent)

    return transform


def _ranks(step: Mapping[str, Any]) -> Callable[[Matrix], Matrix]:
    """Ranks between 0 and 1: straight lines between distinct values seen in training, `levels`, and at each its `rank`.

    levels, start, slope, rank: (columns, most levels), filled up with infinity and zeros.
    """
    levels = step["levels"]
    low, high, most = levels[:, 0], step["high"], levels.shape[1]
    at, start, slope, rank = (step[name].ravel() for name in ("levels", "start", "slope", "rank"))
    before = np.arange(len(levels)) * most - 1

    def transform(X: Matrix) -> Matrix:
        value = np.minimum(np.maximum(X, low), high)
        place = (levels <= value[:, :, None]).sum(axis=2) + before
        beyond = value - at.take(place)
        return np.where(beyond == 0, rank.take(place), start.take(place) + beyond * slope.take(place))

    return transform


def _splines(step: Mapping[str, Any]) -> Callable[[Matrix], Matrix]:
    """Each column's spline basis, side by side: piecewise polynomials, constant beyond the outermost knots.

    knots: (columns, intervals + 1); pieces: (columns, intervals, powers from the highest, basis).
    """
    knots, pieces = step["knots"], step["pieces"]
    low, high, inner = knots[:, 0], knots[:, -1], knots[:, 1:-1]
    starts, coefficients = knots[:, :-1].ravel(), pieces.reshape(-1, *pieces.shape[2:])
    before = np.arange(len(knots)) * pieces.shape[1]

    def transform(X: Matrix) -> Matrix:
        value = np.minimum(np.maximum(X, low), high)
        place = (inner <= value[:, :, None]).sum(axis=2) + before
        offset = (value - starts.take(place))[:, :, None]
        powers = coefficients.take(place, axis=0)  # (rows, columns, powers, basis)
        result = powers[:, :, 0]
        for power in range(1, powers.shape[2]):
            result = result * offset + powers[:, :, power]
        return result.reshape(len(X), -1)

    return transform


STEPS: dict[str, Callable[[Mapping[str, Any]], Callable[[Matrix], Matrix]]] = {
    "standardise": _standardise,
    "yeo_johnson": _yeo_johnson,
    "ranks": _ranks,
    "splines": _splines,
}

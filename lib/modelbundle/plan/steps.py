"""A plan's steps: what stock transformers do to the numbers of a matrix, column by column.

Each is written twice: for many rows with numpy, and for one in plain Python. A call of numpy costs as much for one
number as for a thousand, and a request has only a dozen numbers.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

Matrix = np.ndarray
Row = list[float]


class Step(NamedTuple):
    """What is done to numbers: to those of many rows, and to those of one. Of one, arithmetic may raise its errors."""

    many: Callable[[Matrix], Matrix]
    one: Callable[[Row], Row]


def _standardise(step: Mapping[str, Any]) -> Step:
    mean, scale = step["mean"], step["scale"]
    columns = list(zip(mean.tolist(), scale.tolist(), strict=True))

    def one(row: Row) -> Row:
        return [(value - mean) / scale for value, (mean, scale) in zip(row, columns, strict=True)]

    return Step(lambda X: (X - mean) / scale, one)


def _yeo_johnson(step: Mapping[str, Any]) -> Step:
    """Yeo and Johnson (2000), "A new family of power transformations", Biometrika 87; one exponent per column."""
    powers = step["powers"]
    mirrored, columns = 2 - powers, powers.tolist()

    def many(X: Matrix) -> Matrix:
        above = X >= 0
        power, size = np.where(above, powers, mirrored), np.log1p(np.abs(X))
        with np.errstate(divide="ignore", invalid="ignore"):
            bent = np.where(power == 0, size, np.expm1(power * size) / power)
        return np.where(above, bent, -bent)

    def bent(size: float, power: float) -> float:
        return math.expm1(power * math.log1p(size)) / power if power else math.log1p(size)

    def one(row: Row) -> Row:
        return [
            bent(value, power) if value >= 0 else -bent(-value, 2 - power)
            for value, power in zip(row, columns, strict=True)
        ]

    return Step(many, one)


def _ranks(step: Mapping[str, Any]) -> Step:
    """Ranks between 0 and 1: straight lines between distinct values seen in training, `levels`, and at each its `rank`.

    levels, start, slope, rank: (columns, most levels), filled up with infinity and zeros.
    """
    levels = step["levels"]
    low, high, most = levels[:, 0], step["high"], levels.shape[1]
    at, start, slope, rank = (step[name].ravel() for name in ("levels", "start", "slope", "rank"))
    before = np.arange(len(levels)) * most - 1
    parts = (step[name].tolist() for name in ("levels", "start", "slope", "rank"))
    columns = list(zip(high.tolist(), *parts, strict=True))

    def many(X: Matrix) -> Matrix:
        value = np.minimum(np.maximum(X, low), high)
        place = (levels <= value[:, :, None]).sum(axis=2) + before
        beyond = value - at.take(place)
        return np.where(beyond == 0, rank.take(place), start.take(place) + beyond * slope.take(place))

    def one(row: Row) -> Row:
        ranked = []
        for value, (high, levels, start, slope, rank) in zip(row, columns, strict=True):
            inside = min(max(value, levels[0]), high)
            place = bisect_right(levels, inside) - 1
            beyond = inside - levels[place]
            ranked.append(start[place] + beyond * slope[place] if beyond else rank[place])
        return ranked

    return Step(many, one)


def _splines(step: Mapping[str, Any]) -> Step:
    """Each column's piecewise polynomials, side by side, such as a spline basis; constant beyond the outermost knots.

    knots: (columns, intervals + 1); pieces: (columns, intervals, powers from the highest, polynomials of a column).
    """
    knots, pieces = step["knots"], step["pieces"]
    low, high, inner = knots[:, 0], knots[:, -1], knots[:, 1:-1]
    starts, coefficients = knots[:, :-1].ravel(), pieces.reshape(-1, *pieces.shape[2:])
    before = np.arange(len(knots)) * pieces.shape[1]
    columns = list(zip(knots.tolist(), inner.tolist(), pieces.transpose(0, 1, 3, 2).tolist(), strict=True))

    def many(X: Matrix) -> Matrix:
        value = np.minimum(np.maximum(X, low), high)
        place = (inner <= value[:, :, None]).sum(axis=2) + before
        offset = (value - starts.take(place))[:, :, None]
        powers = coefficients.take(place, axis=0)  # (rows, columns, powers, polynomials)
        result = powers[:, :, 0]
        for power in range(1, powers.shape[2]):
            result = result * offset + powers[:, :, power]
        return result.reshape(len(X), -1)

    def one(row: Row) -> Row:
        values = []
        for value, (knots, inner, pieces) in zip(row, columns, strict=True):
            inside = min(max(value, knots[0]), knots[-1])
            place = bisect_right(inner, inside)
            offset = inside - knots[place]
            for powers in pieces[place]:
                result = 0.0
                for power in powers:
                    result = result * offset + power
                values.append(result)
        return values

    return Step(many, one)


STEPS: dict[str, Callable[[Mapping[str, Any]], Step]] = {
    "standardise": _standardise,
    "yeo_johnson": _yeo_johnson,
    "ranks": _ranks,
    "splines": _splines,
}

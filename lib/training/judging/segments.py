"""Kinds of records, and how good the predictions are for each: by fifth of the true target, by category."""

import math
from collections.abc import Sequence
from itertools import pairwise

import pandas as pd

# The group of all categories that have too few rows to stand alone.
POOLED = "rare ones together"
FEWEST_ROWS = 10  # a category of fewer records stands for little, and alone nowhere


def by_band(actual: pd.Series, bands: int = 5) -> pd.Series:
    """Name each row's fifth of the true target, such as `34,900 to 124,000`; as ordered categories, lowest first."""
    found = pd.qcut(actual, bands, duplicates="drop")
    edges = [max(found.cat.categories[0].left, actual.min()), *(band.right for band in found.cat.categories)]
    written = next(each for digits in range(12) if len(set(each := _written(edges, digits))) == len(edges))
    labels = [f"{low} to {high}" for low, high in pairwise(written)]
    return found.cat.rename_categories(dict(zip(found.cat.categories, labels, strict=True)))


def _written(edges: Sequence[float], digits: int) -> list[str]:
    """Edges with so many digits after the point, at least as many as tell their size, and no minus before a zero."""
    size = max(map(abs, edges))
    digits += max(0, 2 - math.floor(math.log10(size))) if size > 0 else 0
    return [f"{round(edge, digits) + 0.0:,.{digits}f}" for edge in edges]


def by_category(values: pd.Series) -> pd.Series:
    """Name each row's category; rare ones are pooled; as ordered categories, the commonest first."""
    labels = values.astype("str").fillna("missing")
    counts = labels.value_counts()
    pooled = labels.where(labels.map(counts) >= FEWEST_ROWS, POOLED)
    return pd.Series(pd.Categorical(pooled, pooled.value_counts().index), values.index, name=values.name)


def median_error(predictions: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Median absolute error by group; predictions: columns predicted and actual. Returns rows and median_error."""
    error = (predictions["predicted"] - predictions["actual"]).abs()
    table = error.groupby(groups, observed=True).agg(["size", "median"])
    return table.set_axis(["rows", "median_error"], axis=1).rename_axis("group")


def coverage(lines: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """How often the interval holds the truth, and how wide it is, by group.

    lines: columns row, actual, low and high; groups: indexed by row. Returns rows (records, however often each was
    predicted), coverage (0-1) and mean_width (target's unit).
    """
    facts = pd.DataFrame({"row": lines["row"], "coverage": inside(lines), "mean_width": lines["high"] - lines["low"]})
    grouped = facts.groupby(groups.loc[lines["row"]].set_axis(lines.index), observed=True)
    table = grouped.agg({"row": "nunique", "coverage": "mean", "mean_width": "mean"})
    return table.set_axis(["rows", "coverage", "mean_width"], axis=1).rename_axis("group")


def inside(lines: pd.DataFrame) -> pd.Series:
    """Whether the truth lies in the interval."""
    return lines["actual"].between(lines["low"], lines["high"])


def widest_apart(predictions: pd.DataFrame, X: pd.DataFrame, features: Sequence[str]) -> dict[str, pd.Series]:
    """Group records by the categorical feature whose categories differ most in error: its name -> groups; may be empty.

    Each category counts as often as it has records, so that a few odd ones do not decide.
    predictions: columns predicted and actual, indexed by row; X: all rows; features: the categorical ones.
    """
    groups = {name: by_category(X[name].loc[predictions.index]) for name in features}
    error = (predictions["predicted"] - predictions["actual"]).abs()
    spread = {name: error.groupby(each, observed=True).transform("median").std() for name, each in groups.items()}
    return {name: groups[name] for name in sorted(spread, key=spread.get, reverse=True)[:1]}

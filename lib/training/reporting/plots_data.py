"""The pictures of the data: for 01_eda and 02_preprocess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from training.reporting.plots import BLUE, NARROW, ORANGE, WIDE, briefly, finished, new_axes, small_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from modelbundle.contract import Contract


def numeric_features(frame: pd.DataFrame, y: pd.Series, contract: Contract) -> Figure:
    """Show the target over each numeric feature, one small picture each."""
    title = f"How does {contract.target} change with each number? ({len(y):,} records)"
    grid = small_axes(title, len(contract.numeric), 2.4)
    for axes, name in zip(grid, contract.numeric, strict=True):
        axes.scatter(frame[name], y, s=5, alpha=0.4, color=BLUE, linewidths=0, rasterized=True)
        axes.set_xlabel(contract.label(name))
        briefly(axes.xaxis, 4)
    for axes in grid[::2]:
        axes.set_ylabel(contract.label(contract.target))
    return finished(grid[0], y_thousands=True)


def categories(frame: pd.DataFrame, y: pd.Series, name: str, contract: Contract, most: int = 12) -> Figure:
    """Show the target's median and middle half for each category of one feature, the commonest `most` of them."""
    groups = y.groupby(frame[name])
    commonest = groups.size().nlargest(most).index
    table = groups.quantile([0.25, 0.5, 0.75]).unstack().loc[commonest].sort_values(0.5)
    labels = [f"{label} ({groups.size()[label]:,})" for label in table.index]
    axes = new_axes(f"What does {name} say about {contract.target}?", (5.6, 1.1 + 0.27 * len(table)))
    axes.hlines(labels, table[0.25], table[0.75], color=BLUE, linewidth=5, alpha=0.5, label="middle half")
    axes.plot(table[0.5], labels, "o", color=ORANGE, label="median")
    axes.set(xlabel=contract.label(contract.target), ylabel=f"{name} (records)")
    axes.legend(loc="lower right")
    return finished(axes, x_thousands=True)


def leverage(values: Mapping[str, np.ndarray]) -> Figure:
    """Show the pull of the single strongest row under each preprocessing; values: leverage per row, 0-1."""
    names = list(values)[::-1]
    axes = new_axes("How hard can one row pull a linear model?", NARROW)
    axes.barh(names, [values[name].max() for name in names], color=BLUE)
    for name in names:
        axes.plot(np.median(values[name]), name, "|", color=ORANGE, markersize=14, markeredgewidth=2)
    rows = len(values[names[0]])
    axes.set(xlabel=f"largest leverage of {rows:,} rows (0-1; orange: median)", xlim=(0, 1.05))
    return finished(axes)


def split_targets(y: pd.Series, parts: Mapping[str, Sequence[int]], contract: Contract) -> Figure:
    """Show that the hold-out looks like the training part: cumulative shares of the target."""
    axes = new_axes("Does the hold-out look like the rest?", WIDE)
    for (name, rows), colour in zip(parts.items(), (BLUE, ORANGE), strict=True):
        values = np.sort(y.iloc[rows])
        share = np.arange(1, len(values) + 1) / len(values) * 100
        axes.step(values, share, color=colour, label=f"{name} ({len(values):,})")
    axes.set(xlabel=contract.label(contract.target), ylabel="records at or below (%)")
    axes.legend()
    return finished(axes, x_thousands=True)

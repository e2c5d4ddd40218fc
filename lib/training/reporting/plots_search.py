"""The pictures of a search: how it went, where its optimum sits, what mattered, and what blends gain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import LogFormatter

from training.config.recipe import Range
from training.reporting.plots import BLUE, GREY, ORANGE, WIDE, finished, new_axes, small_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from training.models.metrics import Metric
    from training.models.search import Found


def progress(found: Found, metric: Metric) -> Figure:
    """Show every trial's value and the best so far."""
    values = np.array([metric.value(score) for score in found.scores])
    best = (np.fmin if metric.lower_is_better else np.fmax).accumulate(values)
    axes = new_axes(f"How far did the search get? ({len(values)} trials)", WIDE)
    axes.plot(range(1, len(values) + 1), values, "o", color=BLUE, alpha=0.6, markersize=4, label="trial")
    axes.step(range(1, len(values) + 1), best, color=ORANGE, where="post", label="best so far")
    axes.set(xlabel="trial (the first is the present setting)", ylabel=f"{metric.axis}, mean over folds")
    _leave_hopeless_ones_out(axes, values, metric)
    axes.legend()
    return finished(axes, y_thousands=True)


def slices(found: Found, space: Mapping[str, Range | list[Any]], metric: Metric) -> Figure:
    """Show the value over each parameter, one small picture each; the best trial stands out."""
    values = np.array([metric.value(score) for score in found.scores])
    grid = small_axes(f"Where does the optimum sit? ({len(values)} trials; dotted: the space's edges)", len(space), 2.5)
    for axes, (name, searched) in zip(grid, space.items(), strict=True):
        is_range = isinstance(searched, Range)
        at = [trial[name] if is_range else searched.index(trial[name]) for trial in found.tried]
        axes.scatter(at, values, s=14, alpha=0.6, color=BLUE, linewidths=0)
        axes.scatter(at[found.best], values[found.best], s=50, color=ORANGE, label="best")
        if is_range:
            _draw_ends(axes, searched)
        else:
            axes.set_xticks(range(len(searched)), [str(choice) for choice in searched])
        axes.set_xlabel(name)
    for axes in grid[::2]:
        axes.set_ylabel(metric.axis)
    _leave_hopeless_ones_out(grid[0], values, metric)
    return finished(grid[0])


def _draw_ends(axes: Axes, searched: Range) -> None:
    if searched.log:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(LogFormatter())  # the usual one writes mathematics: $10^{-2}$
        axes.xaxis.set_minor_formatter(LogFormatter())
    for end in (searched.low, searched.high):
        axes.axvline(end, color=GREY, linewidth=1, linestyle=":")


def _leave_hopeless_ones_out(axes: Axes, values: np.ndarray, metric: Metric) -> None:
    """A few hopeless trials would squeeze the rest into a line."""
    shares, room = ([0, 0.9], [-0.1, 0.2]) if metric.lower_is_better else ([0.1, 1], [-0.2, 0.1])
    ends = np.nanquantile(values, shares)
    if ends[1] > ends[0]:
        axes.set_ylim(*(ends + np.array(room) * np.diff(ends)))


def mattered(found: Found) -> Figure:
    """Show how much of the differences between trials each parameter explains."""
    names = list(found.mattered)[::-1]
    axes = new_axes(f"What mattered? ({len(found.tried)} trials)", (5.6, 1.0 + 0.3 * len(names)))
    axes.barh(names, [found.mattered[name] * 100 for name in names], color=BLUE)
    axes.set(xlabel="explains of the differences between trials (%)", xlim=(0, 100))
    return finished(axes)


def blends(alone: Mapping[str, float], scores: Mapping[tuple[str, ...], float], metric: Metric) -> Figure:
    """Show all sets by size, and the best of each size."""
    sets = {(name,): score for name, score in alone.items()} | dict(scores)
    sizes = sorted({len(names) for names in sets})
    best = [max((score for names, score in sets.items() if len(names) == size)) for size in sizes]
    axes = new_axes("What does a further member gain?", WIDE)
    axes.scatter(
        [len(names) for names in sets], [metric.value(score) for score in sets.values()],
        s=14, alpha=0.4, color=BLUE, linewidths=0, label=f"{len(sets)} sets",
    )  # fmt: skip
    axes.plot(sizes, [metric.value(score) for score in best], "-o", color=ORANGE, label="best of its size")
    axes.set(xlabel="candidates in the blend", ylabel=f"{metric.axis}, mean over folds", xticks=sizes)
    axes.legend()
    return finished(axes, y_thousands=True)

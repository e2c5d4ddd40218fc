"""The pictures: each answers the question in its title, with units on its axes and the number of rows it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib_inline.backend_inline import set_matplotlib_formats

from training.style import INK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from modelbundle.contract import Contract
    from training.compare import Ranked
    from training.metrics import Metric

BLUE, ORANGE, GREY = "#3b82c4", "#d9772b", "#8a8f98"
WIDE, NARROW = (5.6, 3.6), (5.6, 2.4)


def use_style() -> None:
    """Draw crisp figures that come out the same each time: SVG, no dates, no random identifiers."""
    set_matplotlib_formats("svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    plt.rcParams.update(
        {
            "svg.hashsalt": "report",
            "svg.fonttype": "none",
            "font.size": 11,
            "font.family": "sans-serif",
            "axes.titlesize": 12,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": plt.cycler(color=[BLUE, ORANGE, GREY]),
            "legend.frameon": False,
            **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
        }
    )


def target_histogram(table: pd.DataFrame, contract: Contract) -> Figure:
    """Show how the target is distributed; table: one row per record."""
    values = pd.to_numeric(table[contract.target], errors="coerce").dropna()
    axes = _axes(f"How is {contract.target} distributed?", WIDE)
    axes.hist(values, bins=40, color=BLUE)
    axes.axvline(values.median(), color=ORANGE, label=f"median {values.median():,.0f} {contract.unit}")
    axes.set(xlabel=contract.label(contract.target), ylabel=f"records (of {len(values):,})")
    axes.legend()
    return _finish(axes, x_thousands=True)


def missing_cells(table: pd.DataFrame, contract: Contract) -> Figure:
    """Show the share of missing cells of each column."""
    share = table[list(contract.columns)].isna().mean().mul(100).iloc[::-1]
    axes = _axes("Which cells are missing?", (5.6, 0.9 + 0.26 * len(share)))
    axes.barh(share.index, share, color=BLUE)
    axes.set(xlabel=f"missing cells (% of {len(table):,} records)", xlim=(0, max(5, share.max() * 1.1)))
    return _finish(axes)


def drivers(strength: pd.Series, rows: int, target: str) -> Figure:
    """Show how much of the target's variation each feature explains alone; strength: shares 0-1, largest first."""
    strength = strength.iloc[::-1]
    axes = _axes(f"What drives {target}?", (5.6, 0.9 + 0.3 * len(strength)))
    axes.barh(strength.index, strength * 100, color=BLUE)
    axes.set(xlabel=f"explained alone (% of the variation of {target}'s ranks, {rows:,} records)", xlim=(0, None))
    return _finish(axes)


def numeric_features(frame: pd.DataFrame, y: pd.Series, contract: Contract) -> Figure:
    """Show the target over each numeric feature, one small picture each."""
    names = contract.numeric
    figure, grid = plt.subplots(
        -(-len(names) // 2), 2, figsize=(6.4, 2.4 * -(-len(names) // 2)), sharey=True, squeeze=False
    )
    for axes, name in zip(grid.flat, names, strict=False):
        axes.scatter(frame[name], y, s=5, alpha=0.4, color=BLUE, linewidths=0, rasterized=True)
        axes.set_xlabel(contract.label(name))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(FuncFormatter(_short_number))
        axes.xaxis.set_major_formatter(FuncFormatter(_short_number))
    for axes in grid[:, 0]:
        axes.set_ylabel(contract.label(contract.target))
    for axes in list(grid.flat)[len(names) :]:
        axes.remove()
    title = f"How does {contract.target} change with each number? ({len(y):,} records)"
    figure.suptitle(title, x=0.02, ha="left", fontsize=12, weight="bold")
    figure.tight_layout()
    return figure


def categories(frame: pd.DataFrame, y: pd.Series, name: str, contract: Contract, most: int = 12) -> Figure:
    """Show the target's median and middle half for each category of one feature, the commonest `most` of them."""
    groups = y.groupby(frame[name])
    kept = groups.size().nlargest(most).index
    table = groups.quantile([0.25, 0.5, 0.75]).unstack().loc[kept].sort_values(0.5)
    labels = [f"{label} ({groups.size()[label]:,})" for label in table.index]
    axes = _axes(f"What does {name} say about {contract.target}?", (5.6, 1.1 + 0.27 * len(table)))
    axes.hlines(labels, table[0.25], table[0.75], color=BLUE, linewidth=5, alpha=0.5, label="middle half")
    axes.plot(table[0.5], labels, "o", color=ORANGE, label="median")
    axes.set(xlabel=contract.label(contract.target), ylabel=f"{name} (records)")
    axes.legend(loc="lower right")
    return _finish(axes, x_thousands=True)


def leverage(values: Mapping[str, np.ndarray]) -> Figure:
    """Show the pull of the single strongest row under each preprocessing; values: leverage per row, 0-1."""
    names = list(values)[::-1]
    axes = _axes("How hard can one row pull a linear model?", NARROW)
    axes.barh(names, [values[name].max() for name in names], color=BLUE)
    for name in names:
        axes.plot(np.median(values[name]), name, "|", color=ORANGE, markersize=14, markeredgewidth=2)
    rows = len(values[names[0]])
    axes.set(xlabel=f"largest leverage of {rows:,} rows (0-1; orange: median)", xlim=(0, 1.05))
    return _finish(axes)


def split_targets(y: pd.Series, parts: Mapping[str, Sequence[int]], contract: Contract) -> Figure:
    """Show that the hold-out looks like the training part: cumulative shares of the target."""
    axes = _axes("Does the hold-out look like the rest?", WIDE)
    for (name, rows), colour in zip(parts.items(), (BLUE, ORANGE), strict=True):
        values = np.sort(y.iloc[rows])
        share = np.arange(1, len(values) + 1) / len(values) * 100
        axes.step(values, share, color=colour, label=f"{name} ({len(values):,})")
    axes.set(xlabel=contract.label(contract.target), ylabel="records at or below (%)")
    axes.legend()
    return _finish(axes, x_thousands=True)


def fold_scores(values: Sequence[float], metric: Metric) -> Figure:
    """Show one candidate's metric on each fold, with the mean."""
    axes = _axes(f"How steady is the {metric.label}?", NARROW)
    axes.plot(range(1, len(values) + 1), values, "o", color=BLUE)
    axes.axhline(np.mean(values), color=ORANGE, label=f"mean {metric.text(float(np.mean(values)))}")
    axes.set(xlabel=f"fold (of {len(values)})", ylabel=metric.axis)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return _finish(axes, y_thousands=True)


def ranking(entries: Sequence[Ranked], winner: str, metric: Metric) -> Figure:
    """Show each candidate's mean over the folds, with the spread between folds."""
    shown = [entry for entry in entries if entry.failed is None][::-1]
    axes = _axes(f"Which candidate has the best {metric.label}?", (5.6, 1.2 + 0.4 * len(shown)))
    for entry in shown:
        colour = ORANGE if entry.name == winner else GREY if entry.baseline else BLUE
        axes.errorbar(entry.mean, entry.name, xerr=entry.spread, fmt="o", color=colour, capsize=4, markersize=7)
    axes.set(xlabel=f"{metric.axis}: mean and standard deviation over folds", ylim=(-0.5, len(shown) - 0.5))
    return _finish(axes, x_thousands=True)


def paired(entries: Sequence[Ranked], winner: str, metric: Metric) -> Figure:
    """Show how much worse each other candidate is on the same folds, with the corrected 95 % interval."""
    shown = [entry for entry in entries if entry.failed is None and entry.name != winner and not entry.baseline][::-1]
    axes = _axes(f"Is {winner} really better?", (5.6, 1.3 + 0.4 * len(shown)))
    for entry in shown:
        error = [[entry.difference - entry.low], [entry.high - entry.difference]]
        colour = GREY if entry.ties_with_winner else BLUE
        axes.errorbar(entry.difference, entry.name, xerr=error, fmt="o", color=colour, capsize=4, markersize=7)
    axes.axvline(0, color=ORANGE, linewidth=1)
    unit = f" ({metric.unit})" if metric.unit else ""
    axes.set(xlabel=f"worse than {winner} by{unit}; grey crosses zero: a tie", ylim=(-0.5, len(shown) - 0.5))
    return _finish(axes, x_thousands=True)


def predicted_against_actual(actual: pd.Series, predicted: pd.Series, contract: Contract) -> Figure:
    """Show each prediction for a row that its model had not seen, beside the truth."""
    axes = _axes("How close are the predictions?", WIDE)
    limits = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
    axes.plot(limits, limits, color=ORANGE, linewidth=1, label="exact")
    records = f"{len(actual):,} records"
    axes.scatter(actual, predicted, s=7, alpha=0.4, color=BLUE, linewidths=0, rasterized=True, label=records)
    unit = contract.unit or "target"
    axes.set(xlabel=f"actual {contract.target} ({unit})", ylabel=f"predicted ({unit})")
    axes.legend()
    return _finish(axes, x_thousands=True, y_thousands=True)


def residuals(actual: pd.Series, predicted: pd.Series, contract: Contract) -> Figure:
    """Show the errors over the prediction: a slope or a funnel would be structure that the model missed."""
    axes = _axes("Are the errors free of structure?", WIDE)
    axes.scatter(predicted, predicted - actual, s=7, alpha=0.4, color=BLUE, linewidths=0, rasterized=True)
    axes.axhline(0, color=ORANGE, linewidth=1)
    unit = contract.unit or "target"
    axes.set(
        xlabel=f"predicted {contract.target} ({unit}), {len(actual):,} records",
        ylabel=f"too high by ({unit})",
    )
    return _finish(axes, x_thousands=True, y_thousands=True)


def error_by_group(errors: pd.DataFrame, name: str, unit: str) -> Figure:
    """Show the typical error of each group; errors: indexed by group, columns rows and median_error."""
    shown = errors.iloc[::-1]
    labels = [f"{label} ({rows:,})" for label, rows in zip(shown.index, shown["rows"], strict=True)]
    axes = _axes(f"Where is it wrong? By {name}", (5.6, 1.0 + 0.28 * len(shown)))
    axes.barh(labels, shown["median_error"], color=BLUE)
    axes.set(xlabel=f"median absolute error ({unit or 'target'})", ylabel="group (records)")
    return _finish(axes, x_thousands=True)


def learning_curve(rows: Sequence[int], values: Sequence[Sequence[float]], name: str, metric: Metric) -> Figure:
    """Show the metric over the number of rows that the model was fitted on, each fold and the mean."""
    axes = _axes("Would more data help?", WIDE)
    for count, folds in zip(rows, values, strict=True):
        axes.plot([count] * len(folds), folds, "o", color=BLUE, alpha=0.4, markersize=4)
    axes.plot(rows, [np.mean(folds) for folds in values], "-o", color=ORANGE, label="mean over folds")
    axes.set(xlabel=f"rows that {name} was fitted on", ylabel=metric.axis)
    axes.legend()
    return _finish(axes, x_thousands=True, y_thousands=True)


def _axes(title: str, size: tuple[float, float]) -> Axes:
    _, axes = plt.subplots(figsize=size)
    axes.set_title(title)
    axes.grid(axis="both", alpha=0.15, color=GREY)
    axes.set_axisbelow(True)
    return axes


def _finish(axes: Axes, *, x_thousands: bool = False, y_thousands: bool = False) -> Figure:
    if x_thousands:
        axes.xaxis.set_major_formatter(FuncFormatter(_short_number))
        axes.xaxis.set_major_locator(MaxNLocator(6))
    if y_thousands:
        axes.yaxis.set_major_formatter(FuncFormatter(_short_number))
    axes.figure.tight_layout()
    return axes.figure


def _short_number(value: float, _position: int | None = None) -> str:
    """Write a tick briefly: 150k, 1.5M; years and small numbers as they are."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if abs(value) >= 1e4 else f"{value:g}"

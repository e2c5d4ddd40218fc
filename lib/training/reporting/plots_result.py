"""The pictures of the outcome: for 03_train and 04_compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from training.reporting.plots import BLUE, GREY, NARROW, ORANGE, WIDE, finished, new_axes, short_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from modelbundle.contract import Contract
    from training.judging.audit import Audited
    from training.judging.compare import Ranked
    from training.models.metrics import Metric


def fold_scores(values: Sequence[float], metric: Metric) -> Figure:
    """Show one candidate's metric on each fold, with the mean."""
    axes = new_axes(f"How steady is the {metric.label}?", NARROW)
    axes.plot(range(1, len(values) + 1), values, "o", color=BLUE)
    axes.axhline(np.mean(values), color=ORANGE, label=f"mean {metric.text(float(np.mean(values)))}")
    axes.set(xlabel=f"fold (of {len(values)})", ylabel=metric.axis)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return finished(axes, y_thousands=True)


def ranking(entries: Sequence[Ranked], winner: str, metric: Metric, folds: int) -> Figure:
    """Show each candidate's mean over the folds, with the spread between folds."""
    shown = [entry for entry in entries if entry.failed is None][::-1]
    axes = new_axes(f"Which candidate has the best {metric.label}?", (5.6, 1.2 + 0.4 * len(shown)))
    for entry in shown:
        colour = ORANGE if entry.name == winner else GREY if entry.baseline else BLUE
        axes.errorbar(entry.mean, entry.name, xerr=entry.spread, fmt="o", color=colour, capsize=4, markersize=7)
    axes.set(xlabel=f"{metric.axis}: mean and standard deviation over {folds} folds", ylim=(-0.5, len(shown) - 0.5))
    return finished(axes, x_thousands=True)


def paired(entries: Sequence[Ranked], winner: str, metric: Metric, folds: int) -> Figure | None:
    """Show how much worse each other candidate is on the same folds, with the corrected 95 % interval.

    None if no other one could be scored.
    """
    shown = [entry for entry in entries if entry.may_win and entry.name != winner][::-1]
    if not shown:
        return None
    axes = new_axes(f"Is {winner} really better?", (5.6, 1.3 + 0.4 * len(shown)))
    for entry in shown:
        error = [[entry.difference - entry.low], [entry.high - entry.difference]]
        colour = GREY if entry.ties_with_winner else BLUE
        axes.errorbar(entry.difference, entry.name, xerr=error, fmt="o", color=colour, capsize=4, markersize=7)
    axes.axvline(0, color=ORANGE, linewidth=1)
    unit = f" ({metric.unit})" if metric.unit else ""
    axes.set_xlabel(f"worse than {winner} by{unit}, {folds} folds; grey crosses zero: a tie")
    axes.set_ylim(-0.5, len(shown) - 0.5)
    return finished(axes, x_thousands=True)


def predicted_against_actual(actual: pd.Series, predicted: pd.Series, contract: Contract) -> Figure:
    """Show each prediction for a row that its model had not seen, beside the truth."""
    axes = new_axes("How close are the predictions?", WIDE)
    limits = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
    axes.plot(limits, limits, color=ORANGE, linewidth=1, label="exact")
    records = f"{len(actual):,} records"
    axes.scatter(actual, predicted, s=7, alpha=0.4, color=BLUE, linewidths=0, rasterized=True, label=records)
    unit = contract.unit or "target"
    axes.set(xlabel=f"actual {contract.target} ({unit})", ylabel=f"predicted ({unit})")
    axes.legend()
    return finished(axes, x_thousands=True, y_thousands=True)


def residuals(actual: pd.Series, predicted: pd.Series, contract: Contract) -> Figure:
    """Show the errors over the prediction: a slope or a funnel would be structure that the model missed."""
    axes = new_axes("Are the errors free of structure?", WIDE)
    axes.scatter(predicted, predicted - actual, s=7, alpha=0.4, color=BLUE, linewidths=0, rasterized=True)
    axes.axhline(0, color=ORANGE, linewidth=1)
    unit = contract.unit or "target"
    axes.set(xlabel=f"predicted {contract.target} ({unit}), {len(actual):,} records", ylabel=f"too high by ({unit})")
    return finished(axes, x_thousands=True, y_thousands=True)


def error_by_group(errors: pd.DataFrame, name: str, unit: str) -> Figure:
    """Show the typical error of each group; errors: indexed by group, columns rows and median_error."""
    shown = errors.iloc[::-1]
    labels = [f"{label} ({rows:,})" for label, rows in zip(shown.index, shown["rows"], strict=True)]
    axes = new_axes(f"Where is it wrong? By {name}", (5.6, 1.0 + 0.28 * len(shown)))
    axes.barh(labels, shown["median_error"], color=BLUE)
    axes.set(xlabel=f"median absolute error ({unit or 'target'})", ylabel="group (records)")
    return finished(axes, x_thousands=True)


def coverage(groups: pd.DataFrame, level: float, what: str, unit: str) -> Figure:
    """Show how often the interval holds the truth in each group, and how wide it is there.

    groups: indexed by group, columns rows, coverage and mean_width; level: the share that is promised.
    """
    shown = groups.iloc[::-1]
    labels = [f"{label} ({rows:,})" for label, rows in zip(shown.index, shown["rows"], strict=True)]
    axes = new_axes(f"Do the intervals keep their word? By {what}", (5.6, 1.2 + 0.32 * len(shown)))
    axes.plot(shown["coverage"] * 100, labels, "o", color=BLUE, markersize=7)
    for label, (_, group) in zip(labels, shown.iterrows(), strict=True):
        width = short_number(float(f"{group['mean_width']:.2g}"))
        axes.annotate(width, (group["coverage"] * 100, label), xytext=(7, -4), textcoords="offset points", fontsize=9)
    axes.axvline(level * 100, color=ORANGE, linewidth=1)
    axes.set(
        xlabel=f"true values inside (%), promised {level:.0%}; beside it the mean width ({unit or 'target'})",
        ylabel="group (records)",
        xlim=(min(70.0, shown["coverage"].min() * 100 - 3), 104),
    )
    return finished(axes)


def audits(found: Sequence[Audited], metric: Metric) -> Figure:
    """Show, for each re-split, the quoted range and the error on the records that nothing had used."""
    axes = new_axes(f"Does the range hold the {metric.label} on unused records?", (5.6, 1.4 + 0.3 * len(found)))
    for place, each in enumerate(found):
        quoted = each.quoted[metric.scorer]
        axes.plot([quoted["low"], quoted["high"]], [place, place], color=BLUE, linewidth=5, alpha=0.35)
        axes.plot(quoted["value"], place, "|", color=BLUE, markersize=12)
        axes.plot(each.unused[metric.scorer], place, "o", color=BLUE if each.holds(metric.scorer) else ORANGE)
    axes.set_yticks(range(len(found)), [str(each.seed) for each in found])
    axes.set(xlabel=f"{metric.axis}: quoted with its range, and on unused records (dot; orange: missed)", ylabel="seed")
    return finished(axes, x_thousands=True)


def learning_curve(rows: Sequence[int], values: Sequence[Sequence[float]], name: str, metric: Metric) -> Figure:
    """Show the metric over the number of rows that the model was fitted on, each fold and the mean."""
    axes = new_axes("Would more data help?", WIDE)
    for count, folds in zip(rows, values, strict=True):
        axes.plot([count] * len(folds), folds, "o", color=BLUE, alpha=0.4, markersize=4)
    axes.plot(rows, [np.mean(folds) for folds in values], "-o", color=ORANGE, label=f"mean over {len(values[0])} folds")
    axes.set(xlabel=f"rows that {name} was fitted on", ylabel=metric.axis)
    axes.legend()
    return finished(axes, x_thousands=True, y_thousands=True)

"""The pictures of what moves the predictions: importance, effects, and the contributions to a single one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from modelbundle.amounts import amount, plain
from training.reporting.plots import BLUE, GREY, ORANGE, briefly, finished, new_axes, small_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from modelbundle.contract import Contract
    from modelbundle.contributions import Contributions, Typical
    from training.models.metrics import Metric


def importance(losses: Mapping[str, Sequence[float]], metric: Metric) -> Figure:
    """Show how much worse the metric gets without each feature; losses: feature -> one per fold, of the score."""
    names = sorted(losses, key=lambda name: np.mean(losses[name]))
    axes = new_axes("Which features does it rest on?", (5.6, 1.2 + 0.3 * len(names)))
    for name in names:
        axes.plot(losses[name], [name] * len(losses[name]), "o", color=BLUE, alpha=0.4, markersize=4)
        axes.plot(np.mean(losses[name]), name, "o", color=ORANGE, markersize=7)
    axes.axvline(0, color=GREY, linewidth=1)
    unit = f" ({metric.unit})" if metric.unit else ""
    folds = len(next(iter(losses.values())))
    axes.set_xlabel(f"{metric.label} worse when shuffled{unit}; {folds} folds and their mean")
    return finished(axes, x_thousands=True)


def effects(lines: Mapping[str, pd.DataFrame], contract: Contract) -> Figure | None:
    """Show how the prediction changes with each feature, one small picture each; None where none of them varies.

    lines: feature -> effects.effect's table.
    """
    shown = {name: table for name, table in lines.items() if len(table)}
    if not shown:
        return None
    grid = small_axes("How does the prediction change with one feature?", len(shown), 2.9, share_y=False)
    for axes, (name, table) in zip(grid, shown.items(), strict=True):
        axes.grid(axis="both", alpha=0.15, color=GREY)
        if name in contract.categorical:
            axes.errorbar(
                table["average"], table.index, fmt="o", color=ORANGE, ecolor=BLUE, elinewidth=3, alpha=0.8,
                xerr=[table["average"] - table["low"], table["high"] - table["average"]],
            )  # fmt: skip
            axes.set(xlabel=contract.label(contract.target), ylabel=name)
        else:
            axes.fill_between(table.index, table["low"], table["high"], color=BLUE, alpha=0.2, linewidth=0)
            axes.plot(table.index, table["average"], color=ORANGE)
            axes.set(xlabel=contract.label(name), ylabel=contract.label(contract.target))
            briefly(axes.yaxis)
        briefly(axes.xaxis, 4)
    return finished(grid[0])


def contributions(
    explained: Contributions, record: Mapping[str, object], typical: Typical, name: str, contract: Contract
) -> Figure:
    """Show what each feature adds to one prediction; record: its features; name: what the record is called."""
    features = sorted(explained.amounts, key=lambda feature: abs(explained.amounts[feature]))
    values = [explained.amounts[feature] for feature in features]
    labels = [
        f"{feature}: {_cell(record.get(feature))} (typical {_cell(typical.record.get(feature))})"
        for feature in features
    ]
    axes = new_axes(f"Why this prediction for {name}?", (5.6, 1.2 + 0.3 * len(features)))
    axes.barh(labels, values, color=[ORANGE if value < 0 else BLUE for value in values])
    axes.axvline(0, color=GREY, linewidth=1)
    typically, together = (amount(value, contract.unit) for value in (explained.typical, explained.prediction))
    axes.set_xlabel(f"adds to {typically}, of a typical record; together {together}")
    finished(axes, x_thousands=True)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    return axes.figure


def _cell(value: object) -> str:
    if value is None or value != value:
        return "missing"
    return plain(value) if isinstance(value, float) else str(value)

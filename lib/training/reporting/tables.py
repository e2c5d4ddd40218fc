"""Tables and pipelines as a report shows them: scores, the ranking, quoted errors, the worst cases, re-splits."""

from __future__ import annotations

import html
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from IPython.display import HTML

from modelbundle.amounts import amount, between

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from modelbundle.contract import Contract
    from modelbundle.contributions import Contributions
    from training.judging.audit import Audited
    from training.judging.compare import Choice, Ranked
    from training.judging.quoted import Quoted
    from training.models.evaluate import Scored
    from training.models.metrics import Metric


def show(table: pd.DataFrame) -> HTML:
    """Show a whole table: the index as its first column, no cell cut short, each cell as it is written.

    JupyterLab takes $ in a cell for mathematics, unless a class says no.
    """
    flat = table.reset_index(allow_duplicates=True) if table.index.name else table
    written = {"index": False, "border": 0, "justify": "left", "na_rep": "", "float_format": "{:,.4g}".format}
    return HTML(flat.to_html(classes="mathjax_ignore", **written))


def outline(pipeline: Pipeline) -> HTML:
    """Show the parts of a pipeline in their order, one a line: name, class, and what is set in it.

    scikit-learn's own drawing takes a second or two and a hundred times the space, and shows addresses in memory, so
    that pages of equal runs would differ.
    """
    text = "\n".join(_lines(pipeline))
    return HTML(f'<pre tabindex="0">{html.escape(text)}</pre>')  # by keyboard too it can be scrolled


def _lines(whole: Any, indent: str = "") -> Iterator[str]:
    for name, value in whole.get_params(deep=False).items():
        for inner, part in [each[:2] for each in value] if _holds_parts(value) else [(name, value)]:
            if _is_part(part):
                settings = _settings(part)
                yield f"{indent}{inner}: {type(part).__name__}" + (f"({settings})" if settings else "")
                yield from _lines(part, indent + "  ")


def _settings(part: Any) -> str:
    """What of a part is not as its class has it by itself."""
    signature = inspect.signature(type(part)).parameters
    by_itself = {name: repr(parameter.default) for name, parameter in signature.items()}
    written = {
        name: _written(value)
        for name, value in part.get_params(deep=False).items()
        # XGBoost's classes hand most parameters on, by **kwargs: None by themselves
        if not (_is_part(value) or _holds_parts(value) or repr(value) == by_itself.get(name, "None"))
    }
    return ", ".join(f"{name}={textwrap.shorten(value, 60, placeholder=' …')}" for name, value in written.items())


def _is_part(value: Any) -> bool:
    return hasattr(value, "get_params") and not inspect.isclass(value)


def _holds_parts(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, tuple) and _is_part(each[1]) for each in value)


def _written(value: Any) -> str:
    """A value without its address in memory, which another run would not have."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_written(each)}" for name, each in value.items())
    return getattr(value, "__qualname__", repr(value))


def scores_table(scores: Mapping[str, Sequence[float]], metrics: Sequence[Metric]) -> pd.DataFrame:
    """One row per metric: mean, spread, worst and best fold, as people read them."""
    rows = []
    for metric in metrics:
        values = np.array([metric.value(score) for score in scores[metric.scorer]])
        worst, best = (values.max(), values.min()) if metric.lower_is_better else (values.min(), values.max())
        rows.append([metric.label, *map(metric.text, (values.mean(), values.std(ddof=1), worst, best))])
    return pd.DataFrame(rows, columns=["metric", "mean", "spread", "worst fold", "best fold"]).set_index("metric")


def ranking_table(choice: Choice, results: Mapping[str, Scored], metrics: Sequence[Metric]) -> pd.DataFrame:
    """The ranking for people: every metric's mean, the deciding one with its spread, and the verdict on each."""
    deciding, rows = metrics[0], []
    for entry in choice.ranking:
        if entry.failed is not None:
            rows.append([entry.name, *[""] * (len(metrics) + 1), f"failed: {entry.failed}"])
            continue
        scores = results[entry.name]["scores"]
        means = [amount(metric.value(float(np.mean(scores[metric.scorer])))) for metric in metrics]
        rows.append([entry.name, means[0], amount(entry.spread), *means[1:], _note(entry, choice.winner, deciding)])
    columns = ["candidate", deciding.axis, "± folds", *(metric.axis for metric in metrics[1:]), "verdict"]
    return pd.DataFrame(rows, columns=columns).set_index("candidate")


def _note(entry: Ranked, winner: str, metric: Metric) -> str:
    if entry.name == winner:
        return "winner"
    if entry.baseline:
        return "baseline"
    if not entry.beats_baseline:
        return "does not beat the baseline"
    if entry.ties_with_winner:
        return "tie with the winner"
    if entry.high < 0:
        return f"better by {amount(-entry.difference)} ({between(-entry.high, -entry.low, metric.unit)})"
    return f"worse by {amount(entry.difference)} ({between(entry.low, entry.high, metric.unit)})"


def quoted_table(quoted: Quoted, scores: Mapping[str, Sequence[float]], metrics: Sequence[Metric]) -> pd.DataFrame:
    """The winner on the hold-out, with the range on as many other records, beside its folds."""
    rows = [
        [
            metric.label,
            metric.text(error["value"]),
            between(error["low"], error["high"], metric.unit),
            metric.text(metric.value(float(np.mean(scores[metric.scorer])))),
        ]
        for metric in metrics
        for error in [quoted[metric.scorer]]
    ]
    columns = ["metric", "hold-out", "as many other records, about 95 of 100 times", "mean over folds"]
    return pd.DataFrame(rows, columns=columns).set_index("metric")


def worst_cases(predictions: pd.DataFrame, table: pd.DataFrame, contract: Contract, rows: pd.Index) -> pd.DataFrame:
    """The records with the largest errors and their features; rows: of predictions.worst_rows."""
    error = predictions["predicted"] - predictions["actual"]
    money = pd.DataFrame(
        {
            f"actual ({contract.unit})" if contract.unit else "actual": predictions.loc[rows, "actual"].map(amount),
            "predicted": predictions.loc[rows, "predicted"].map(amount),
            "too high by": [amount(value, signed=True) for value in error.loc[rows]],
        }
    )
    features = table.loc[rows, contract.features]
    names = table.loc[rows, contract.identifier] if contract.identifier else rows + 1
    return pd.concat([money, features], axis=1).set_index(pd.Index(names, name=contract.identifier or "row"))


def reasons_table(
    worst: pd.DataFrame, explained: Sequence[Contributions], contract: Contract, most: int = 4
) -> pd.DataFrame:
    """What moved the prediction for each of the worst cases away from the typical one, the largest part first."""
    rows = []
    for each in explained:
        parts = ", ".join(f"{name} {amount(adds, signed=True)}" for name, adds in each.leading(most).items())
        rows.append([amount(each.typical), amount(each.prediction), parts])
    unit = f" ({contract.unit})" if contract.unit else ""
    return pd.DataFrame(rows, columns=["typical", "predicted", f"moved most by{unit}"], index=worst.index)


def audits_table(audits: Sequence[Audited], metric: Metric) -> pd.DataFrame:
    """One row per re-split, by the deciding metric."""
    rows = [
        [
            each.seed,
            each.winner,
            metric.text(each.quoted[metric.scorer]["value"]),
            between(each.quoted[metric.scorer]["low"], each.quoted[metric.scorer]["high"], metric.unit),
            metric.text(each.unused[metric.scorer]),
            "yes" if each.holds(metric.scorer) else "no",
        ]
        for each in audits
    ]
    columns = ["seed", "winner", f"{metric.label} quoted", "range", "on the unused records", "held"]
    return pd.DataFrame(rows, columns=columns).set_index("seed")


def terminal_lines(table: pd.DataFrame) -> list[str]:
    """Write a table for a terminal: the first and the last column to the left, the numbers to the right."""
    rows = [[*map(str, row)] for row in (table.reset_index().columns, *table.reset_index().to_numpy())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    cells = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:-1], widths[1:-1]), row[-1]] for row in rows]
    return ["  ".join(row) for row in cells]

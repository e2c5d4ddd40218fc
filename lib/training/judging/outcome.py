"""The outcome in tables: what 03_train and 04_compare show, and the record that 04_compare leaves."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelbundle.amounts import amount, between
from training.finite import predict
from training.models.evaluate import folds_of_one_repeat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sklearn.pipeline import Pipeline

    from modelbundle.contract import Contract
    from modelbundle.contributions import Contributions
    from training.data.split import Fold
    from training.judging.compare import Choice, Ranked
    from training.judging.quoted import Quoted
    from training.models.evaluate import Curve
    from training.models.metrics import Metric


def unseen_predictions(folds: Sequence[Fold], predicted: Sequence[Sequence[float]], y: pd.Series) -> pd.DataFrame:
    """One line per fold and scored row: columns fold, row (its position), predicted and actual."""
    parts = [
        pd.DataFrame({"fold": number, "row": fold["score"], "predicted": values})
        for number, (fold, values) in enumerate(zip(folds, predicted, strict=True))
    ]
    lines = pd.concat(parts, ignore_index=True)
    return lines.assign(actual=y.iloc[lines["row"]].to_numpy())


def predictions_csv(
    table: pd.DataFrame, contract: Contract, folds: Sequence[Fold], predicted: Sequence[Sequence[float]]
) -> bytes:
    """Write the out-of-fold predictions, each line with the row's identifier too."""
    lines = unseen_predictions(folds, predicted, table[contract.target])
    if contract.identifier:
        named = table[contract.identifier].iloc[lines["row"]].to_numpy()
        lines.insert(lines.shape[1], contract.identifier, named, allow_duplicates=True)  # it may be called row, too
    return lines.to_csv(index=False).encode()


def read_predictions(csv: bytes) -> pd.DataFrame:
    """Read the out-of-fold predictions again: columns fold, row, predicted and actual, and the identifier."""
    return pd.read_csv(io.BytesIO(csv))


def mean_predictions(lines: pd.DataFrame) -> pd.DataFrame:
    """Average each row's out-of-fold predictions over the repeats; indexed by row position: predicted, actual."""
    return lines.groupby("row")[["predicted", "actual"]].mean()


def first_repeat(lines: pd.DataFrame, folds: Sequence[Fold]) -> pd.DataFrame:
    """One out-of-fold prediction for each row: those of the first repeat."""
    return lines[lines["fold"] < folds_of_one_repeat(folds)]


def held_out_predictions(fitted: Pipeline, X: pd.DataFrame, y: pd.Series, rows: Sequence[int]) -> pd.DataFrame:
    """Predict the hold-out: columns row, predicted and actual (target's unit). Raises CandidateFailed."""
    predicted = predict(fitted, X.iloc[rows])
    return pd.DataFrame({"row": rows, "predicted": predicted, "actual": y.iloc[rows].to_numpy()})


def scores_table(scores: Mapping[str, Sequence[float]], metrics: Sequence[Metric]) -> pd.DataFrame:
    """One row per metric: mean, spread, worst and best fold, as people read them."""
    rows = []
    for metric in metrics:
        values = np.array([metric.value(score) for score in scores[metric.scorer]])
        worst, best = (values.max(), values.min()) if metric.lower_is_better else (values.min(), values.max())
        rows.append([metric.label, *map(metric.text, (values.mean(), values.std(ddof=1), worst, best))])
    return pd.DataFrame(rows, columns=["metric", "mean", "spread", "worst fold", "best fold"]).set_index("metric")


def ranking_table(choice: Choice, results: Mapping[str, Mapping[str, Any]], metrics: Sequence[Metric]) -> pd.DataFrame:
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


def record(
    facts: Mapping[str, Any], ranking: pd.DataFrame, curve: Curve, importance: Mapping[str, Sequence[float]],
    warning: str = "",
) -> dict[str, Any]:  # fmt: skip
    """What 04_compare records beside the manifest: the choice in full, and the lines that the terminal shows.

    facts: as manifest_facts makes them; warning: of verdict.worse_than_nothing.
    """
    return {
        "warning": warning,
        **{key: facts[key] for key in ("winner", "reason", "ranking", "coverage")},
        "failed": {entry["name"]: entry["failed"] for entry in facts["ranking"] if entry["failed"] is not None},
        "holdout": {scorer: metric["holdout"] for scorer, metric in facts["metrics"].items()},
        "learning_curve": asdict(curve),
        "importance": dict(importance),
        "ranking_lines": _lines(ranking),
        "holdout_text": ", ".join(
            f"{metric['label']} {amount(metric['holdout'], metric['unit'])}" for metric in facts["metrics"].values()
        ),
    }


def _lines(table: pd.DataFrame) -> list[str]:
    """Write a table for a terminal: the first and the last column to the left, the numbers to the right."""
    rows = [[*map(str, row)] for row in (table.reset_index().columns, *table.reset_index().to_numpy())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)),
                row[-1],
            ]
        )
        for row in rows
    ]


def worst_rows(predictions: pd.DataFrame, most: int) -> pd.Index:
    """Positions of the records with the largest errors, the largest first."""
    return (predictions["predicted"] - predictions["actual"]).abs().nlargest(most).index


def worst_cases(predictions: pd.DataFrame, table: pd.DataFrame, contract: Contract, most: int) -> pd.DataFrame:
    """The records with the largest errors and their features, the largest first."""
    error = predictions["predicted"] - predictions["actual"]
    rows = worst_rows(predictions, most)
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
        leading = sorted(each.amounts, key=lambda name: -abs(each.amounts[name]))[:most]
        parts = ", ".join(f"{name} {amount(each.amounts[name], signed=True)}" for name in leading)
        rows.append([amount(each.typical), amount(each.prediction), parts])
    unit = f" ({contract.unit})" if contract.unit else ""
    return pd.DataFrame(rows, columns=["typical", "predicted", f"moved most by{unit}"], index=worst.index)

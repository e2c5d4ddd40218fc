"""The outcome in tables and records: what 03_train and 04_compare show and leave."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelbundle.amounts import amount
from modelbundle.digests import digest_json
from training import evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelbundle.contract import Contract
    from training.compare import Choice, Ranked
    from training.evaluate import Curve
    from training.metrics import Metric
    from training.split import Fold


# The group of all categories that have too few rows to stand alone.
POOLED = "rare ones together"


def predictions_csv(
    table: pd.DataFrame, contract: Contract, folds: Sequence[Fold], predicted: Sequence[Sequence[float]]
) -> bytes:
    """Write the out-of-fold predictions: one line per fold and scored row, with the row's position and identifier."""
    parts = [
        pd.DataFrame({"fold": number, "row": fold["score"], "predicted": values})
        for number, (fold, values) in enumerate(zip(folds, predicted, strict=True))
    ]
    lines = pd.concat(parts, ignore_index=True)
    if contract.identifier:
        lines.insert(2, contract.identifier, table[contract.identifier].iloc[lines["row"]].to_numpy())
    lines["actual"] = table[contract.target].iloc[lines["row"]].to_numpy()
    return lines.to_csv(index=False).encode()


def mean_predictions(csv: bytes) -> pd.DataFrame:
    """Average each row's out-of-fold predictions over the repeats; indexed by row position: predicted, actual."""
    return pd.read_csv(io.BytesIO(csv)).groupby("row")[["predicted", "actual"]].mean()


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
    return f"worse by {amount(entry.difference)} ({amount(entry.low)} to {metric.text(entry.high)})"


def holdout_table(
    holdout: Mapping[str, float], scores: Mapping[str, Sequence[float]], metrics: Sequence[Metric]
) -> pd.DataFrame:
    """The winner on the hold-out, beside its folds."""
    rows = [
        [
            metric.label,
            *(metric.text(metric.value(value)) for value in (holdout[metric.scorer], np.mean(scores[metric.scorer]))),
        ]
        for metric in metrics
    ]
    return pd.DataFrame(rows, columns=["metric", "hold-out", "mean over folds"]).set_index("metric")


def manifest_facts(
    conf: Any, choice: Choice, results: Mapping[str, Mapping[str, Any]], metrics: Sequence[Metric],
    holdout: Mapping[str, float], prepared: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """What the manifest tells of how the model was made: JSON values, no times.

    conf: the parts that 04_compare reads; prepared: the record of 02_preprocess.
    """
    scores = results[choice.winner]["scores"]
    decides = {key: _plain(value) for key, value in vars(conf).items() if key not in ("name", "title")}
    inputs = [prepared["data_sha256"], decides, evaluate.CODE]
    return {
        "name": conf.name,
        "title": conf.title,
        "winner": choice.winner,
        "parameters": results[choice.winner]["parameters"],
        "reason": choice.reason,
        "metric": conf.metric,
        "metrics": {
            metric.scorer: {
                "label": metric.label,
                "unit": metric.unit,
                "folds_mean": metric.value(float(np.mean(scores[metric.scorer]))),
                "folds_spread": float(np.std(scores[metric.scorer], ddof=1)),
                "holdout": metric.value(holdout[metric.scorer]),
            }
            for metric in metrics
        },
        "ranking": [asdict(entry) for entry in choice.ranking],
        "data": {"rows": prepared["rows"], "sha256": prepared["data_sha256"]},
        "inputs_sha256": digest_json(inputs),
        "intervals": None,
    }


def record(
    choice: Choice,
    ranking: pd.DataFrame,
    metrics: Sequence[Metric],
    holdout: Mapping[str, float],
    curve: Curve,
) -> dict[str, Any]:
    """What 04_compare records: the choice in full, and the lines that the terminal shows."""
    return {
        "winner": choice.winner,
        "reason": choice.reason,
        "ranking": [asdict(entry) for entry in choice.ranking],
        "failed": {entry.name: entry.failed for entry in choice.ranking if entry.failed is not None},
        "holdout": {metric.scorer: metric.value(holdout[metric.scorer]) for metric in metrics},
        "learning_curve": asdict(curve),
        "ranking_lines": _lines(ranking),
        "holdout_text": ", ".join(
            f"{metric.label} {metric.text(metric.value(holdout[metric.scorer]))}" for metric in metrics
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


def error_by_band(predictions: pd.DataFrame, unit: str, bands: int = 5) -> pd.DataFrame:
    """Median absolute error by fifth of the true target; predictions: columns predicted and actual."""
    edges = pd.qcut(predictions["actual"], bands, duplicates="drop")
    names = {
        band: f"{max(band.left, predictions['actual'].min()):,.0f} to {band.right:,.0f}"
        for band in edges.cat.categories
    }
    return _error_by(predictions, edges.astype(object).map(names), unit, list(names.values()))


def error_by_category(predictions: pd.DataFrame, values: pd.Series, unit: str, fewest: int = 10) -> pd.DataFrame:
    """Median absolute error by category, the commonest first; categories with fewer rows are pooled."""
    labels = values.loc[predictions.index].astype("str").fillna("missing")
    counts = labels.value_counts()
    pooled = labels.where(labels.map(counts) >= fewest, POOLED)
    return _error_by(predictions, pooled, unit, list(pooled.value_counts().index))


def worst_cases(predictions: pd.DataFrame, table: pd.DataFrame, contract: Contract, most: int) -> pd.DataFrame:
    """The records with the largest errors and their features, the largest first."""
    error = predictions["predicted"] - predictions["actual"]
    rows = error.abs().nlargest(most).index
    money = pd.DataFrame(
        {
            f"actual ({contract.unit})" if contract.unit else "actual": predictions.loc[rows, "actual"].map(
                "{:,.0f}".format
            ),
            "predicted": predictions.loc[rows, "predicted"].map("{:,.0f}".format),
            "too high by": error.loc[rows].map("{:+,.0f}".format),
        }
    )
    features = table.loc[rows, contract.features]
    names = table.loc[rows, contract.identifier] if contract.identifier else rows + 1
    return pd.concat([money, features], axis=1).set_index(pd.Index(names, name=contract.identifier or "row"))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return [[key, _plain(item)] for key, item in value.items()]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _error_by(predictions: pd.DataFrame, groups: pd.Series, unit: str, order: Sequence[str]) -> pd.DataFrame:
    error = (predictions["predicted"] - predictions["actual"]).abs()
    table = error.groupby(groups).agg(["size", "median"]).reindex(order)
    table.columns = ["rows", "median_error"]
    return table.rename_axis(f"group, error in {unit}" if unit else "group")

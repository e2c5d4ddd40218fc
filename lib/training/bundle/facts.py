"""What the manifest tells of how the model was made: JSON values without times, for people and for gates."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from modelbundle.digests import digest_json
from training.config.conf import plain
from training.judging import segments
from training.models import constant, evaluate
from training.models.metrics import prediction_scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from modelbundle.contributions import Typical
    from modelbundle.intervals import Intervals
    from training.data.split import Parts
    from training.judging.compare import Choice
    from training.judging.quoted import Quoted
    from training.models.metrics import Metric


def manifest_facts(  # noqa: PLR0913 - each is what one section of 04_compare found
    conf: Any, choice: Choice, results: Mapping[str, Mapping[str, Any]], metrics: Sequence[Metric], quoted: Quoted,
    baseline: Mapping[str, Any], prepared: Mapping[str, Any], searched: Mapping[str, Any] | None,
) -> dict[str, Any]:  # fmt: skip
    """Collect what the comparison found.

    conf: the parts that 04_compare reads; results: candidate -> record of 03_train; metrics: the deciding one first;
    baseline: of best_baseline; prepared: the record of 02_preprocess; searched: of search_facts.
    """
    scores = results[choice.winner]["scores"]
    decides = {key: plain(value) for key, value in vars(conf).items() if key not in ("name", "title")}
    inputs = [prepared["data_sha256"], decides, evaluate.CODE]
    return {
        "name": conf.name,
        "title": conf.title,
        "winner": choice.winner,
        "members": list(conf.candidates[choice.winner].members),
        "parameters": results[choice.winner]["parameters"],
        "reason": choice.reason,
        "target_unit": conf.contract.unit,
        "metric": conf.metric,
        "metrics": {
            metric.scorer: {
                "label": metric.label,
                "unit": metric.unit,
                "folds_mean": metric.value(float(np.mean(scores[metric.scorer]))),
                "folds_spread": float(np.std(scores[metric.scorer], ddof=1)),
                "holdout": quoted[metric.scorer]["value"],
                "holdout_low": quoted[metric.scorer]["low"],
                "holdout_high": quoted[metric.scorer]["high"],
            }
            for metric in metrics
        },
        "ranking": [asdict(entry) | {"ties_with_winner": entry.ties_with_winner} for entry in choice.ranking],
        "baseline": dict(baseline) | {"beaten": _beaten(metrics[0], quoted, baseline)},
        "search": searched,
        "data": {
            "rows": prepared["rows"],
            "holdout_rows": prepared["holdout_rows"],
            "folds": prepared["folds"],
            "equal_rows": prepared["equal_rows"],
            "missing_cells": prepared["missing_cells"],
            "left_out_columns": prepared["left_out_columns"],
            "target_median": prepared["target_median"],
            "sha256": prepared["data_sha256"],
        },
        "inputs_sha256": digest_json(inputs),
    }


def _beaten(metric: Metric, quoted: Quoted, baseline: Mapping[str, Any]) -> bool:
    """Whether the winner is better than the baseline on the hold-out too."""
    apart = quoted[metric.scorer]["value"] - baseline["holdout"]
    return bool(apart < 0 if metric.lower_is_better else apart > 0)


def best_baseline(  # noqa: PLR0913 - each is what one section of 04_compare found
    choice: Choice, load: Callable[[str], Any], X: pd.DataFrame, y: pd.Series, parts: Parts, metric: Metric
) -> dict[str, Any]:
    """Score the best baseline on the hold-out, to hold the winner's error against: its name and its error there.

    load: gives a fitted candidate by its name; the best constant needs no fit but the training rows.
    """
    name, holdout = next(it.name for it in choice.ranking if it.baseline and it.failed is None), parts["holdout"]
    if name == constant.name(metric.scorer):
        value = constant.best_constant(y.iloc[parts["training"]], metric.scorer)
        score = prediction_scorer([metric.scorer])(np.full(len(holdout), value), y.iloc[holdout].to_numpy())
    else:
        score = evaluate.score(load(name), X.iloc[holdout], y.iloc[holdout], [metric.scorer])
    return {"name": name, "holdout": metric.value(score[metric.scorer])}


def certainty_facts(
    intervals: Intervals, typical: Typical, folds: pd.DataFrame, holdout: pd.DataFrame,
    kept: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:  # fmt: skip
    """Collect what a single prediction may be asked for, and how well its interval keeps its word.

    folds, holdout: columns row, actual, low and high, with intervals that were calibrated on other records; kept: kind
    of record -> segments.coverage's table, the fifths of the target first.
    """
    return {
        "intervals": intervals.model_dump(mode="json"),
        "coverage": {
            "folds": float(segments.inside(folds).mean()),
            "holdout": float(segments.inside(holdout).mean()),
            "mean_width": float((folds["high"] - folds["low"]).mean()),
            "by": {
                kind: [
                    {"group": str(name), "rows": int(row["rows"])}
                    | {column: float(row[column]) for column in ("coverage", "mean_width")}
                    for name, row in table.iterrows()
                ]
                for kind, table in kept.items()
            },
        },
        "typical": typical.model_dump(mode="json"),
    }


def search_facts(conf: Any, searched_now: str) -> dict[str, Any] | None:
    """Tell what make tune tried, and whether on the rows that train now; None if the parameters were not searched.

    searched_now: the digest of today's training rows.
    """
    if conf.tuning is None:
        return None
    tried = {name: found.trials for name, found in conf.tuning.candidates.items() if name in conf.candidates}
    blends = sum(count for name, count in tried.items() if conf.candidates[name].members)
    return {
        "scorer": conf.tuning.scorer,
        "settings": sum(tried.values()) - blends,
        "blends": blends,
        "on_these_rows": conf.tuning.searched_on == searched_now,
    }

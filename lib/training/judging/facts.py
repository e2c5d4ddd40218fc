"""What the manifest tells of how the model was made: JSON values without times, for people and for gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from modelbundle.amounts import amount
from modelbundle.digests import digest_json
from training.config.conf import as_json
from training.judging import segments
from training.models import constant, evaluate
from training.models.metrics import Metric, prediction_scorer

if TYPE_CHECKING:
    import pandas as pd

    from modelbundle.contributions import Typical
    from modelbundle.intervals import Intervals
    from training.data.split import Parts, Prepared
    from training.judging.compare import Choice
    from training.judging.quoted import Quoted
    from training.models.diagnose import Curve
    from training.models.evaluate import CandidateResult


class MetricFacts(TypedDict):
    """The winner's errors by one metric, as people read it."""

    label: str
    unit: str
    folds_mean: float
    folds_spread: float
    holdout: float
    holdout_low: float
    holdout_high: float


class BaselineFacts(TypedDict):
    """The best baseline's error on the hold-out, and whether the winner is better there."""

    name: str
    holdout: float
    beaten: bool


class SearchFacts(TypedDict):
    """What make tune tried; on_these_rows: whether it saw the rows that train now, and no others."""

    scorer: str
    settings: int
    blends: int
    on_these_rows: bool


class ManifestFacts(TypedDict):
    """All that a manifest tells beside the bundle's files, contract and versions, in the order of the file.

    metrics: by scorer, the reported ones too; ranking: as compare.Ranked, with ties_with_winner; coverage: shares of
    true values in the intervals, and their mean width.
    """

    name: str
    title: str
    winner: str
    members: list[str]
    parameters: dict[str, Any]
    reason: str
    target_unit: str
    metric: str
    metrics: dict[str, MetricFacts]
    ranking: list[dict[str, Any]]
    baseline: BaselineFacts
    search: SearchFacts | None
    data: dict[str, Any]
    inputs_sha256: str
    intervals: dict[str, Any]
    coverage: dict[str, Any]
    typical: dict[str, Any]


def manifest_facts(*parts: Mapping[str, Any]) -> ManifestFacts:
    """Put together what the functions below tell."""
    facts = {key: value for part in parts for key, value in part.items()}
    return ManifestFacts(**{key: facts[key] for key in ManifestFacts.__annotations__})


def choice_facts(choice: Choice, winner: CandidateResult, members: Sequence[str]) -> dict[str, Any]:
    """Tell what was chosen; winner: its record of 03_train; members: of a blend."""
    return {
        "winner": choice.winner,
        "members": list(members),
        "parameters": winner["parameters"],
        "reason": choice.reason,
        "ranking": [asdict(entry) | {"ties_with_winner": entry.ties_with_winner} for entry in choice.ranking],
    }


def error_facts(
    scores: Mapping[str, Sequence[float]], metrics: Sequence[Metric], quoted: Quoted, baseline: Mapping[str, Any]
) -> dict[str, Any]:
    """Tell how wrong the winner is.

    scores: its own, scorer -> one per fold; metrics: the deciding one first; baseline: of best_baseline.
    """
    deciding, errors = metrics[0], {}
    for metric in metrics:
        folds, holdout = scores[metric.scorer], quoted[metric.scorer]
        errors[metric.scorer] = MetricFacts(
            label=metric.label, unit=metric.unit,
            folds_mean=metric.value(float(np.mean(folds))), folds_spread=float(np.std(folds, ddof=1)),
            holdout=holdout["value"], holdout_low=holdout["low"], holdout_high=holdout["high"],
        )  # fmt: skip
    apart = errors[deciding.scorer]["holdout"] - baseline["holdout"]
    beaten = bool(apart < 0 if deciding.lower_is_better else apart > 0)
    return {"metrics": errors, "baseline": BaselineFacts(**baseline, beaten=beaten)}


def problem_facts(conf: Any, prepared: Prepared) -> dict[str, Any]:
    """Tell what was asked for and of which data; conf: the parts that 04_compare reads."""
    decides = {key: as_json(value) for key, value in vars(conf).items() if key not in ("name", "title")}
    described = (
        "rows", "holdout_rows", "folds", "equal_rows", "missing_cells", "left_out_columns", "target_median",
    )  # fmt: skip
    return {
        "name": conf.name,
        "title": conf.title,
        "target_unit": conf.contract.unit,
        "metric": conf.metric,
        "data": {key: prepared[key] for key in described} | {"sha256": prepared["data_sha256"]},
        "inputs_sha256": digest_json([prepared["data_sha256"], decides, evaluate.CODE]),
    }


def best_baseline(  # noqa: PLR0913 - each is what one section of 04_compare found
    choice: Choice, load: Callable[[str], Any], X: pd.DataFrame, y: pd.Series, parts: Parts, metric: Metric
) -> dict[str, Any]:
    """Score the best baseline on the hold-out, to hold the winner's error against: its name and its error there.

    load: gives a fitted candidate by its name; the best constant needs no fit but the training rows.
    """
    sound = (entry.name for entry in choice.ranking if entry.baseline and entry.failed is None)
    name, holdout = next(sound), parts["holdout"]
    if name == constant.name(metric.scorer):
        value = constant.best_constant(y.iloc[parts["training"]], metric.scorer)
        score = prediction_scorer([metric.scorer])(np.full(len(holdout), value), y.iloc[holdout].to_numpy())
    else:
        score = evaluate.score(load(name), X.iloc[holdout], y.iloc[holdout], [metric.scorer])
    return {"name": name, "holdout": metric.value(score[metric.scorer])}


def certainty_facts(
    intervals: Intervals, typical: Typical, folds: pd.DataFrame, holdout: pd.DataFrame,
    coverages: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:  # fmt: skip
    """Collect what a single prediction may be asked for, and how well its interval keeps its word.

    folds, holdout: columns row, actual, low and high, with intervals that were calibrated on other records.
    coverages: kind of record -> segments.coverage's table, the fifths of the target first.
    """
    by = {
        kind: [
            {"group": str(name), "rows": int(row["rows"])}
            | {column: float(row[column]) for column in ("coverage", "mean_width")}
            for name, row in table.iterrows()
        ]
        for kind, table in coverages.items()
    }
    coverage = {
        "folds": float(segments.inside(folds).mean()),
        "holdout": float(segments.inside(holdout).mean()),
        "mean_width": float((folds["high"] - folds["low"]).mean()),
        "by": by,
    }
    return {
        "intervals": intervals.model_dump(mode="json"),
        "coverage": coverage,
        "typical": typical.model_dump(mode="json"),
    }


def search_facts(conf: Any, searched_now: str) -> SearchFacts | None:
    """Tell what make tune tried, and whether on the rows that train now; None if the parameters were not searched.

    searched_now: the digest of today's training rows.
    """
    if conf.tuning is None:
        return None
    tried = {name: found.trials for name, found in conf.tuning.candidates.items() if name in conf.candidates}
    blends = sum(count for name, count in tried.items() if conf.candidates[name].members)
    return SearchFacts(
        scorer=conf.tuning.scorer, settings=sum(tried.values()) - blends, blends=blends,
        on_these_rows=conf.tuning.searched_on == searched_now,
    )  # fmt: skip


def record(facts: ManifestFacts, curve: Curve, importance: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """What 04_compare records beside the manifest: the choice in full, for the terminal and for tests."""
    errors = facts["metrics"]
    return {
        **{key: facts[key] for key in ("winner", "reason", "ranking", "coverage")},
        "failed": {entry["name"]: entry["failed"] for entry in facts["ranking"] if entry["failed"] is not None},
        "holdout": {scorer: error["holdout"] for scorer, error in errors.items()},
        "holdout_text": ", ".join(
            f"{error['label']} {amount(error['holdout'], error['unit'])}" for error in errors.values()
        ),
        "learning_curve": asdict(curve),
        "importance": dict(importance),
    }

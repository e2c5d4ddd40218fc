"""Whether the quoted error can be believed: the whole procedure on a part of the data, held against the rest of it.

On each re-split some records are put aside before anything is done. From the others the procedure searches, compares,
chooses, quotes an error with its range, and refits, as make tune and make run do, with fewer trials and smaller blends;
then the range meets the error on the records put aside. What people knew of all the data when they wrote the
configuration (which candidates, which spaces) no re-split can hide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from training.data.split import equal_rows, put_aside, split_rows
from training.judging import compare, predictions, quoted
from training.models import candidates, constant, evaluate, metrics, search
from training.problems import CandidateFailed

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from training.config.recipe import Candidate
    from training.models.evaluate import Scored, Shared
    from training.models.metrics import Metric

MOST_MEMBERS = 3  # of a blend: larger ones take longer to search, and gain little


@dataclass(frozen=True)
class Audited:
    """One re-split: the winner, and per scorer the quoted value, low and high, and the error on the unused records."""

    seed: int
    winner: str
    quoted: dict[str, dict[str, float]]
    unused: dict[str, float]

    def holds(self, scorer: str) -> bool:
        """Whether the quoted range holds the error on the records that were put aside."""
        return self.quoted[scorer]["low"] <= self.unused[scorer] <= self.quoted[scorer]["high"]


def audit_once(  # noqa: PLR0913 - the data, and each setting of the notebook
    conf: Any, X: pd.DataFrame, y: pd.Series, seed: int, unused_fraction: float, trials: int, scorer: str
) -> Audited:
    """Run the procedure on a random part of the records, and score what it publishes on the rest.

    conf: the parts that the notebook reads, as people wrote them; X, y: all rows; seed: draws the records that are put
    aside, a share of unused_fraction, and the split of the others; trials, scorer: of the search for each candidate.
    """
    alike = equal_rows(X, y)
    sizes, limits = np.bincount(alike), (round(len(X) * unused_fraction), round((alike.max() + 1) * unused_fraction))
    order = np.random.default_rng(seed).permutation(len(sizes))
    unused = np.isin(alike, put_aside(sizes, order, *limits))
    aside, used = np.flatnonzero(unused), np.flatnonzero(~unused)
    known, truth = X.iloc[used].reset_index(drop=True), y.iloc[used].reset_index(drop=True)
    parts = split_rows(len(used), conf.split.model_copy(update={"seed": seed}), equal_rows(known, truth))
    shared = evaluate.Shared(known, truth, parts["folds"])
    searched = _search(conf, shared, trials, scorer)
    shown = [metrics.describe(name, conf.contract.unit) for name in conf.scorers]
    results, predicted = _compare(conf, searched, shared)
    winner = compare.choose(results, shown[0], conf.rule, parts["folds"]).winner
    pipeline = _build(conf, searched, winner)
    lines = predictions.unseen_predictions(parts["folds"], predicted[winner], truth)
    unseen = predictions.first_repeat(lines, parts["folds"])
    held_out = predictions.held_out_predictions(
        _fitted(pipeline, known, truth, parts["training"]), known, truth, parts["holdout"]
    )
    error = quoted.quote(held_out, unseen, shown, seed, others=len(aside))
    published = _fitted(pipeline, known, truth, range(len(known)))
    scores = evaluate.score(published, X.iloc[aside], y.iloc[aside], conf.scorers)
    return Audited(seed, winner, error, {metric.scorer: metric.value(scores[metric.scorer]) for metric in shown})


def held(audits: Sequence[Audited], scorer: str) -> int:
    """In how many re-splits the quoted range held the error on the unused records."""
    return sum(each.holds(scorer) for each in audits)


def record(audits: Sequence[Audited], shown: Sequence[Metric]) -> dict[str, Any]:
    """What the notebook records, beside the sentence that it shows."""
    counts = {metric.scorer: held(audits, metric.scorer) for metric in shown}
    return {"splits": len(audits), "held": counts, "audits": [asdict(each) for each in audits]}


def _search(conf: Any, shared: Shared, trials: int, scorer: str) -> dict[str, Candidate]:
    """The candidates with the parameters that a search finds on these folds, and the blends with its members."""
    design, found = _design(conf), {}
    for name, candidate in conf.candidates.items():
        if candidate.search:
            with suppress(CandidateFailed):  # it will be compared as it is written, and fail or not
                it = search.search_parameters(
                    candidate, candidates.builder(name, design), shared, scorer, trials, conf.split.seed
                )
                found[name] = it.tried[it.best]
    able = candidates.with_parameters(conf.candidates, found)
    blends = {name: candidate for name, candidate in conf.candidates.items() if candidate.members}
    log = conf.target_transform == "log"
    with suppress(CandidateFailed):  # then the blends keep the members that people wrote
        _, predicted = search.try_each(able if blends else {}, candidates.builder("", design), shared, scorer)
        scores = search.blend_scores(predicted, shared, scorer, log=log, most=MOST_MEMBERS)
        members = list(search.best_blend(scores, predicted, shared, conf.scorers[0], log=log))
        blends = {name: blend.model_copy(update={"members": members}) for name, blend in blends.items()}
    return dict(conf.candidates) | able | blends


def _compare(
    conf: Any, searched: Mapping[str, Candidate], shared: Shared
) -> tuple[dict[str, Scored], dict[str, list[list[float]]]]:
    results: dict[str, Scored] = {}
    predicted = {}
    for name, candidate in searched.items():
        results[name] = {"baseline": candidate.baseline, "failed": None, "scores": {}}
        try:
            done = evaluate.cross_validate(_build(conf, searched, name), shared, conf.scorers)
        except CandidateFailed as failure:
            results[name]["failed"] = str(failure)
            continue
        results[name]["scores"], predicted[name] = done.scores, done.predicted
    results |= constant.constant_result(shared.y, shared.folds, conf.scorers)
    return compare.with_failed_members(results, searched), predicted


def _build(conf: Any, searched: Mapping[str, Candidate], name: str) -> Pipeline:
    members = {member: searched[member] for member in searched[name].members}
    return candidates.build_pipeline(name, searched[name], _design(conf), members)


def _design(conf: Any) -> candidates.Design:
    return candidates.Design(conf.contract, conf.target_transform, conf.split.seed, conf.engineered)


def _fitted(pipeline: Pipeline, X: pd.DataFrame, y: pd.Series, rows: Sequence[int]) -> Pipeline:
    return evaluate.unfitted(pipeline).fit(X.iloc[rows], y.iloc[rows])

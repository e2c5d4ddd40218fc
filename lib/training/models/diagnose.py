"""What a candidate's score hangs on: the number of rows that it is fitted on, and each of its features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import joblib
import numpy as np
import pandas as pd

from training.cores import CORES
from training.finite import predict
from training.models.evaluate import Shared, cross_validate, remembered, timed_fit
from training.models.metrics import prediction_scorer
from training.problems import CandidateFailed

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from training.data.split import Fold

# How often a feature is shuffled in each fold, to measure what it is worth there.
SHUFFLES = 3


@dataclass(frozen=True)
class Curve:
    """A learning curve: mean number of fitted rows per size, the folds' scores at each, and why sizes are left out."""

    rows: list[int]
    scores: list[list[float]]
    failed: str = ""


def learning_curve(pipeline: Pipeline, shared: Shared, scorer: str, fractions: Sequence[float], seed: int) -> Curve:
    """Score a pipeline fitted on growing shares of each fold's rows; the first repeat of the folds suffices."""
    first = shared.first_repeat().folds
    random = np.random.default_rng(seed)
    order = [random.permutation(fold["fit"]) for fold in first]
    groups = [
        [_smaller(fold, rows, fraction) for fold, rows in zip(first, order, strict=True)]
        for fraction in sorted(fractions)
    ]
    rows = [round(float(np.mean([len(fold["fit"]) for fold in group]))) for group in groups]

    def scored(folds: Sequence[Fold]) -> list[float]:
        return cross_validate(pipeline, replace(shared, folds=folds), [scorer]).scores[scorer]

    try:
        # in one go: a core that is done with one size begins with the next
        together = iter(scored([*chain.from_iterable(groups)]))
        return Curve(rows, [[next(together) for _ in group] for group in groups])
    except CandidateFailed as failure:
        return _curve_of_sizes(rows, groups, scored, str(failure))


def _smaller(fold: Fold, order: np.ndarray, fraction: float) -> Fold:
    count = max(2, round(len(order) * fraction))
    return {"fit": sorted(order[:count].tolist()), "score": fold["score"]}


def _curve_of_sizes(
    rows: list[int], groups: list[list[Fold]], scored: Callable[[Sequence[Fold]], list[float]], failed: str
) -> Curve:
    """The curve of the sizes that can be scored alone."""
    scorable: list[tuple[int, list[float]]] = []
    for count, group in zip(rows, groups, strict=True):
        with suppress(CandidateFailed):
            scorable.append((count, scored(group)))
    return Curve([count for count, _ in scorable], [scores for _, scores in scorable], failed)


def importance(pipeline: Pipeline, shared: Shared, scorer: str, seed: int) -> dict[str, list[float]]:
    """How much worse a pipeline scores on rows it has not seen when one feature is shuffled among them.

    Permutation importance (Breiman, 2001, "Random forests", Machine Learning 45) on each fold of the first repeat.
    Returns feature -> one loss of the score per fold; above zero: the feature helps. Empty if a
    shuffled record cannot be predicted or scored.
    """
    try:
        losses = remembered(_importance, pipeline, shared.first_repeat(), scorer, seed)
    except (CandidateFailed, ValueError, ArithmeticError):
        return {}
    return losses if np.isfinite(list(losses.values())).all() else {}


def _importance(pipeline: Pipeline, shared: Shared, scorer: str, seed: int) -> dict[str, list[float]]:
    score, X, y = prediction_scorer([scorer]), shared.X, shared.y

    def one_fold(fold: Fold) -> list[float]:
        fitted, _ = timed_fit(pipeline, X.iloc[fold["fit"]], y.iloc[fold["fit"]])
        unseen, truth = X.iloc[fold["score"]], y.iloc[fold["score"]].to_numpy()
        random = np.random.default_rng(seed)
        orders = np.concatenate([random.permutation(len(unseen)) for _ in range(SHUFFLES)])
        # All shuffles of a feature at once: a pipeline takes about as long to begin as to predict a fold.
        copies = pd.concat([unseen] * SHUFFLES, ignore_index=True)
        unshuffled, losses = score(predict(fitted, unseen), truth)[scorer], []
        for name in X.columns:
            shuffled = copies.copy()
            shuffled[name] = unseen[name].array.take(orders)
            predicted = np.split(predict(fitted, shuffled), SHUFFLES)
            losses.append(unshuffled - float(np.mean([score(each, truth)[scorer] for each in predicted])))
        return losses

    done = joblib.Parallel(n_jobs=CORES, prefer="threads")(joblib.delayed(one_fold)(fold) for fold in shared.folds)
    return {name: [fold[number] for fold in done] for number, name in enumerate(X.columns)}

"""The fits: each is done once for the same code, data and parameters, and remembered.

So a changed figure or sentence refits nothing, although its notebook runs again.
"""

from __future__ import annotations

import pickle
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd
from sklearn.base import clone
from tqdm.auto import tqdm

from modelbundle.digests import digest_json
from training.cores import CORES
from training.finite import predict
from training.models.metrics import prediction_scorer
from training.paths import CACHE
from training.problems import CandidateFailed
from training.provenance import locked_environment, module_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sklearn.pipeline import Pipeline

    from training.data.split import Fold, Parts

# How often a feature is shuffled in each fold, to measure what it is worth there.
SHUFFLES = 3

# Taken when this code is loaded: a kernel that was started before an edit must not file its fits under the new code.
CODE = digest_json([module_digest("training.models.evaluate"), locked_environment()])


@dataclass(frozen=True)
class Shared:
    """What all candidates are fitted and scored on: features and target, one row per record, and the folds of rows."""

    X: pd.DataFrame
    y: pd.Series
    folds: Sequence[Fold]

    def first_repeat(self) -> Shared:
        """The same with as many folds as it takes until every row has been scored once."""
        return replace(self, folds=self.folds[: folds_of_one_repeat(self.folds)])


@dataclass(frozen=True)
class Trial:
    """What became of one candidate on the shared folds; `failed` holds the reason if it could not be scored.

    scores: scorer -> one per fold (greater is better); predicted: per fold, in the target's unit; model: the pickle of
    the pipeline fitted on all training rows.
    """

    failed: str | None = None
    scores: dict[str, list[float]] = field(default_factory=dict)
    predicted: list[list[float]] = field(default_factory=list)
    model: bytes = b""
    fold_fit_seconds: list[float] = field(default_factory=list)
    fit_seconds: float = 0.0


@dataclass(frozen=True)
class Curve:
    """A learning curve: mean number of fitted rows per size, the folds' scores at each, and why sizes are left out."""

    rows: list[int]
    scores: list[list[float]]
    failed: str = ""


def try_candidate(pipeline: Pipeline, X: pd.DataFrame, y: pd.Series, parts: Parts, scorers: Sequence[str]) -> Trial:
    """Cross-validate a candidate and fit it on the training rows; a failure is a result, so the others can go on."""
    try:
        done = cross_validate(pipeline, Shared(X, y, parts["folds"]), scorers)
        model, seconds = fit(pipeline, X.iloc[parts["training"]], y.iloc[parts["training"]])
    except CandidateFailed as failure:
        return Trial(failed=str(failure))
    return Trial(None, done["scores"], done["predicted"], model, done["fit_seconds"], seconds)


def learning_curve(pipeline: Pipeline, shared: Shared, scorer: str, fractions: Sequence[float], seed: int) -> Curve:
    """Score a pipeline fitted on growing shares of each fold's rows; the first repeat of the folds suffices."""
    first = shared.first_repeat().folds
    random = np.random.default_rng(seed)
    order = [random.permutation(fold["fit"]) for fold in first]
    sizes = [[max(2, round(len(rows) * fraction)) for rows in order] for fraction in sorted(fractions)]
    smaller: list[Fold] = [
        {"fit": sorted(rows[:count].tolist()), "score": fold["score"]}
        for counts in sizes
        for count, rows, fold in zip(counts, order, first, strict=True)
    ]
    groups = [smaller[start : start + len(first)] for start in range(0, len(smaller), len(first))]
    rows = [round(float(np.mean(size))) for size in sizes]

    def scored(folds: Sequence[Fold]) -> list[float]:
        return cross_validate(pipeline, replace(shared, folds=folds), [scorer])["scores"][scorer]

    try:
        together = iter(scored(smaller))  # in one go: a core that is done with one size begins with the next
        return Curve(rows, [[next(together) for _ in group] for group in groups])
    except CandidateFailed as failure:
        return _curve_of_sizes(rows, groups, scored, str(failure))


def _curve_of_sizes(
    rows: list[int], groups: list[list[Fold]], scored: Callable[[Sequence[Fold]], list[float]], failed: str
) -> Curve:
    """The curve of the sizes that can be scored alone."""
    kept: list[tuple[int, list[float]]] = []
    for count, group in zip(rows, groups, strict=True):
        with suppress(CandidateFailed):
            kept.append((count, scored(group)))
    return Curve([count for count, _ in kept], [scores for _, scores in kept], failed)


def importance(pipeline: Pipeline, shared: Shared, scorer: str, seed: int) -> dict[str, list[float]]:
    """How much worse a pipeline scores on rows it has not seen when one feature is shuffled among them.

    Permutation importance (Breiman, 2001, "Random forests", Machine Learning 45) on each fold of the first repeat.
    Returns feature -> one loss of the score per fold; above zero: the feature helps. Empty where it cannot be told: a
    record that was put together by shuffling may be one that the pipeline cannot predict, or the scorer not score.
    """
    try:
        losses = _remembered(_importance, pipeline, shared.first_repeat(), scorer, seed)
    except (CandidateFailed, ValueError, ArithmeticError):
        return {}
    return losses if np.isfinite(list(losses.values())).all() else {}


def score(fitted: Pipeline, X: pd.DataFrame, y: pd.Series, scorers: Sequence[str]) -> dict[str, float]:
    """Score a fitted pipeline on unseen rows: scorer -> score. Raises CandidateFailed unless all are finite numbers."""
    return prediction_scorer(scorers)(predict(fitted, X), y.to_numpy())


def unfitted(pipeline: Pipeline) -> Pipeline:
    """The same pipeline, not fitted."""
    return clone(pipeline)


def cross_validate(pipeline: Pipeline, shared: Shared, scorers: Sequence[str]) -> dict[str, Any]:
    """Fit and score a pipeline on each fold, preprocessing included.

    Returns scores (scorer -> one per fold), predicted (per fold, the prediction for each of its score rows, in the
    target's unit) and fit_seconds (per fold).
    Raises CandidateFailed with the reason.
    """
    score, done = prediction_scorer(scorers), _remembered(_predict_folds, pipeline, shared)
    each = [
        score(np.array(predicted), shared.y.iloc[fold["score"]].to_numpy())
        for fold, predicted in zip(shared.folds, done["predicted"], strict=True)
    ]
    return done | {"scores": {name: [scores[name] for scores in each] for name in scorers}}


def fit(pipeline: Pipeline, X: pd.DataFrame, y: pd.Series) -> tuple[bytes, float]:
    """Fit a pipeline on all rows given; returns its pickle and the seconds that the fit took.

    Bytes, not an object: what is remembered and what is written are then the same to the last bit.
    Raises CandidateFailed with the reason.
    """
    return _remembered(_fit, pipeline, X, y)


def folds_of_one_repeat(folds: Sequence[Fold]) -> int:
    """How many folds it takes until every row has been scored once."""
    rows = {row for fold in folds for row in fold["score"]}
    covered = np.cumsum([len(fold["score"]) for fold in folds])
    return int(np.searchsorted(covered, len(rows))) + 1


def _predict_folds(pipeline: Pipeline, shared: Shared) -> dict[str, Any]:
    """Without scores, so that whatever is scored later was fitted and predicted once."""
    X, y, folds = shared.X, shared.y, shared.folds

    def one_fold(fold: Fold) -> tuple[list[float], float]:
        fitted, seconds = _timed_fit(pipeline, X.iloc[fold["fit"]], y.iloc[fold["fit"]])
        return predict(fitted, X.iloc[fold["score"]]).tolist(), seconds

    # One fold per core. Threads suffice: scikit-learn's fits release the interpreter, and no process has to start.
    done = joblib.Parallel(n_jobs=CORES, prefer="threads", return_as="generator")(
        joblib.delayed(one_fold)(fold) for fold in folds
    )
    results = list(tqdm(done, total=len(folds), desc="folds", leave=False, delay=5))
    return {"predicted": [predicted for predicted, _ in results], "fit_seconds": [seconds for _, seconds in results]}


def _importance(pipeline: Pipeline, shared: Shared, scorer: str, seed: int) -> dict[str, list[float]]:
    score, X, y = prediction_scorer([scorer]), shared.X, shared.y

    def one_fold(fold: Fold) -> list[float]:
        fitted, _ = _timed_fit(pipeline, X.iloc[fold["fit"]], y.iloc[fold["fit"]])
        unseen, truth = X.iloc[fold["score"]], y.iloc[fold["score"]].to_numpy()
        random = np.random.default_rng(seed)
        orders = np.concatenate([random.permutation(len(unseen)) for _ in range(SHUFFLES)])
        # All shuffles of a feature at once: a pipeline takes about as long to begin as to predict a fold.
        copies = pd.concat([unseen] * SHUFFLES, ignore_index=True)
        kept, losses = score(predict(fitted, unseen), truth)[scorer], []
        for name in X.columns:
            shuffled = copies.copy()
            shuffled[name] = unseen[name].array.take(orders)
            predicted = np.split(predict(fitted, shuffled), SHUFFLES)
            losses.append(kept - float(np.mean([score(each, truth)[scorer] for each in predicted])))
        return losses

    done = joblib.Parallel(n_jobs=CORES, prefer="threads")(joblib.delayed(one_fold)(fold) for fold in shared.folds)
    return {name: [fold[number] for fold in done] for number, name in enumerate(X.columns)}


def _fit(pipeline: Pipeline, X: pd.DataFrame, y: pd.Series) -> tuple[bytes, float]:
    fitted, seconds = _timed_fit(pipeline, X, y)
    return pickle.dumps(fitted, protocol=5), seconds


def _timed_fit(pipeline: Pipeline, X: pd.DataFrame, y: pd.Series) -> tuple[Pipeline, float]:
    start = time.perf_counter()
    try:
        fitted = clone(pipeline).fit(X, y)
    except Exception as error:  # whatever a configured class may raise: the other candidates go on
        raise CandidateFailed(f"its fit raised {type(error).__name__}: {error}") from error
    return fitted, time.perf_counter() - start


@dataclass(frozen=True, repr=False)
class _Asked:
    """A call to remember. joblib writes down each argument's repr; that of a pipeline takes longer than many fits."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def _remembered(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function, or take its result from the last call with the same arguments, code and environment."""
    return joblib.Memory(CACHE / "fits" / CODE[:16], verbose=0).cache(_answer)(_Asked(function, arguments))


def _answer(asked: _Asked) -> Any:
    return asked.function(*asked.arguments)

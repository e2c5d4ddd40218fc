"""The fits: each is done once for the same code, data and parameters, and remembered.

So a changed figure or sentence refits nothing, although its notebook runs again.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypedDict

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
    from sklearn.pipeline import Pipeline

    from training.data.split import Fold, Parts

# The modules whose fits are remembered.
FITTING = ("training.models.evaluate", "training.models.diagnose")
# Taken when this code is loaded: a kernel that was started before an edit must not file its fits under the new code.
CODE = digest_json([module_digest(*FITTING), locked_environment()])


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
class Validated:
    """What a pipeline did on the folds.

    scores: scorer -> one per fold (greater is better); predicted, fit_seconds: per fold.
    """

    scores: dict[str, list[float]] = field(default_factory=dict)
    predicted: list[list[float]] = field(default_factory=list)
    fit_seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """What became of one candidate; `failed` holds the reason if it could not be scored.

    folds: what it did on them; model: the pickle of the pipeline fitted on all training rows.
    """

    failed: str | None = None
    folds: Validated = Validated()
    model: bytes = b""
    fit_seconds: float = 0.0


class Scored(TypedDict):
    """What candidates are compared by; failed: the reason why there are no scores; scores: scorer -> one per fold."""

    baseline: bool
    failed: str | None
    scores: dict[str, list[float]]


class CandidateResult(Scored):
    """What 03_train records of a candidate."""

    candidate: str
    parameters: dict[str, Any]
    preprocessing: str
    size_bytes: int


def try_candidate(pipeline: Pipeline, X: pd.DataFrame, y: pd.Series, parts: Parts, scorers: Sequence[str]) -> Trial:
    """Cross-validate a candidate and fit it on the training rows; a failure is a result, so the others can go on."""
    try:
        folds = cross_validate(pipeline, Shared(X, y, parts["folds"]), scorers)
        model, seconds = fit(pipeline, X.iloc[parts["training"]], y.iloc[parts["training"]])
    except CandidateFailed as failure:
        return Trial(failed=str(failure))
    return Trial(None, folds, model, seconds)


def score(fitted: Pipeline, X: pd.DataFrame, y: pd.Series, scorers: Sequence[str]) -> dict[str, float]:
    """Score a fitted pipeline on unseen rows: scorer -> score. Raises CandidateFailed unless all are finite numbers."""
    return prediction_scorer(scorers)(predict(fitted, X), y.to_numpy())


def unfitted(pipeline: Pipeline) -> Pipeline:
    """The same pipeline, not fitted."""
    return clone(pipeline)


def cross_validate(pipeline: Pipeline, shared: Shared, scorers: Sequence[str]) -> Validated:
    """Fit and score a pipeline on each fold, preprocessing included. Raises CandidateFailed with the reason."""
    score, (predicted, seconds) = prediction_scorer(scorers), remembered(_predict_folds, pipeline, shared)
    each = [
        score(np.array(values), shared.y.iloc[fold["score"]].to_numpy())
        for fold, values in zip(shared.folds, predicted, strict=True)
    ]
    return Validated({name: [scores[name] for scores in each] for name in scorers}, predicted, seconds)


def fit(pipeline: Pipeline, X: pd.DataFrame, y: pd.Series) -> tuple[bytes, float]:
    """Fit a pipeline on all rows given; returns its pickle and the seconds that the fit took.

    Bytes, not an object: what is remembered and what is written are then the same to the last bit.
    Raises CandidateFailed with the reason.
    """
    return remembered(_fit, pipeline, X, y)


def folds_of_one_repeat(folds: Sequence[Fold]) -> int:
    """How many folds it takes until every row has been scored once."""
    rows = {row for fold in folds for row in fold["score"]}
    covered = np.cumsum([len(fold["score"]) for fold in folds])
    return int(np.searchsorted(covered, len(rows))) + 1


def _predict_folds(pipeline: Pipeline, shared: Shared) -> tuple[list[list[float]], list[float]]:
    """Without scores, so that whatever is scored later was fitted and predicted once."""
    X, y, folds = shared.X, shared.y, shared.folds

    def one_fold(fold: Fold) -> tuple[list[float], float]:
        fitted, seconds = timed_fit(pipeline, X.iloc[fold["fit"]], y.iloc[fold["fit"]])
        return predict(fitted, X.iloc[fold["score"]]).tolist(), seconds

    # One fold per core. Threads suffice: scikit-learn's fits release the interpreter, and no process has to start.
    done = joblib.Parallel(n_jobs=CORES, prefer="threads", return_as="generator")(
        joblib.delayed(one_fold)(fold) for fold in folds
    )
    results = list(tqdm(done, total=len(folds), desc="folds", leave=False, delay=5))
    return [predicted for predicted, _ in results], [seconds for _, seconds in results]


def _fit(pipeline: Pipeline, X: pd.DataFrame, y: pd.Series) -> tuple[bytes, float]:
    fitted, seconds = timed_fit(pipeline, X, y)
    return pickle.dumps(fitted, protocol=5), seconds


def timed_fit(pipeline: Pipeline, X: pd.DataFrame, y: pd.Series) -> tuple[Pipeline, float]:
    """Fit a copy of a pipeline; returns it and the seconds that the fit took. Raises CandidateFailed."""
    start = time.perf_counter()
    try:
        fitted = clone(pipeline).fit(X, y)
    except Exception as error:  # whatever a configured class may raise: the other candidates go on
        raise CandidateFailed(f"its fit raised {type(error).__name__}: {error}") from error
    return fitted, time.perf_counter() - start


@dataclass(frozen=True, repr=False)
class _Asked:
    """A call. joblib would write down the repr of each argument, which takes longer for a pipeline than many fits."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def remembered(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function, or take its result from the last call with the same arguments, code and environment."""
    return joblib.Memory(CACHE / "fits" / CODE[:16], verbose=0).cache(_answer)(_Asked(function, arguments))


def _answer(asked: _Asked) -> Any:
    return asked.function(*asked.arguments)

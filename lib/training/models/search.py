"""The search for good parameters, and for candidates that predict well together, on the training folds alone.

Optuna proposes: its tree-structured Parzen estimator (Bergstra and others, 2011, "Algorithms for hyper-parameter
optimization", NeurIPS 24) spends few trials where they are worthless, and works for any model's parameters;
scikit-learn's halving search saves rows, of which there are few here. The proposals follow from the seed and every fit
is remembered, so that a search that was killed goes on where it stood as soon as it is started again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from tqdm.auto import tqdm

from training.config.recipe import Candidate, Range
from training.models import evaluate
from training.models.metrics import prediction_scorer
from training.problems import CandidateFailed

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from training.models.evaluate import Shared

# A best value that lies in this share of its range from an end may be better still beyond it.
EDGE = 0.02


@dataclass(frozen=True)
class Found:
    """What a search tried, in order: the parameters that were set and the score; nan where the candidate failed.

    The first trial is the candidate as conf/ has it. mattered: parameter -> share of the differences that it explains,
    0-1; at_edge: parameters whose best value lies at an end of the space.
    """

    tried: list[dict[str, Any]]
    scores: list[float]
    mattered: dict[str, float] = field(default_factory=dict)
    at_edge: list[str] = field(default_factory=list)

    @property
    def best(self) -> int:
        """The number of the best trial."""
        return int(np.nanargmax(self.scores))


def search_parameters(  # noqa: PLR0913 - the data, and each setting of the notebook
    candidate: Candidate, build: Callable[[Candidate], Pipeline], shared: Shared, scorer: str, trials: int, seed: int
) -> Found:
    """Search a candidate's space for the best mean score over the folds.

    build: makes the pipeline of a candidate; trials: how many settings to try, the present one among them.
    Raises CandidateFailed if none could be scored.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(_present(candidate))
    tried, scores = [], []
    for _ in (progress := tqdm(range(trials), desc="trials", leave=False)):
        trial = study.ask()
        values = {name: _propose(trial, name, space) for name, space in candidate.search.items()}
        changed = candidate.model_copy(update={"parameters": candidate.parameters | values})
        try:
            score = _mean_score(build(changed), shared, scorer)
            study.tell(trial, score)
        except CandidateFailed as failure:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            score, reason = math.nan, failure
        tried.append(values)
        scores.append(score)
        progress.set_postfix(best=f"{np.nanmax(scores):.5g}" if not np.isnan(scores).all() else "none")
    if np.isnan(scores).all():
        raise CandidateFailed(f"none of {trials} settings could be scored; the last: {reason}")
    best = tried[int(np.nanargmax(scores))]
    edges = [name for name, space in candidate.search.items() if _at_edge(best[name], space)]
    return Found(tried, scores, _mattered(study), edges)


def _present(candidate: Candidate) -> dict[str, Any]:
    """What the candidate sets today of what is searched."""
    present = {name: _value(candidate.parameters, name) for name in candidate.search}
    return {name: value for name, value in present.items() if value is not None}


def _mean_score(pipeline: Pipeline, shared: Shared, scorer: str) -> float:
    return float(np.mean(evaluate.cross_validate(pipeline, shared, [scorer]).scores[scorer]))


def summary(found: Found) -> dict[str, Any]:
    """What tune records of a search: the best parameters, and what the configuration keeps of how it went."""
    return {
        "parameters": found.tried[found.best],
        "trials": len(found.tried),
        "before": None if math.isnan(found.scores[0]) else found.scores[0],
        "after": found.scores[found.best],
        "mattered": found.mattered,
        "at_edge": found.at_edge,
    }


def trials_table(found: Found) -> list[dict[str, Any]]:
    """All that a search tried, in order: parameters and score; None where the candidate failed."""
    tried = zip(found.tried, found.scores, strict=True)
    return [{"parameters": values, "score": None if math.isnan(score) else score} for values, score in tried]


def blends_table(scores: Mapping[tuple[str, ...], float]) -> list[dict[str, Any]]:
    """All blends that blend_scores tried, best first: members and score."""
    return [{"members": list(names), "score": score} for names, score in scores.items()]


def try_each(
    candidates: Mapping[str, Candidate], build: Callable[[Candidate], Pipeline], shared: Shared, scorer: str
) -> tuple[dict[str, float], dict[str, list[list[float]]]]:
    """Cross-validate each candidate: its mean score, and per fold its predictions for the score rows.

    One that fails is left out. Raises CandidateFailed if fewer than two are left, of which no blend can be made.
    """
    done, failed = {}, []
    for name, candidate in candidates.items():
        try:
            done[name] = evaluate.cross_validate(build(candidate), shared, [scorer])
        except CandidateFailed as failure:
            failed.append(f"{name}: {failure}")
    if len(done) < 2:
        raise CandidateFailed(
            f"a blend needs two candidates that are no baseline and can be scored; {'; '.join(failed)}"
        )
    alone = {name: float(np.mean(each.scores[scorer])) for name, each in done.items()}
    return alone, {name: each.predicted for name, each in done.items()}


def blend_scores(
    predicted: Mapping[str, Sequence[Sequence[float]]], shared: Shared, scorer: str, *, log: bool, most: int
) -> dict[tuple[str, ...], float]:
    """Score every blend of two to `most` members: names -> mean score over the folds, best first.

    A name may stand several times, and then counts as often: ensemble selection with replacement (Caruana and others,
    2004, "Ensemble selection from libraries of models", ICML 21), of which all results are tried.

    predicted: per candidate and fold, the predictions for the fold's score rows; log: whether they are averaged on the
    logarithm, as the blend does. A blend that cannot be scored is left out.
    """
    score = _blend_scorer(predicted, shared, scorer, log=log)
    sets = [
        names
        for size in range(2, most + 1)
        for names in itertools.combinations_with_replacement(predicted, size)
        if len(set(names)) > 1
    ]
    scores = {names: score(names) for names in tqdm(sets, desc="blends", leave=False, delay=1)}
    able = {names: score for names, score in scores.items() if score > -math.inf}
    return dict(sorted(able.items(), key=lambda item: -item[1]))


def best_blend(
    scores: Mapping[tuple[str, ...], float], predicted: Mapping[str, Sequence[Sequence[float]]], shared: Shared,
    metric: str, *, log: bool,
) -> tuple[str, ...]:  # fmt: skip
    """Choose the best blend that by the deciding metric, too, beats every candidate alone; or else just the best.

    Searched by another scorer, the best blend may lose the comparison to one of its members by a hair.
    Raises CandidateFailed if there is no blend.
    scores: of blend_scores; metric: the scorer that decides; the others as in blend_scores.
    """
    if not scores:
        raise CandidateFailed("no blend of these candidates could be scored: see what each predicts, in 03_train")
    score = _blend_scorer(predicted, shared, metric, log=log)
    alone = max(score((name,)) for name in predicted)
    return next((names for names in scores if score(names) > alone), next(iter(scores)))


def _blend_scorer(
    predicted: Mapping[str, Sequence[Sequence[float]]], shared: Shared, scorer: str, *, log: bool
) -> Callable[[tuple[str, ...]], float]:
    """Make a function that scores the blend of some candidates: the mean over the folds, -inf where it fails."""
    score, folds = prediction_scorer([scorer]), range(len(shared.folds))
    truth = [shared.y.iloc[fold["score"]].to_numpy() for fold in shared.folds]
    forward, back = (np.log, np.exp) if log else (np.asarray, np.asarray)
    scale = {name: [forward(np.array(values)) for values in each] for name, each in predicted.items()}

    def of(names: tuple[str, ...]) -> float:
        with np.errstate(over="ignore"):  # and is then no score
            blends = [back(np.mean([scale[name][number] for name in names], axis=0)) for number in folds]
        try:
            return float(np.mean([score(*pair)[scorer] for pair in zip(blends, truth, strict=True)]))
        except CandidateFailed:
            return -math.inf

    return of


def _value(parameters: Mapping[str, Any], name: str) -> Any:
    """The present value of a parameter: under its own name, or, as in kernel__nu, inside an object."""
    if name in parameters:
        return parameters[name]
    outer, _, inner = name.partition("__")
    return _value(parameters[outer], inner) if inner and isinstance(parameters.get(outer), dict) else None


def _propose(trial: optuna.Trial, name: str, space: Range | list[Any]) -> Any:
    if not isinstance(space, Range):
        return trial.suggest_categorical(name, space)
    if isinstance(space.low, int) and isinstance(space.high, int):
        return trial.suggest_int(name, space.low, space.high, log=space.log)
    # digits that a person can read, and no others, so that what is committed is what was scored
    return float(f"{trial.suggest_float(name, space.low, space.high, log=space.log):.4g}")


def _at_edge(value: Any, space: Range | list[Any]) -> bool:
    if not isinstance(space, Range):
        return False
    low, high, at = (math.log(number) if space.log else number for number in (space.low, space.high, value))
    return not low + EDGE * (high - low) < at < high - EDGE * (high - low)


def _mattered(study: optuna.Study) -> dict[str, float]:
    """How much of the differences between trials each parameter explains (functional analysis of variance)."""
    done = [trial.value for trial in study.trials if trial.value is not None]
    if len(done) < 4 or len(set(done)) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: round(share, 2) for name, share in shares.items()}

"""The comparison: ranking, paired differences, ties and the choice, computed from the candidates' recorded results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from training.problems import CandidateFailed

if TYPE_CHECKING:
    from training.config.recipe import Candidate
    from training.data.split import Fold
    from training.models.evaluate import Scored
    from training.models.metrics import Metric

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Ranked:
    """One candidate in the ranking, by the deciding metric; values as people read them, spread over the folds.

    difference, low and high say how much worse it is than the winner on the same folds (below zero: better), with
    the 95 % interval. A tie is an interval that holds zero.
    """

    name: str
    baseline: bool
    failed: str | None = None
    mean: float | None = None
    spread: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    beats_baseline: bool = False

    @property
    def may_win(self) -> bool:
        """Whether it is a candidate that could be scored."""
        return not self.baseline and self.failed is None

    @property
    def ties_with_winner(self) -> bool:
        """Whether the folds cannot tell it from the winner."""
        return self.low is not None and self.low <= 0 <= self.high

    @property
    def is_better_than_winner(self) -> bool:
        """Whether it is better on these folds by more than chance, as a less simple one may be."""
        return self.high is not None and self.high < 0


@dataclass(frozen=True)
class Choice:
    """The winner, the whole ranking (best mean first, failed last) and the reason in words."""

    winner: str
    ranking: tuple[Ranked, ...]
    reason: str


def with_failed_members(results: Mapping[str, Scored], candidates: Mapping[str, Candidate]) -> dict[str, Scored]:
    """The results, with every blend failed that has a member that failed alone.

    An average may hide a prediction beyond all bounds, and then be served where it hides nothing.
    """
    found = dict(results)
    for name, candidate in candidates.items():
        bad = [member for member in candidate.members if results[member]["failed"] is not None]
        if bad and results[name]["failed"] is None:
            found[name] = {**results[name], "failed": f"its member {bad[0]} failed: {results[bad[0]]['failed']}"}
    return found


def choose(results: Mapping[str, Scored], metric: Metric, rule: str, folds: Sequence[Fold]) -> Choice:
    """Rank the candidates and choose the winner by the configured rule.

    results: name -> recorded result of 03_train, simplest first, all on the same folds.
    Baselines, failed candidates and those that do not beat every baseline cannot win.
    Raises CandidateFailed if none is left.
    """
    scores = {
        name: np.asarray(result["scores"][metric.scorer])
        for name, result in results.items()
        if result["failed"] is None
    }
    able = _able(results, scores, metric)
    best = winner = max(able, key=lambda name: scores[name].mean())
    if rule == "simplest_within_one_standard_error":
        limit = scores[best].mean() - scores[best].std(ddof=1) / np.sqrt(len(folds))
        winner = next(name for name in able if scores[name].mean() >= limit)

    def ranked(name: str) -> Ranked:
        about = Ranked(name, results[name]["baseline"], results[name]["failed"], beats_baseline=name in able)
        if name not in scores:
            return about
        mean, spread = metric.value(float(scores[name].mean())), float(scores[name].std(ddof=1))
        difference, low, high = paired_difference(scores[winner] - scores[name], folds)
        return replace(about, mean=mean, spread=spread, difference=difference, low=low, high=high)

    by_mean = sorted(results, key=lambda name: -scores[name].mean() if name in scores else np.inf)
    ranking = tuple(map(ranked, by_mean))
    rivals = [entry for entry in ranking if entry.may_win and entry.name != winner]
    reason = f"{_why(ranked(winner), ranked(best), metric, rule)}.{_beside(rivals)}"
    return Choice(winner, ranking, reason)


def _able(results: Mapping[str, Scored], scores: Mapping[str, np.ndarray], metric: Metric) -> list[str]:
    """The candidates that beat every baseline. Raises CandidateFailed if there are none."""
    baselines, candidates = _means(results, scores, baseline=True), _means(results, scores, baseline=False)
    if not baselines:
        raise CandidateFailed("no baseline could be scored, so no candidate can be shown to beat it; see the report")
    if not candidates:
        failures = [f"{name}: {result['failed']}" for name, result in results.items() if name not in scores]
        raise CandidateFailed(f"every candidate failed, so there is no model worth publishing: {'; '.join(failures)}")
    first, strict = max(candidates, key=candidates.get), max(baselines, key=baselines.get)
    if candidates[first] <= baselines[strict]:
        best, known = (metric.text(metric.value(mean)) for mean in (candidates[first], baselines[strict]))
        raise CandidateFailed(
            f"no candidate beats the baseline in {metric.label}, so there is no model worth publishing: over the folds "
            f"the best, {first}, has {best}, and {strict}, which knows no features, "
            f"{known}. Look at the contract's columns, the candidates and their preprocessing in conf/"
        )
    return [name for name, mean in candidates.items() if mean > baselines[strict]]


def _means(results: Mapping[str, Scored], scores: Mapping[str, np.ndarray], *, baseline: bool) -> dict[str, float]:
    return {name: float(each.mean()) for name, each in scores.items() if results[name]["baseline"] is baseline}


def paired_difference(differences: np.ndarray, folds: Sequence[Fold]) -> tuple[float, float, float]:
    """Mean of the folds' paired differences, with its corrected 95 % interval.

    Folds share rows, so their differences are not independent; the variance is widened by the ratio of scored to
    fitted rows: Nadeau and Bengio (2003), "Inference for the generalization error", Machine Learning 52.
    """
    count = len(differences)
    mean = float(differences.mean())
    ratio = np.mean([len(fold["score"]) / len(fold["fit"]) for fold in folds])
    error = np.sqrt(differences.var(ddof=1) * (1 / count + ratio))
    # the quantile of Student's t; scipy.stats says the same, and takes a second to import
    half = float(special.stdtrit(count - 1, (1 + CONFIDENCE) / 2) * error)
    return mean, mean - half, mean + half


def listed(names: Sequence[str]) -> str:
    """Write names as a sentence does: `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), *names[-1:]] if len(names) > 1 else names)


def _beside(rivals: Sequence[Ranked]) -> str:
    """Say how the winner stands to the other candidates; nothing where it is the only one."""
    better = listed([entry.name for entry in rivals if entry.is_better_than_winner])
    ties = listed([entry.name for entry in rivals if entry.ties_with_winner])
    told = f" On these folds {better} is better by more than chance, and less simple." if better else ""
    if ties:
        return f"{told} The folds cannot tell it from {ties}: call that a tie."
    return told or " Its lead over every other candidate is more than chance between folds." * bool(rivals)


def _why(winner: Ranked, best: Ranked, metric: Metric, rule: str) -> str:
    if winner.name != best.name:
        return (
            f"{winner.name} is the simplest candidate within one standard error of the best mean {metric.label} "
            f"({metric.text(winner.mean)} against {metric.text(best.mean)} of {best.name})"
        )
    extreme = "lowest" if metric.lower_is_better else "highest"
    simpler = "" if rule == "best_mean" else ", and no simpler candidate comes within one standard error of it"
    return f"{winner.name} has the {extreme} mean {metric.label} over the folds, {metric.text(winner.mean)}{simpler}"

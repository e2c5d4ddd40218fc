"""Each candidate's paired difference between two runs that scored it on the same folds, with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from training.judging.compare import paired_difference
from training.tracking import differences

if TYPE_CHECKING:
    from training.tracking.record import Record


@dataclass(frozen=True)
class Pair:
    """One candidate in two runs, by one metric; old, new: means over the folds, as people read the metric.

    difference: how much worse it is in the new run (below zero: better), with its 95 % interval; None where the folds
    are not the same or one of the runs has no scores, and why then says so.
    """

    name: str
    old: float | None
    new: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""

    @property
    def told(self) -> str:
        """What the folds say: same, better, worse, or that they cannot tell."""
        if self.difference is None:
            return self.why
        if self.low == self.high == 0:
            return "the same"
        if self.low <= 0 <= self.high:
            return "not told apart"
        return "worse" if self.difference > 0 else "better"


def shared_metric(old: Record, new: Record) -> str:
    """The scorer to compare by: the one that decides now, if the old run has it too; otherwise the one before."""
    return new.metric if new.metric in _scorers(old) or old.metric not in _scorers(new) else old.metric


def pairs(old: Record, new: Record) -> list[Pair]:
    """Compare each candidate of either run, those of the new one first."""
    names = [*new.candidates, *(name for name in old.candidates if name not in new.candidates)]
    scorer, same = shared_metric(old, new), differences.same_folds(old, new)
    return [_pair(name, scorer, (old, new), same=bool(same)) for name in names]


def _pair(name: str, scorer: str, runs: tuple[Record, Record], *, same: bool) -> Pair:
    found = [run.candidates.get(name) for run in runs]
    scores = [each["scores"].get(scorer) if each and not each["failed"] else None for each in found]
    sign = -1 if scorer.startswith("neg_") else 1
    old, new = (None if each is None else sign * float(np.mean(each)) for each in scores)
    if None in scores:
        return Pair(name, old, new, why=_missing(found, ("old", "new"), scorer))
    if not same:
        return Pair(name, old, new, why="not comparable: other folds")
    folds = [{part: range(count) for part, count in (("fit", fit), ("score", score))} for fit, score in _sizes(runs[1])]
    return Pair(name, old, new, *paired_difference(np.subtract(*scores), folds))


def _missing(found: list[Any], runs: tuple[str, str], scorer: str) -> str:
    for candidate, run in zip(found, runs, strict=True):
        if candidate is None:
            return f"not in the {run} run"
        if candidate["failed"]:
            return f"failed in the {run} run"
    return f"not scored by {scorer} in both"


def _scorers(record: Record) -> set[str]:
    return {scorer for each in record.candidates.values() for scorer in each.get("scores", {})}


def _sizes(record: Record) -> list[tuple[int, int]]:
    return list(zip(record.folds["fit"], record.folds["score"], strict=True))

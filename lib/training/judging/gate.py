"""The gate: whether a new model may take the place of the served one, from evidence, on the same rows for both.

It judges the winner as it was fitted before the refit. What it cannot find out is never a reason to promote.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from modelbundle.amounts import percent
from modelbundle.digests import canonical_json
from modelbundle.frame import records_to_frame
from training.config.gating import Decision, Gate, Verdict
from training.judging import paired
from training.judging.compare import listed
from training.judging.evidence import row_digests
from training.judging.narrower import narrower, read_otherwise
from training.judging.sides import Side, candidate_side, same_folds, served_side
from training.models.metrics import Metric, describe, prediction_scorer
from training.problems import Problem

ORDER: tuple[Verdict, ...] = ("refuse", "ask", "promote")  # the first that any check says decides


@dataclass(frozen=True)
class Found:
    """What one check says, why in sentences, and its numbers as JSON values."""

    verdict: Verdict
    sentences: list[str]
    numbers: dict[str, Any] = field(default_factory=dict)


Check = Callable[[Side, Side | None, "Gate"], Found]


def judge(folder: Path, served: Path | None, rules: Gate) -> Decision:
    """Judge a bundle's folder, named by its version, against the served one's; None where nothing is served yet.

    Whoever cannot reach the registry does not know that nothing is served, and must not say so.
    """
    candidate = candidate_side(folder)
    return decide(candidate, None if served is None else served_side(served, candidate), rules)


def decide(candidate: Side, served: Side | None, rules: Gate) -> Decision:
    """Decide from what the two bundles tell; served: None where nothing is served yet on this channel.

    One refusal refuses; without one, what a check cannot find out is for a person.
    """
    checks = {"bundle": _replayed} if candidate.broken else CHECKS
    found = {name: _closed(name, check, candidate, served, rules) for name, check in checks.items()}
    numbers = {
        "candidate": candidate.version,
        "served": served.version if served else None,
        "rules": rules.model_dump(mode="json"),
        "checks": {name: {"verdict": each.verdict, **each.numbers} for name, each in found.items()},
    }
    by_weight = sorted(found.values(), key=lambda each: ORDER.index(each.verdict))
    return Decision(by_weight[0].verdict, [text for each in by_weight for text in each.sentences], numbers)


def _closed(name: str, check: Check, candidate: Side, served: Side | None, rules: Gate) -> Found:
    """What a check finds; where it fails, or finds what is no finite number, a person decides."""
    try:
        found = check(candidate, served, rules)
        canonical_json(found.numbers)
    except Problem as problem:
        return Found("ask", [f"The gate cannot judge the {name}: {problem}."])
    except Exception as error:  # whatever it is: a gate that fails stays closed
        return Found("ask", [f"The gate cannot judge the {name}: the bundles do not tell it as expected ({error!r})."])
    return found


def _replayed(candidate: Side, served: Side | None, rules: Gate) -> Found:
    if candidate.broken:
        return Found("refuse", [f"The new bundle must not be served: {candidate.broken}."])
    return Found("promote", ["The new bundle loads, and its golden requests replay."])


def _compared(candidate: Side, served: Side | None, rules: Gate) -> Found:
    """Hold the losses of both against each other: on the same folds, or on rows that neither was fitted on."""
    if served is None:
        return Found("promote", ["Nothing is served yet on this channel, so there is no model to compare with."])
    if lacks := [side.lacks for side in (candidate, served) if side.evidence is None]:
        return Found("ask", [f"The two models cannot be compared: {text}." for text in lacks])
    new, old = candidate.evidence, served.evidence
    scorer, other = new.validated.metric, old.validated.metric
    if scorer != other:
        return Found("ask", [f"The new model was chosen by {scorer}, the served one by {other}: say which counts."])
    metric = describe(scorer, candidate.contract.unit)
    if same_folds(new, old):
        return _weighed(paired.on_folds(new, old, metric), metric, rules)
    return _on_new_rows(candidate, served, metric, rules)


def _on_new_rows(candidate: Side, served: Side, metric: Metric, rules: Gate) -> Found:
    if otherwise := read_otherwise(served.contract, candidate.contract):
        what = f"The new contract reads {listed(otherwise)} in another way, so that known rows may look new."
        return Found("ask", [f"{what} On the same data and folds as before the two can be compared."])
    new, old = candidate.evidence, served.evidence
    digests = row_digests(records_to_frame(new.records, served.contract), new.actual)
    fresh = ~np.isin(digests, old.fitted)
    count, needed = int(fresh.sum()), rules.minimum_rows
    if count < needed:
        return Found("ask", [_too_few(len(fresh), count, needed)], {"new_rows": count, "holdout_rows": len(fresh)})
    if served.answers is None:
        return Found("ask", [f"The served model cannot be asked for the new records: {served.broken or 'it was not'}."])
    columns = [np.asarray(each, dtype=float)[fresh] for each in (new.actual, new.predicted, served.answers)]
    order = np.lexsort([*columns, digests[fresh]])  # whatever the order of the rows, the same draws
    seed = int.from_bytes(sha256(digests[fresh][order].tobytes()).digest()[:8], "little")
    found = paired.on_rows(*(each[order] for each in columns), metric, seed)
    return _weighed(found, metric, rules, {"new_rows": count, "holdout_rows": len(fresh), "seed": seed})


def _too_few(rows: int, count: int, needed: int) -> str:
    new = f"only {count} of them are" if count else "none of them is"
    return (
        f"The new hold-out has {rows:,} records, and {new} new to the served model, which was fitted on the others; "
        f"{needed:,} are needed. More new data, or a run on the same data and folds, would let the gate judge."
    )


def _weighed(found: paired.Compared, metric: Metric, rules: Gate, more: dict[str, Any] | None = None) -> Found:
    """Refuse what is worse by more than the margin and by more than luck; say the rest with its numbers."""
    refused = found.relative > rules.margin and found.low > 0
    margin = f"the margin of {percent(rules.margin)}"
    said = (
        f", more than {margin} and by more than luck; the served model stays" if refused
        else "" if found.relative <= 0
        else f", within {margin}" if found.relative <= rules.margin
        else f", more than {margin}, but the interval says that it may be luck"
    )  # fmt: skip
    numbers = {"metric": metric.scorer, **asdict(found), **(more or {})}
    return Found("refuse" if refused else "promote", [f"{paired.tell(found, metric)}{said}."], numbers)


def _baseline(candidate: Side, served: Side | None, rules: Gate) -> Found:
    """Refuse what is not better than the best constant, or than the best baseline, on the hold-out."""
    if candidate.evidence is None:
        return Found("ask", [f"Whether it beats the best constant cannot be told: {candidate.lacks}."])
    told, constant = candidate.evidence, candidate.evidence.validated.constant
    metric, known = describe(told.validated.metric, candidate.contract.unit), candidate.manifest["baseline"]
    order, score = np.lexsort([told.predicted, told.actual]), prediction_scorer([metric.scorer])
    predictions = told.predicted[order], np.full(len(order), constant)
    ours, its = (paired.loss(metric, score(each, told.actual[order])[metric.scorer]) for each in predictions)
    beaten = bool(ours < its and known["beaten"] is True)
    numbers = {"new": ours, "best_constant": its, "constant": constant, "rows": len(order), "beaten": beaten}
    than = "" if ours >= its or beaten else f"; nor is it better than the baseline {known['name']}"
    sentence = (
        f"On the {len(order):,} records of its hold-out, {paired.label(metric)} is {paired.text(metric, ours)}; "
        f"the best constant has {paired.text(metric, its)}{than}"
    )
    tail = "." if beaten else ". A model that is no better than what knows no features is not served."
    return Found("promote" if beaten else "refuse", [sentence + tail], numbers)


def _covered(candidate: Side, served: Side | None, rules: Gate) -> Found:
    """Refuse intervals that hold far fewer true values than promised, in the folds or in the hold-out."""
    manifest = candidate.manifest
    level, data = manifest["intervals"]["level"], manifest["data"]
    rows = {"folds": data["rows"] - data["holdout_rows"], "holdout": data["holdout_rows"]}
    shares = {part: float(manifest["coverage"][part]) for part in rows}
    given = rules.least_coverage
    least = {part: level - 0.05 - 2 / count**0.5 if given is None else given for part, count in rows.items()}
    held = all(shares[part] >= least[part] for part in rows)
    told = " and ".join(
        f"{percent(shares[part])} {where} (at least {percent(least[part])} is asked for)"
        for part, where in (("folds", "in the folds"), ("holdout", "in the hold-out"))
    )
    sentence = f"Of the true values, its intervals of {percent(level)} hold {told}."
    return Found("promote" if held else "refuse", [sentence], {"level": level, "shares": shares, "least": least})


def _wide(candidate: Side, served: Side | None, rules: Gate) -> Found:
    """Refuse a contract that refuses clients of the served one."""
    if served is None:
        return Found("promote", [])
    new, old = candidate.manifest["name"], served.manifest["name"]
    other = [] if new == old else [f"The new model is of the problem {new}, the served one of {old}."]
    found = narrower(served.contract, candidate.contract)
    sentences = other + [f"The contract is narrower. {text}" for text in found]
    return Found("refuse" if sentences else "promote", sentences or ["The contract takes all that it took."])


def _sized(candidate: Side, served: Side | None, rules: Gate) -> Found:
    """Tell the sizes; they decide nothing."""
    sizes = {name: side.size if side else None for name, side in (("new", candidate), ("served", served))}
    beside = f"; the served one takes {sizes['served'] / 1e6:.1f} MB" if served else ""
    return Found("promote", [f"The bundle takes {sizes['new'] / 1e6:.1f} MB{beside}."], sizes)


CHECKS: dict[str, Check] = {
    "comparison": _compared,
    "baseline": _baseline,
    "coverage": _covered,
    "contract": _wide,
    "bundle": _replayed,
    "size": _sized,
}


def main() -> int:
    """Judge in a process of its own, since a model's class may do anything to the one that it is in.

    Arguments: the bundle's folder, the served one's or nothing, and the rules as JSON. Prints the decision as JSON.
    """
    folder, served, rules = sys.argv[1:]
    decision = judge(Path(folder), Path(served) if served else None, Gate.model_validate_json(rules))
    print(json.dumps(asdict(decision)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Two runs side by side: what is said of them, for the terminal and for a page alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelbundle.amounts import amount, between
from training.tracking import differences
from training.tracking.paired import Pair, pairs, shared_metric

if TYPE_CHECKING:
    from training.tracking.record import Record

LONGEST = 60  # of a value that is shown


@dataclass(frozen=True)
class Section:
    """A question, the sentence that answers it, and perhaps a table: heads and rows of texts."""

    title: str
    sentence: str
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Two runs, by their names, and what differs; pairs: each candidate, label and unit: of the metric for them."""

    names: tuple[str, str]
    sections: tuple[Section, ...]
    pairs: tuple[Pair, ...]
    label: str
    unit: str


def compare(names: tuple[str, str], old: Record, new: Record) -> Comparison:
    """Hold two runs of one problem against each other."""
    scorer = shared_metric(old, new)
    shown = new.metrics.get(scorer) or old.metrics.get(scorer) or {"label": scorer.removeprefix("neg_"), "unit": ""}
    found, label, unit = tuple(pairs(old, new)), shown["label"], shown["unit"]
    sections = (
        _runs(names, old, new),
        _result(old, new),
        _candidates(found, label, unit, same=differences.same_folds(old, new)),
        _table("Configuration", "key", differences.configuration(old, new)),
        _code(old, new),
        _data(old, new),
        _table("Environment", "part", differences.environment(old, new)),
    )
    return Comparison(names, sections, found, label, unit)


def lines(comparison: Comparison) -> list[str]:
    """Write a comparison for the terminal."""
    told = []
    for section in comparison.sections:
        told += ["", section.title, *([f"  {section.sentence}"] if section.sentence else [])]
        rows = [section.heads, *section.rows] if section.rows else []
        widths = [max(len(row[at]) for row in rows) for at in range(len(section.heads))] if rows else []
        told += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return told


def _runs(names: tuple[str, str], old: Record, new: Record) -> Section:
    rows = [("run", *names)]
    rows += [(key, getattr(old, key), getattr(new, key)) for key in ("command", "status", "started", "who")]
    rows.append(("commit", *(_commit(run) for run in (old, new))))
    rows.append(("bundle", *((run.bundle or "none")[:12] for run in (old, new))))
    title = f"{new.configuration.get('title', new.problem)}: two runs"
    said = "Both are one and the same run." if names[0] == names[1] else ""
    return Section(title, said, ("", "old", "new"), tuple(rows))


def _result(old: Record, new: Record) -> Section:
    rows = [("winner", old.winner or "none", new.winner or "none")]
    for scorer in dict.fromkeys([*new.metrics, *old.metrics]):
        for where, key in (("folds", "folds_mean"), ("hold-out", "holdout")):
            values = [run.metrics.get(scorer, {}) for run in (old, new)]
            label = next(each["label"] for each in values[::-1] if each)
            rows.append((f"{label}, {where}", *(_amount(each.get(key), each.get("unit", "")) for each in values)))
    said = {
        True: "Both scored the same hold-out.",
        False: "They scored different hold-outs: their errors there also differ by the rows.",
        None: "One of them scored no hold-out.",
    }[differences.same_holdout(old, new)]
    times = [f"no. {run.holdout['times']}" if run.holdout else "none" for run in (old, new)]
    return Section("Result", said, ("", "old", "new"), (*rows, ("scoring of the hold-out", *times)))


def _candidates(found: tuple[Pair, ...], label: str, unit: str, *, same: bool | None) -> Section:
    said = {
        True: f"On the same folds, mean {label}; how much worse the new run is, with the 95 % interval "
        "(Nadeau and Bengio's, since folds share rows).",
        False: "The folds are not the same, so that no difference is paired: the means also differ by the rows.",
        None: "One of the runs left no folds, so that no difference is paired.",
    }[same]
    return Section(
        "Candidates", said, ("candidate", "old", "new", "difference", ""), tuple(_cells(it, unit) for it in found)
    )


def _cells(pair: Pair, unit: str) -> tuple[str, ...]:
    apart = ""
    if pair.difference is not None and pair.told != "the same":
        apart = f"{amount(pair.difference, unit, signed=True)} ({between(pair.low, pair.high)})"
    return (pair.name, _amount(pair.old, unit), _amount(pair.new, unit), apart, pair.told)


def _code(old: Record, new: Record) -> Section:
    names, commits = differences.code(old, new), [_commit(run) for run in (old, new)]
    said = (
        f"The code of {', '.join(names)} differs, or what they import."
        if names
        else "Every notebook has the same code."
    )
    if commits[0] != commits[1]:
        said += f" The commit was {commits[0]}; it is {commits[1]}."
    return Section("Code", said)


def _data(old: Record, new: Record) -> Section:
    section = _table("Data", "", differences.data(old, new))
    unknown = [run for run in (old, new) if "sha256" not in run.data]
    return Section("Data", "One of the runs did not read them.") if unknown else section


def _table(title: str, head: str, differing: list[tuple[str, Any, Any]]) -> Section:
    if not differing:
        return Section(title, "The same.")
    rows = tuple((key, _short(old), _short(new)) for key, old, new in differing)
    return Section(title, "", (head, "old", "new"), rows)


def _commit(record: Record) -> str:
    changed = record.commit["changed"]
    return record.commit["name"] + (f" (files changed: {changed})" if changed else "")


def _amount(value: float | None, unit: str) -> str:
    return "" if value is None else amount(value, unit)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

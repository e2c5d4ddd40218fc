"""The heads of all records of a problem, kept in one file so that a thousand are listed at once; records are the truth.

A head that is missing, or whose record has another size or time, is made from the record again.
"""

import json
from pathlib import Path
from typing import Any

from training.files import write_atomically
from training.graph.ledger import ledger_file, read_ledger
from training.problems import Problem
from training.tracking.record import FILE, Record, history_folder, read_record
from training.tracking.store import RUNS_WITH_PAGES

INDEX = "index.json"
# Another shape of the heads is another number: they are then all made again.
SHAPE = 1


def heads(problem: str) -> list[dict[str, Any]]:
    """The heads of a problem's records, newest first. One that cannot be read has the status unreadable.

    A head: name, id, verb, status, started, commit, dirty, winner, metric (label), unit, folds and holdout (values as
    people read them), changed, data, times, bundle, and holdout_id and by, for the ledger; why, if it is unreadable.
    """
    history = history_folder(problem)
    known, found = _known(history), {}
    records = sorted(history.glob(f"*/{FILE}")) if history.is_dir() else []
    for path in records:
        stat, name = path.stat(), path.parent.name
        state, head = [stat.st_size, stat.st_mtime_ns], known.get(name)
        found[name] = head if head and head["file"] == state else {**_head(path.parent), "file": state}
    if found != known:
        _remember(history, found)
    return sorted(found.values(), key=lambda head: (head["started"], head["name"]), reverse=True)


def with_pages(problem: str, registry: Path) -> set[str]:
    """Names of the runs whose pages are kept: the newest, and the last one that made each bundle in the registry."""
    there, keep = heads(problem), {}
    for head in reversed(there):
        if version := head.get("bundle"):
            keep[version] = head["name"]
    bundles = {version for version in keep if any((registry / place / version).is_dir() for place in (".", "bundles"))}
    return {head["name"] for head in there[:RUNS_WITH_PAGES]} | {keep[version] for version in bundles}


def write_ledger() -> None:
    """Count from the records of all problems which executed comparisons scored which hold-out, in their order."""
    scored = [head for folder in _histories() for head in heads(folder.name) if head.get("holdout_id")]
    ledger: dict[str, list[str]] = {}
    for head in sorted(scored, key=lambda head: head["started"]):
        executed = ledger.setdefault(head["holdout_id"], [])
        if head["by"] not in executed:  # a run that had nothing to compare tells of the comparison before
            executed.append(head["by"])
    write_atomically(ledger_file(), json.dumps(ledger).encode())


def require_ledger() -> None:
    """Count again where records have come or gone since the last count, which shows in the times of their folders."""
    changed = [folder.stat().st_mtime_ns for folder in _histories()]
    path = ledger_file()
    if changed and not (path.is_file() and path.stat().st_mtime_ns >= max(changed) and read_ledger()):
        write_ledger()


def _histories() -> list[Path]:
    folder = ledger_file().parent
    return [path for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []


def _head(folder: Path) -> dict[str, Any]:
    name = folder.name
    nothing = dict.fromkeys(
        ("commit", "dirty", "winner", "metric", "unit", "folds", "holdout", "data", "times", "bundle")
    )
    try:
        record = read_record(folder, whole=False)
    except Problem as problem:
        stood = {"verb": "", "status": "unreadable", "started": _time_of(name), "changed": [], "why": str(problem)}
        return {"name": name, "id": name.rpartition("-")[2], **nothing, **stood}
    return {"name": name, "id": name.rpartition("-")[2], **nothing, **_told(record)}


def _told(record: Record) -> dict[str, Any]:
    shown, holdout = record.metrics.get(record.metric, {}), record.holdout or {}
    return {
        "verb": record.verb,
        "status": record.status,
        "started": record.started,
        "commit": record.commit["name"],
        "dirty": bool(record.commit["changed"]),
        "winner": record.winner,
        "metric": shown.get("label", record.metric),
        "unit": shown.get("unit"),
        "folds": shown.get("folds_mean"),
        "holdout": shown.get("holdout"),
        "changed": record.changed,
        "data": record.data.get("sha256"),
        "times": holdout.get("times"),
        "bundle": record.bundle,
        "holdout_id": holdout.get("id"),
        "by": holdout.get("by"),
    }


def _time_of(name: str) -> str:
    """The time that a record's name begins with, as the records write it."""
    t = name.partition("Z")[0]
    return f"{t[:4]}-{t[4:6]}-{t[6:11]}:{t[11:13]}:{t[13:15]}"


def _known(history: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads((history / INDEX).read_bytes())
        return content["heads"] if content["shape"] == SHAPE else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _remember(history: Path, found: dict[str, dict[str, Any]]) -> None:
    try:
        write_atomically(history / INDEX, json.dumps({"shape": SHAPE, "heads": found}).encode())
    except Problem:
        return  # whoever may only read the records makes the heads again the next time

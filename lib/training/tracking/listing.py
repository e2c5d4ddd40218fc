"""The list of runs, newest first, as a table for the terminal or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from modelbundle.amounts import amount
from training.tracking.find import tags
from training.tracking.index import heads

MOST_SHOWN = 20
COLUMNS = (
    "run",
    "age",
    "what",
    "status",
    "commit",
    "winner",
    "folds",
    "hold-out",
    "changed since the one before",
    "tags",
)
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Wanted:
    """Which runs to list; an empty word wants all. data: how the fingerprint of the data begins."""

    winner: str = ""
    status: str = ""
    tag: str = ""
    data: str = ""
    last: int = MOST_SHOWN

    def is_met(self, head: dict[str, Any]) -> bool:
        """Whether a run is one of them."""
        return (
            self.winner in ("", head["winner"])
            and self.status in ("", head["status"])
            and (not self.tag or self.tag in head["tags"])
            and (head["data"] or "").startswith(self.data)
        )


def listed(problem: str, wanted: Wanted) -> list[dict[str, Any]]:
    """The heads of the runs that are wanted, newest first, each with its tags."""
    named = tags(problem)
    found = [{**head, "tags": [tag for tag, name in named.items() if name == head["name"]]} for head in heads(problem)]
    return [head for head in found if wanted.is_met(head)][: wanted.last]


def table(runs: Sequence[dict[str, Any]], now: datetime | None = None) -> list[str]:
    """Write runs as lines of a table; its columns are as wide as they need to be."""
    rows = [COLUMNS, *(_row(head, now or datetime.now(UTC)) for head in runs)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return lines + [f"{head['id']}: {head['why']}" for head in runs if head.get("why")]


def _row(head: dict[str, Any], now: datetime) -> tuple[str, ...]:
    since = now - datetime.fromisoformat(head["started"]).replace(tzinfo=UTC)
    commit = (head["commit"] or "")[:8] + ("+" if head["dirty"] else "")
    shown = [_value(head, key) for key in ("folds", "holdout")]
    times = f" (no. {head['times']})" if head["times"] else ""
    words = (head["id"], age(since.total_seconds()), head["verb"], head["status"], commit, head["winner"] or "")
    return (*words, shown[0], shown[1] + times * bool(shown[1]), "; ".join(head["changed"]), " ".join(head["tags"]))


def age(seconds: float) -> str:
    """Write how long ago something was: 3 min, 5 h, 12 d."""
    whole = max(int(seconds), 0)
    size, unit = next(it for it in _UNITS if whole >= it[0] or it[0] == 1)
    return f"{whole // size} {unit}"


def _value(head: dict[str, Any], key: str) -> str:
    value = head[key]
    return "" if value is None else f"{head['metric']} {amount(value, head['unit'] or '')}"

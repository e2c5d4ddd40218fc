"""What differs between two runs: in configuration, code, data and environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.tracking.record import Record

ABSENT = "—"
DATA = {"file": "file", "sha256": "values", "rows": "rows", "training_rows": "training rows",
        "holdout_rows": "hold-out rows"}  # fmt: skip


def configuration(old: Record, new: Record) -> list[tuple[str, Any, Any]]:
    """The keys that differ, dotted, each with its old and its new value; ABSENT where one has none."""
    before, after = _flat(old.configuration), _flat(new.configuration)
    keys = [*before, *(key for key in after if key not in before)]
    pairs = [(key, before.get(key, ABSENT), after.get(key, ABSENT)) for key in keys]
    return [pair for pair in pairs if pair[1] != pair[2]]


def code(old: Record, new: Record) -> list[str]:
    """The notebooks of both runs whose code, or what they import, differs."""
    return [
        name
        for name, node in new.nodes.items()
        if name in old.nodes and None not in (node.code, old.nodes[name].code) and node.code != old.nodes[name].code
    ]


def data(old: Record, new: Record) -> list[tuple[str, Any, Any]]:
    """What differs of the data: file, digest of the values that training reads, rows. Unknown is no difference."""
    pairs = [(name, old.data.get(key), new.data.get(key)) for key, name in DATA.items()]
    return [pair for pair in pairs if pair[1] != pair[2] and None not in pair]


def environment(old: Record, new: Record) -> list[tuple[str, str, str]]:
    """What differs of the environment: the lock, Python, the machine."""
    keys = [key for key in new.environment if key != "digest"]
    pairs = [(key, old.environment.get(key, ABSENT), new.environment[key]) for key in keys]
    return [pair for pair in pairs if pair[1] != pair[2]]


def in_short(old: Record, new: Record) -> list[str]:
    """What differs in a few words, for a line of the list."""
    found = {
        "configuration": [key for key, *_ in configuration(old, new)],
        "code": _notebooks(code(old, new)),
        "data": [name for name, *_ in data(old, new)],
        "environment": [name for name, *_ in environment(old, new)],
    }
    return [f"{what}: {_some(names)}" for what, names in found.items() if names]


def same_holdout(old: Record, new: Record) -> bool | None:
    """Whether both scored the same hold-out; None where one scored none."""
    return None if None in (old.holdout, new.holdout) else old.holdout["id"] == new.holdout["id"]


def same_folds(old: Record, new: Record) -> bool | None:
    """Whether the candidates of both were scored on the same folds of the same data; None where one has none."""
    return None if None in (old.folds, new.folds) else old.folds["id"] == new.folds["id"]


def _notebooks(nodes: list[str]) -> list[str]:
    return list(dict.fromkeys(name.partition("-")[0] for name in nodes))


def _some(names: list[str], most: int = 2) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _flat(value: Any, above: str = "") -> dict[str, Any]:
    """A nested mapping by dotted keys; lists stay whole, since their order may matter."""
    if not isinstance(value, dict) or not value:
        return {above: value}
    found = {}
    for name, part in value.items():
        found |= _flat(part, f"{above}.{name}" if above else name)
    return found

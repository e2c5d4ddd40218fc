"""What a client is told: faults by JSON pointer, in problem documents as RFC 9457 has them."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

from flask import Response

from modelbundle.contract import fault_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelbundle.contract import Contract


def problem(status: int, title: str, detail: str, **members: Any) -> Response:
    """Make an application/problem+json answer."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    return Response(json.dumps(body, ensure_ascii=False), status, mimetype="application/problem+json")


def check_records(records: Sequence[Any], contract: Contract, *, listed: bool) -> list[dict[str, str]]:
    """List every fault of every record, each as a JSON pointer and a sentence; listed: whether a list was sent."""
    if not records:
        return [{"pointer": "", "detail": "expected at least one record; got an empty list"}]
    faults = []
    for number, record in enumerate(records):
        base = f"/{number}" if listed else ""
        if not isinstance(record, dict):
            faults.append({"pointer": base, "detail": f"expected an object with the features; got {record!r:.80}"})
            continue
        faults += [{"pointer": f"{base}/{_escaped(name)}", "detail": text} for name, text in _faults(record, contract)]
    return faults


def _faults(record: dict[str, Any], contract: Contract) -> list[tuple[str, str]]:
    faults = []
    for name in contract.features:
        if text := fault_of(contract.columns[name], record.get(name)):
            faults.append((name, text))
    known = [*contract.features, *([contract.identifier] if contract.identifier else [])]
    for name in record:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            faults.append((name, "is not a feature" + (f"; did you mean {near[0]}?" if near else "")))
    return faults


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")

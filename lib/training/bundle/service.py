"""Into service, if the gate lets it: what a run and `make promote` have in common."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelbundle.bundle import bundle_folder
from registry.channels import Draft, promote, refusals, refuse
from registry.problems import RegistryProblem
from registry.records import Record, history
from registry.stores_folder import Folder
from training.paths import to_root
from training.problems import RunProblem

if TYPE_CHECKING:
    from training.config.gating import Gate
    from training.judging.gate import Decision

LOCAL = "local"  # the channel that a run promotes to, and that make serve follows
Judge = Callable[[Path, Path | None], "Decision"]


def judge_by(rules: Gate) -> Judge:
    """The gate with a configuration's rules: of a bundle's folder and of the served one's, or None."""

    def judge(folder: Path, served: Path | None) -> Decision:
        from training.judging.gate import judge as decide  # needs scikit-learn

        return decide(folder, served, rules)

    return judge


def put_into_service(store: Folder, channel: str, draft: Draft, judge: Judge) -> tuple[Decision, Record | None]:
    """Ask the gate about a registered version, and promote it if it may be or is forced; else keep the refusal.

    Returns what the gate said, and the record of the promotion; None if there is none.
    Raises RegistryProblem, with the channel as it was.
    """

    def asked(records: list[Record]) -> tuple[Decision, Draft]:
        served = bundle_folder(store.root, records[-1].version) if records else None
        decision = judge(bundle_folder(store.root, draft.version), served)
        return decision, replace(draft, gate=decision.as_json(), seen=len(records), forced=_overruled(draft, decision))

    def asked_anew(since: list[Record]) -> Draft:
        decision, gated = asked([*records, *since])
        if not (gated.forced or decision.decision == "promote"):
            raise RegistryProblem(f"somebody else promoted meanwhile, and beside that: {decision.reasons[0]}")
        return gated

    records = history(store, channel)
    decision, gated = asked(records)
    if not (gated.forced or decision.decision == "promote"):
        refuse(store, channel, draft.version, decision.as_json())
        return decision, None
    return decision, promote(store, channel, gated, asked_anew)


def _overruled(draft: Draft, decision: Decision) -> bool:
    return draft.forced and decision.decision != "promote"


def served_version(registry: Path) -> str:
    """The version that a run's channel serves; "" if none. Raises RegistryProblem where the channel is broken."""
    records = history(Folder(registry), LOCAL) if registry.is_dir() else []
    return records[-1].version if records else ""


def last_refusal(registry: Path, version: str) -> dict[str, Any] | None:
    """What the gate said against a version beside the one that is served now; None if it was not asked, or agreed."""
    if not registry.is_dir():
        return None
    served = served_version(registry) or None
    said = (it["gate"] for it in reversed(refusals(Folder(registry), LOCAL)) if it["version"] == version)
    return next((gate for gate in said if gate.get("served") == served), None)


def require_channels(registry: Path) -> None:
    """Raise RunProblem for a registry of the old layout: what it serves would not be compared with."""
    if (registry / "current").is_file() and not (registry / "channels").is_dir():
        raise RunProblem(
            f"{to_root(registry)} has the layout of earlier versions, in which one file names what is served. "
            f"Nothing was published. Bring it into the new one, once: make migrate REGISTRY={to_root(registry)}"
        )


def me() -> str:
    """Who is at work, as records tell it."""
    try:
        return os.environ.get("GITHUB_ACTOR") or getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"

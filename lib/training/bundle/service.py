"""Into service, if the gate lets it: what a run and `make promote` have in common."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.bundles import SHOWN
from registry.channels import Draft, promote, refusals, refuse, require_may_be
from registry.problems import RegistryProblem
from registry.records import Record, history
from registry.stores_folder import Folder
from training import headless
from training.config.gating import Decision
from training.paths import ROOT, to_root
from training.problems import RunProblem

if TYPE_CHECKING:
    from training.config.gating import Gate

LOCAL = "local"  # the channel that a run promotes to, and that make serve follows
Judge = Callable[[Path, Path | None], Decision]


def judge_by(rules: Gate) -> Judge:
    """The gate with a configuration's rules: of a bundle's folder and of the served one's, or None.

    It works in a process of its own: it loads models. Raises RunProblem if that does not end well.
    """

    def judge(folder: Path, served: Path | None) -> Decision:
        given = [str(folder), str(served or ""), rules.model_dump_json()]
        command = [sys.executable, "-m", "training.judging.gate", *given]
        settings = headless.environment() | {"PYTHONIOENCODING": "utf-8"}
        done = subprocess.run(  # noqa: S603
            command, cwd=ROOT, env=settings, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        if done.returncode:
            raise RunProblem(
                f"the gate could not look at {to_root(folder)}; nothing was promoted:\n{done.stderr.strip()}"
            )
        return Decision(**json.loads(done.stdout.splitlines()[-1]))

    return judge


def judged(store: Folder, channel: str, draft: Draft, bundles: Folder, judge: Judge) -> tuple[Decision, Draft]:
    """Ask the gate about a version beside what a channel serves; returns what it said, and the draft with it.

    store: the one with the channel; bundles: the one that holds the version. They differ for a far registry, of which
    `store` is a copy. Raises RegistryProblem where the channel cannot be read or believed: then nothing is known of it.
    """
    records = history(store, channel) if store.root.is_dir() else []
    served = store.root / "bundles" / records[-1].version if records else None
    decision = judge(bundles.root / "bundles" / draft.version, served)
    overruled = draft.forced and decision.decision != "promote"
    return decision, replace(draft, gate=decision.as_json(), seen=len(records), forced=overruled)


def is_served(store: Folder, channel: str, version: str) -> bool:
    """Whether a channel serves a version. Raises RegistryProblem for a channel that may not be."""
    require_may_be(store, channel)
    records = history(store, channel) if store.root.is_dir() else []
    return bool(records) and records[-1].version == version


def put_into_service(store: Folder, channel: str, draft: Draft, judge: Judge) -> tuple[Decision, Record | None]:
    """Ask the gate about a registered version, and promote it if it may be or is forced; else keep the refusal.

    Returns what the gate said, and the record of the promotion; None if there is none.
    Raises RegistryProblem, with the channel as it was.
    """

    def asked_anew(since: list[Record]) -> Draft:
        again, anew = judged(store, channel, draft, store, judge)
        if not _may(again, anew):
            number = since[-1].number
            raise RegistryProblem(f"record {number} was promoted meanwhile, and beside that: {again.reasons[0]}")
        return anew

    decision, gated = judged(store, channel, draft, store, judge)
    if not _may(decision, gated):
        refuse(store, channel, draft.version, decision.as_json())
        return decision, None
    return decision, promote(store, channel, gated, asked_anew)


def _may(decision: Decision, draft: Draft) -> bool:
    return draft.forced or decision.decision == "promote"


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


def tell_refusal(registry: Path, version: str) -> list[str]:
    """Lines that say why the gate keeps a version out of service, and how to overrule it; none where it does not."""
    refused = last_refusal(registry, version)
    if refused is None:
        return []
    said = "The gate refuses it" if refused["decision"] == "refuse" else "The gate leaves it to a person"
    lines = ["", f"{said}; what was served is served on.", *(f"  - {reason}" for reason in refused["reasons"])]
    return [*lines, f"To overrule it: make promote VERSION={version[:SHOWN]} FORCE=1 WHY='...'"]


def require_channels(registry: Path) -> None:
    """Raise RunProblem for a registry of the old layout: what it serves would not be compared with."""
    if (registry / "current").is_file() and not (registry / "channels").is_dir():
        raise RunProblem(
            f"{to_root(registry)} has the layout of earlier versions, in which one file names what is served. "
            f"Nothing was published. Bring it into the new one, once: make migrate REGISTRY={to_root(registry)}"
        )

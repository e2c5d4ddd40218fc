"""What the gate is told of each bundle: its manifest, its evidence, and what a served model answers for new records."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modelbundle.bundle import BundleProblem, load_bundle
from modelbundle.contract import Contract
from modelbundle.digests import digest_bytes
from training.judging import evidence
from training.judging.evidence import Evidence, EvidenceProblem

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Side:
    """One of the two bundles.

    lacks: why there is no evidence, in a sentence; broken: why it cannot be loaded; answers: what it predicts for the
    records of the other's hold-out, in their order and in the target's unit, if it was asked.
    """

    version: str
    manifest: Mapping[str, Any]
    evidence: Evidence | None = None
    lacks: str = ""
    broken: str = ""
    answers: Sequence[float] | None = None

    @property
    def contract(self) -> Contract:
        """The contract, as the manifest tells it."""
        return Contract.model_validate(self.manifest["contract"])

    @property
    def size(self) -> int:
        """Bytes of all verified files."""
        return sum(int(file["size"]) for file in self.manifest["files"].values())


def candidate_side(folder: Path) -> Side:
    """Read a bundle that is to be served: it is loaded, so its golden requests are replayed."""
    try:
        manifest = load_bundle(folder).manifest
    except BundleProblem as problem:
        return Side(folder.name, {}, lacks="the new bundle cannot be loaded", broken=str(problem))
    return _with_evidence(Side(folder.name, manifest), folder)


def served_side(folder: Path, candidate: Side) -> Side:
    """Read the bundle that is served, and ask its model for the candidate's hold-out, unless the folds are the same.

    It is loaded only to be asked: what was made with other libraries can still be compared on the same folds.
    """
    try:
        data = (folder / "manifest.json").read_bytes()
        manifest = json.loads(data)
        if digest_bytes(data) != folder.name:
            raise ValueError("its digest is not the folder's name")
    except (OSError, ValueError) as error:
        sentence = f"the served bundle's {folder / 'manifest.json'} cannot be gone by: {error}"
        return Side(folder.name, {}, lacks=sentence, broken=sentence)
    side = _with_evidence(Side(folder.name, manifest), folder)
    if not (side.evidence and candidate.evidence) or same_folds(candidate.evidence, side.evidence):
        return side
    return _asked(side, folder, candidate.evidence.records)


def same_folds(one: Evidence, other: Evidence) -> bool:
    """Whether two winners were scored on the same rows in the same folds."""
    ours, theirs = one.validated, other.validated
    return ours.folds == theirs.folds or ours.places == theirs.places


def _with_evidence(side: Side, folder: Path) -> Side:
    try:
        return replace(side, evidence=evidence.of_bundle(folder, side.manifest))
    except EvidenceProblem as problem:
        return replace(side, lacks=str(problem))
    except (LookupError, TypeError, AttributeError) as error:
        return replace(side, lacks=f"{folder / 'manifest.json'} does not tell of the evidence: {error!r}")


def _asked(side: Side, folder: Path, records: Sequence[Mapping[str, Any]]) -> Side:
    try:
        answers = tuple(map(float, load_bundle(folder).predict(records)))
    except BundleProblem as problem:
        return replace(side, broken=str(problem))
    except Exception as error:  # a pickle may raise anything
        return replace(side, broken=f"the served model fails on records of the new hold-out: {error!r}")
    if bad := [value for value in answers if not math.isfinite(value)]:
        return replace(side, broken=f"the served model predicts {bad[0]} for {len(bad)} records of the new hold-out")
    return replace(side, answers=answers)

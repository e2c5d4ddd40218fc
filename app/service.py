"""The bundle that is served, with what answering needs of it; or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import current_app

from app.checks import record_type
from app.problems import Problem
from modelbundle.bundle import BundleProblem, current_folder, load_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import TypeAdapter

    from modelbundle.bundle import Bundle
    from modelbundle.contract import Contract


@dataclass(frozen=True, eq=False)  # equal to nothing but itself: caches take it as a key
class Service:
    """A verified bundle and the type of its records."""

    bundle: Bundle
    records: TypeAdapter[dict[str, Any]]

    @property
    def contract(self) -> Contract:
        """The bundle's data contract."""
        return self.bundle.contract


def load_service(models: Path, version: str = "") -> Service:
    """Load the registry's current bundle, or the version that is pinned. Raises BundleProblem."""
    bundle = load_bundle(current_folder(models, version))
    return Service(bundle, record_type(bundle.contract))


def service() -> Service:
    """Return what the app serves; raises the Problem 503, with the reason, if no bundle passed its verification."""
    loaded = current_app.extensions["service"]
    if isinstance(loaded, BundleProblem):
        raise Problem(503, "No verified model", str(loaded))
    return loaded

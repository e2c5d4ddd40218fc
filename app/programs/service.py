"""The bundle that is served, with what answering needs of it; or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import current_app, g

from app.problems import Problem
from app.programs.checks import Record, reading_types, record_type
from app.programs.unusual import usual_values
from modelbundle.bundle import Bundle, current_folder, load_bundle

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from modelbundle.contract import Contract
    from registry import records as promotions


@dataclass(frozen=True)
class Service:
    """A verified bundle, the type of its records, and those that they are read with, alone and in an array.

    usual: whether training saw such a value, for each feature. record: the promotion that put the bundle into service;
    None for a pinned version, and in a folder without channels.
    documents: /openapi.json as it was made, by the most records of a request. It goes when the bundle goes.
    """

    bundle: Bundle
    records: TypeAdapter[Record]
    reading: tuple[TypeAdapter[Record], TypeAdapter[list[Record]]]
    usual: dict[str, Callable[[Any], bool]]
    record: promotions.Record | None = None
    documents: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def contract(self) -> Contract:
        """The bundle's data contract."""
        return self.bundle.contract


def load_service(models: Path, version: str = "", record: promotions.Record | None = None) -> Service:
    """Load the registry's current bundle, or the version that is named. Raises BundleProblem."""
    bundle = load_bundle(current_folder(models, version))
    contract = bundle.contract
    return Service(bundle, record_type(contract), reading_types(contract), usual_values(contract), record)


def service() -> Service:
    """Return what this request is answered with, from its first call to its end, whatever is swapped in meanwhile.

    Raises the Problem 503, with the reason, if no bundle passed its verification.
    """
    serving: Service | None = g.get("service")
    if serving is None:
        serving = g.service = current_app.extensions["service"]
    if serving is None:
        # none is refused where the first good one came in between
        reason = current_app.extensions["following"].refused.get("reason", "it was being loaded; ask again")
        raise Problem(503, "No verified model", reason)
    return serving

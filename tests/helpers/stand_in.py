"""A service around a contract alone, with a function in the model's place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.programs.service import Service, reading_types, record_type
from app.programs.unusual import usual_values
from modelbundle.bundle import Bundle

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelbundle.contract import Contract


def service_of(contract: Contract, model: Callable[[list[dict[str, Any]]], list[float]]) -> Service:
    bundle = Bundle(Path(), "0" * 64, {"name": "x"}, contract, None, None, model, "plan", "")
    return Service(bundle, record_type(contract), reading_types(contract), usual_values(contract))

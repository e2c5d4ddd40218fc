"""Asking the model, so that a record on which its arithmetic fails leaves the others their answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from modelbundle.contributions import Contributions, contributions, most_rows

if TYPE_CHECKING:
    from modelbundle.bundle import Bundle

# Rows that are predicted at a time to explain records: more would take memory, and save next to no time.
MAX_ROWS = 2000

Record = dict[str, Any]
Answer = TypeVar("Answer")


def predictions(records: list[Record], bundle: Bundle) -> list[float]:
    """Predict; NaN where the model cannot."""
    return _ask_in_halves(bundle.predict, records, lambda record: math.nan)


def explanations(records: list[Record], bundle: Bundle) -> list[Contributions]:
    """Predict, and tell what each feature adds to that; incomplete where the model cannot, or not all of the way."""
    features, typical = bundle.contract.features, bundle.typical
    if typical is None:
        raise ValueError(f"{bundle.folder} has no typical record to compare with; check it before")

    def explain(some: list[Record]) -> list[Contributions]:
        return contributions(bundle.predict, some, features, typical)

    def unexplained(record: Record) -> Contributions:
        none = dict.fromkeys(features, math.nan)
        return Contributions(predictions([record], bundle)[0], math.nan, none, none)

    size = max(1, MAX_ROWS // most_rows(len(features)))
    parts = [records[start : start + size] for start in range(0, len(records), size)]
    return [one for part in parts for one in _ask_in_halves(explain, part, unexplained)]


def _ask_in_halves(
    ask: Callable[[list[Record]], list[Answer]], records: list[Record], lost: Callable[[Record], Answer]
) -> list[Answer]:
    """Ask for all records at once, and where that fails for ever fewer of them, down to the ones that are lost."""
    try:
        return ask(records) if records else []
    except (ValueError, ArithmeticError):
        if len(records) == 1:
            return [lost(records[0])]
        half = len(records) // 2
        return _ask_in_halves(ask, records[:half], lost) + _ask_in_halves(ask, records[half:], lost)

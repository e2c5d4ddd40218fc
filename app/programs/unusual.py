"""What is unusual about a record that can be priced: a feature is missing, or training never saw its value."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.programs.checks import Fault, escaped, fault, near_miss, shown
from modelbundle.amounts import plain

if TYPE_CHECKING:
    from app.programs.service import Service
    from modelbundle.contract import Column, Contract

WARNINGS = ("imputed", "unseen_category", "outside_training_range")
# In so many records of a request it is said which category was probably meant.
MAX_SUGGESTED_RECORDS = 100


def usual_values(contract: Contract) -> dict[str, Callable[[Any], bool]]:
    """Whether training saw such a value, for each feature; every value is usual of which the contract does not tell."""

    def usual(column: Column) -> Callable[[Any], bool]:
        if column.kind == "categorical":
            seen = None if column.seen_categories is None else frozenset(column.seen_categories)
            return lambda value: seen is None or value in seen
        low = -math.inf if column.seen_minimum is None else column.seen_minimum
        high = math.inf if column.seen_maximum is None else column.seen_maximum
        return lambda value: low <= value <= high

    return {name: usual(contract.columns[name]) for name in contract.features}


def warnings_of(record: dict[str, Any], service: Service, *, suggest: bool) -> list[dict[str, str]]:
    """Warn of each feature that is missing, or whose value training did not see."""
    return [
        _warning(name, value, service.contract, suggest=suggest)
        for name, is_usual in service.usual.items()
        if (value := record.get(name)) is None or not is_usual(value)
    ]


def _warning(name: str, value: Any, contract: Contract, *, suggest: bool) -> dict[str, str]:
    """Say what is unusual about a value: it is missing, or training saw none such."""
    column = contract.columns[name]
    if value is None:
        kind, detail = "imputed", f"{name} was missing and filled in by the model"
    elif column.kind == "categorical":
        kind, detail = "unseen_category", f"{name} {value[:80]!r} was never seen in training"
        detail += _meant(value, column) if suggest else ""
    else:
        low, high = column.seen_minimum, column.seen_maximum
        if low is not None and value < low:
            outside = f"below the smallest value in training, {plain(low)}"
        else:
            outside = f"above the largest value in training, {plain(high)}"
        kind, detail = "outside_training_range", f"{contract.label(name)} {plain(value)} is {outside}"
    return {"kind": kind, "feature": name, "detail": detail}


def unseen_faults(records: dict[int, dict[str, Any]], pointers: list[str], service: Service) -> dict[int, list[Fault]]:
    """The faults of records, by number, whose categories have to be ones that training saw."""
    faults: dict[int, list[Fault]] = {}
    for number, record in records.items():
        for name in service.contract.categorical:
            if (value := record.get(name)) is not None and not service.usual[name](value):
                at = f"{pointers[number]}/{escaped(name)}"
                found = fault(at, "a category that training saw", shown(value), f"{name}: ")
                meant = _meant(value, service.contract.columns[name]) if number < MAX_SUGGESTED_RECORDS else ""
                faults.setdefault(number, []).append(found | {"detail": found["detail"] + meant})
    return faults


def _meant(value: str, column: Column) -> str:
    """Say which category was probably meant; nothing where they are codes, of which near ones mean something else."""
    near = near_miss(value, column.seen_categories) if column.values == "text" else ""
    return f"; did you mean {near}?" if near else ""

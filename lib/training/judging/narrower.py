"""Whether a contract takes all that another one took: a client that was served must not be refused from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelbundle.amounts import plain
from modelbundle.cells import category

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelbundle.contract import Column, Contract


def narrower(old: Contract, new: Contract) -> list[str]:
    """Say, a sentence each, what clients of the old contract could send or rely on and no longer can."""
    found = list(_target(old, new))
    if gone := [text for text in old.missing if text not in new.missing]:
        found.append(f"A missing cell can no longer be written as {', '.join(map(repr, gone))}.")
    for name in old.features:
        if name in new.features:
            found += _feature(name, old.columns[name], new.columns[name])
        else:
            found.append(f"The feature {name} is gone.")
    added = [name for name in new.features if name not in old.features and new.columns[name].required]
    return found + [f"The new feature {name} is required, and no client sends it." for name in added]


def read_otherwise(old: Contract, new: Contract) -> list[str]:
    """Names of the old contract's features, and of its target, whose cells the new one lacks or reads in another way.

    Where there are any, the same row may look like another one.
    """
    return [name for name in [*old.features, old.target] if _reading(old, name) != _reading(new, name)]


def _reading(contract: Contract, name: str) -> tuple[object, ...]:
    column = contract.columns.get(name)
    if column is None:
        return ()
    missing = frozenset(contract.missing).difference(column.categories or ())
    return column.role, column.kind, column.values, missing


def _target(old: Contract, new: Contract) -> Iterator[str]:
    if new.target != old.target:
        yield f"The target is {new.target}; it was {old.target}."
    if new.unit != old.unit:
        yield f"The target is in {_unit(new.unit)}; it was in {_unit(old.unit)}."


def _feature(name: str, old: Column, new: Column) -> list[str]:
    if new.kind != old.kind:
        return [f"{name} is {new.kind}; it was {old.kind}."]
    found = []
    if new.unit != old.unit:
        found.append(f"{name} is in {_unit(new.unit)}; it was in {_unit(old.unit)}.")
    if new.required and not old.required:
        found.append(f"{name} is required; it could be left out.")
    return found + (_categories(name, old, new) if old.kind == "categorical" else _range(name, old, new))


def _range(name: str, old: Column, new: Column) -> list[str]:
    found = []
    if new.minimum is not None and (old.minimum is None or new.minimum > old.minimum):
        before = "no least value" if old.minimum is None else plain(old.minimum)
        found.append(f"{name} must be at least {plain(new.minimum)}; it was {before}.")
    if new.maximum is not None and (old.maximum is None or new.maximum < old.maximum):
        before = "no largest value" if old.maximum is None else plain(old.maximum)
        found.append(f"{name} must be at most {plain(new.maximum)}; it was {before}.")
    return found


def _categories(name: str, old: Column, new: Column) -> list[str]:
    found = []
    if old.values not in ("text", new.values):
        found.append(f"{name} is read as {new.values}; other spellings of {old.values} values were taken too.")
    if new.categories is not None:
        gone = [each for each in old.known if category(each, new.values) not in new.categories]
        found += [f"{name} no longer knows the category {', '.join(gone)}."] if gone else []
    return found


def _unit(unit: str) -> str:
    return unit or "no unit"

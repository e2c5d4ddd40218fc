"""Removing bundles that nobody will ask for; records are never removed."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from registry.bundles import MANIFEST
from registry.channels import channels
from registry.records import history

if TYPE_CHECKING:
    from registry.stores import Store

KEPT_BY_EACH_CHANNEL = 20  # distinct versions, the latest ones
YOUNG_SECONDS = 3600.0  # a bundle may be promoted next, or still be on its way into the store


def prune(store: Store, tagged: Collection[str] = ()) -> list[str]:
    """Remove the bundles that no channel serves or served lately, that have no tag and are not young; returns them.

    tagged: versions to keep. A bundle is as old as its youngest file; one whose manifest never came is removed too.
    Raises RegistryProblem if a channel's history is broken: nothing is removed then.
    """
    kept = {*tagged, *_served_lately(store)}
    old = [version for version, age in _ages(store).items() if age > YOUNG_SECONDS and version not in kept]
    removed = []
    for version in sorted(old):
        if version not in _served_lately(store):  # somebody may have promoted it meanwhile
            store.delete_tree(f"bundles/{version}", first=MANIFEST)
            removed.append(version)
    store.sweep(YOUNG_SECONDS)
    return removed


def _served_lately(store: Store) -> set[str]:
    kept: set[str] = set()
    for channel in channels(store):
        latest_first = [record.version for record in reversed(history(store, channel))]
        kept |= set(list(dict.fromkeys(latest_first))[:KEPT_BY_EACH_CHANNEL])
    return kept


def _ages(store: Store) -> dict[str, float]:
    """Version → seconds since the youngest of its files was written; below zero where a clock ran backwards."""
    now, ages = time.time(), {}
    for name, written in store.times("bundles").items():
        version = name.partition("/")[0]
        ages[version] = min(now - written, ages.get(version, float("inf")))
    return ages

"""Holding a plan against the pickle that it was made from: on training rows, on odd ones, on the trees' thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modelbundle.frame import records_of, records_to_frame
from modelbundle.plan.plan import read_plan, write_plan
from training.bundle.plan import NEVER_SEEN, describe
from training.bundle.plan_parts import NotPlannable

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from modelbundle.contract import Contract

# Sums in another order differ in the last bits; a path that ends in another leaf differs by far more.
RELATIVE = 1e-12
ODD_ROWS = 1000
MOST_THRESHOLDS = 200  # of each number

Record = dict[str, Any]


def make_plan(pipeline: Pipeline, contract: Contract, table: pd.DataFrame, seed: int = 0) -> tuple[bytes | None, str]:
    """Make the plan of a fitted pipeline; None and the reason where it cannot be expressed, or answers differently.

    table: the training rows, as they are read.
    """
    try:
        description = describe(pipeline, contract)
    except NotPlannable as reason:
        return None, str(reason)
    plan = write_plan(description)
    usual = records_of(table, contract)
    records = [*usual, *odd_records(usual, contract, ODD_ROWS, seed), *at_thresholds(usual[0], description, seed)]
    apart = largest_difference(plan, pipeline, contract, records)
    if not apart <= RELATIVE:
        return None, f"its plan answers differently from model.pkl, by up to {apart:.1e} of a prediction"
    return plan, ""


def largest_difference(plan: bytes, pipeline: Pipeline, contract: Contract, records: Sequence[Record]) -> float:
    """How far apart plan and pipeline are at most, as a share of the prediction; asked for all, and for each alone."""
    expected = np.asarray(pipeline.predict(records_to_frame(records, contract)), dtype=float)
    predict = read_plan(plan, contract).predict
    found = np.array([predict(records), [alone for record in records for alone in predict([record])]])
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.where(same, 0.0, np.abs(found - expected) / np.abs(expected))
    return float(np.where(np.isnan(apart), np.inf, apart).max())


def odd_records(usual: Sequence[Record], contract: Contract, count: int, seed: int) -> list[Record]:
    """Records put together from cells of several, with gaps, categories that were never seen, and numbers far out."""
    random = np.random.default_rng(seed)

    def odd(name: str) -> Any:
        luck, value = random.random(), usual[random.integers(len(usual))].get(name)
        if luck < 0.1 or value is None:
            return None
        if name in contract.categorical:
            return NEVER_SEEN if luck < 0.2 else value
        return value * random.uniform(-3, 3) if luck < 0.3 else value

    return [{name: odd(name) for name in contract.features} for _ in range(count)]


def at_thresholds(usual: Record, description: dict[str, Any], seed: int) -> list[Record]:
    """Records that lie exactly on thresholds of trees, and as closely beside them as numbers can."""
    names, random = description["read"]["numbers"], np.random.default_rng(seed)
    records = []
    for trees in _trees(description["model"]):
        for column, name in enumerate(names):
            nodes = trees["nodes"]
            own = np.unique(nodes["threshold"][(nodes["feature"] == column) & (nodes["child"] > 0)])
            some = random.choice(own, min(MOST_THRESHOLDS, len(own)), replace=False)
            near = (some, np.nextafter(some, -np.inf), np.nextafter(some, np.inf), some.astype(np.float32))
            records += [usual | {name: float(value)} for values in near for value in values]
    return records


def _trees(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The trees of a description that see the numbers as they are."""
    if node["kind"] == "trees":
        yield node
    inner = node.get("models", [node["model"]] if "model" in node and node["kind"] != "shaped" else [])
    for each in inner:
        yield from _trees(each)

"""A search in tables and sentences: for tune, blend and the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from training.config.recipe import Range
from training.reporting.markup import literal, literal_metric

if TYPE_CHECKING:
    from training.models.metrics import Metric
    from training.models.search import Found


def space_table(space: Mapping[str, Range | list[Any]]) -> pd.DataFrame:
    """One row per parameter: where it is searched."""
    rows = [
        [name, f"{values.low:g} to {values.high:g}", "by ratio" if values.log else "evenly"]
        if isinstance(values, Range)
        else [name, ", ".join(map(str, values)), "a choice"]
        for name, values in space.items()
    ]
    return pd.DataFrame(rows, columns=["parameter", "searched", "how"]).set_index("parameter")


def scores_table(scores: Mapping[tuple[str, ...], float], metric: Metric, most: int) -> pd.DataFrame:
    """One row per set of candidates, best first."""
    ordered = sorted(scores.items(), key=lambda item: -item[1])[:most]
    rows = [[" + ".join(names), metric.text(metric.value(score))] for names, score in ordered]
    return pd.DataFrame(rows, columns=["candidates", f"{metric.label}, mean over folds"]).set_index("candidates")


def tell_search(name: str, found: Found, metric: Metric) -> str:
    """One sentence on what the search gained."""
    name, metric = literal(name), literal_metric(metric)
    before, after = (metric.value(found.scores[number]) for number in (0, found.best))
    if found.best == 0:
        return f"None of {len(found.tried)} trials beat the present setting of {name}: **{metric.text(before)}**."
    if math.isnan(before):
        return (
            f"The present setting of {name} could not be scored; trial {found.best + 1} gave **{metric.text(after)}**."
        )
    setting = ", ".join(f"{key} {value}" for key, value in found.tried[found.best].items())
    return (
        f"From {metric.text(before)} with the present setting to **{metric.text(after)}** in trial {found.best + 1} of "
        f"{len(found.tried)}: {literal(setting)}."
    )


def tell_edges(found: Found, space: Mapping[str, Range | list[Any]]) -> str:
    """One sentence on whether the space was wide enough."""
    if not found.at_edge:
        return "The best setting lies **inside** the space: no range needs to be wider."
    edges = " and ".join(f"{name} ({found.tried[found.best][name]:g})" for name in found.at_edge)
    return f"**{literal(edges)} lies at the edge** of its range: a wider range in `conf/` may hold a better value."


def tell_mattered(found: Found) -> str:
    """One sentence on the parameter that mattered most."""
    if not found.mattered:
        return "Too few trials to tell what mattered."
    name, share = next(iter(found.mattered.items()))
    return f"**{literal(name)}** mattered most: it explains {share:.0%} of the differences between trials."


def tell_blends(
    alone: Mapping[str, float], scores: Mapping[tuple[str, ...], float], chosen: tuple[str, ...], metric: Metric
) -> str:
    """One sentence on the chosen blend beside the best one and the best candidate alone."""
    metric = literal_metric(metric)
    single = max(alone, key=alone.get)
    best = next(iter(scores.values()))
    return (
        f"**{literal(' + '.join(chosen))}** is chosen, with {metric.text(metric.value(scores[chosen]))}; the best "
        f"blend of all has {metric.text(metric.value(best))}, the best candidate alone, {literal(single)}, "
        f"{metric.text(metric.value(alone[single]))}."
    )

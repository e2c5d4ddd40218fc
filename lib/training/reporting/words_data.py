"""What the data look like, in sentences of Markdown: for 01_eda and 02_preprocess."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelbundle.amounts import amount
from training.data.split import count_equal
from training.judging.segments import FEWEST_ROWS
from training.reporting.markup import literal

if TYPE_CHECKING:
    import pandas as pd

    from modelbundle.contract import Contract


def tell_equal(alike: np.ndarray) -> str:
    """One sentence on the records that are equal to another one; alike: of split.equal_rows."""
    if not (count := count_equal(alike)):
        return "No two records are equal in features and target."
    sets = int((np.bincount(alike) > 1).sum())
    return (
        f"**{count:,} records are equal to another one** in features and target, in {sets:,} "
        f"set{'' if sets == 1 else 's'}. Those of a set stay together on one side of every split."
    )


def tell_target(y: pd.Series, contract: Contract) -> str:
    """One sentence on the target."""
    low, middle, high = y.quantile([0.05, 0.5, 0.95])
    shape = (
        "a long tail to the right" if y.skew() > 1 else "a long tail to the left" if y.skew() < -1 else "no long tail"
    )
    return (
        f"Half of the {len(y):,} records lie below **{middle:,.0f} {literal(contract.unit)}**, nine in ten between "
        f"{low:,.0f} and {high:,.0f}; the distribution has {shape}."
    )


def tell_missing(table: pd.DataFrame, contract: Contract) -> str:
    """One sentence on missing cells."""
    missing = table[list(contract.columns)].isna().sum()
    if not missing.any():
        return f"**No cell is missing** in {len(table):,} records. Later data may have gaps; the pipeline imputes them."
    worst = missing.idxmax()
    return (
        f"**{int(missing.sum()):,} cells are missing**, most of them in {literal(worst)} "
        f"({missing[worst] / len(table):.1%}). Optional columns are imputed; a gap in a required one is a fault."
    )


def tell_drivers(strength: pd.Series) -> str:
    """One sentence on the strongest and the weakest feature."""
    first, second, last = strength.index[0], strength.index[min(1, len(strength) - 1)], strength.index[-1]
    return (
        f"**{literal(first)}** says most on its own ({strength.iloc[0]:.0%}), then {literal(second)} "
        f"({strength[second]:.0%}); {literal(last)} says least ({strength.iloc[-1]:.0%}). What a feature adds beside "
        "the others is another question: the models answer it."
    )


def tell_numbers(frame: pd.DataFrame, y: pd.Series, contract: Contract) -> str:
    """One sentence on the numbers that go with the target most and least steadily."""
    if not contract.numeric:
        return "No feature is a number."
    together = frame[contract.numeric].corrwith(y, method="spearman").fillna(0.0)
    strongest, weakest = together.abs().idxmax(), together.abs().idxmin()
    move = "rises" if together[strongest] > 0 else "falls"
    return (
        f"{literal(contract.target)} {move} most steadily with **{literal(strongest)}** (rank correlation "
        f"{together[strongest]:+.2f}) and least with {literal(weakest)} ({together[weakest]:+.2f})."
    )


def tell_category(frame: pd.DataFrame, y: pd.Series, name: str, contract: Contract) -> str:
    """One sentence on the categories of one feature between which the target differs most."""
    groups = y.groupby(frame[name])
    medians = groups.median()[groups.size() >= FEWEST_ROWS]
    if len(medians) < 2:
        return f"No two categories of {literal(name)} have {FEWEST_ROWS} records each to compare."
    unit = literal(contract.unit)
    return (
        f"By **{literal(name)}**, the median runs from {amount(medians.min(), unit)} ({literal(medians.idxmin())}) to "
        f"{amount(medians.max(), unit)} ({literal(medians.idxmax())}); smaller ones than {FEWEST_ROWS} records "
        "left out."
    )


def tell_odd(odd: pd.DataFrame) -> str:
    """One sentence on the odd rows."""
    if odd.empty:
        return "No number stands far out."
    name, row = literal(f"{odd.index.name} {odd.index[0]}"), odd.iloc[0]
    return (
        f"The farthest is **{name}**: {literal(row['column'])} is {row['value']} where the median is "
        f"{row['median']}. Such rows are kept; preprocessing keeps them from bending a linear model."
    )


def tell_leverage(values: dict[str, np.ndarray]) -> str:
    """One sentence on what the variants do to the strongest row."""
    raw, tamed = next(iter(values)), min(values, key=lambda name: values[name].max())
    return (
        f"With plain numbers the strongest row has a leverage of **{values[raw].max():.2f}** of at most 1; "
        f"the variant {tamed} brings the largest down to **{values[tamed].max():.2f}**."
    )

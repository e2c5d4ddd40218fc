"""What the data look like, in numbers and sentences: for 01_eda and 02_preprocess."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from modelbundle.amounts import amount
from training.markup import literal
from training.split import count_equal

if TYPE_CHECKING:
    from modelbundle.contract import Contract
    from training.validate import Finding

# A value this many times the middle half's width away from the median is odd.
ODD_FROM_WIDTHS = 6
# A median of fewer records says little about its category.
FEW_ROWS = 10


def lenient_frame(table: pd.DataFrame, contract: Contract) -> tuple[pd.DataFrame, pd.Series]:
    """Make features and target that can be looked at even where the data break the contract: text becomes missing.

    Rows whose target is missing are left out.
    """
    numbers = [*contract.numeric, contract.target]
    coerced = table.assign(**{name: pd.to_numeric(table[name], errors="coerce") for name in numbers})
    texts = {name: coerced[name].astype("str") for name in contract.categorical}
    kept = coerced.assign(**texts)[coerced[contract.target].notna()]
    return kept[contract.features], kept[contract.target]


def describe_columns(table: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """One row per column of the contract: what it means and what stands in it."""
    rows = []
    for name, column in contract.columns.items():
        values = table[name]
        numbers = pd.to_numeric(values, errors="coerce") if column.kind == "numeric" else None
        span = (
            f"{values.nunique()} categories"
            if numbers is None
            else f"{_grouped(numbers.min())} to {_grouped(numbers.max())}"
        )
        rows.append([contract.label(name), column.role, span, int(values.isna().sum()), column.description])
    return pd.DataFrame(rows, columns=["column", "role", "holds", "missing", "meaning"]).set_index("column")


def findings_table(findings: list[Finding]) -> pd.DataFrame:
    """One row per finding, for a report."""
    rows = [[item.column, item.rule, item.rows, "; ".join(f"{a}: {b}" for a, b in item.examples)] for item in findings]
    return pd.DataFrame(rows, columns=["column", "rule", "rows", "first"]).set_index("column")


def explained_alone(frame: pd.DataFrame, y: pd.Series, contract: Contract) -> pd.Series:
    """How much of the variation of the target's ranks each feature explains alone: shares 0-1, largest first.

    Ranks, so that no single value counts more than another. Numbers: squared Spearman correlation. Categories: the
    share of variance between them (eta squared).
    """
    ranks = y.rank()
    shares = {name: float(frame[name].corr(y, method="spearman") ** 2) for name in contract.numeric}
    for name in contract.categorical:
        means = ranks.groupby(frame[name]).transform("mean")
        shares[name] = float(means.var() / ranks.var())
    return pd.Series(shares).fillna(0.0).sort_values(ascending=False)


def odd_rows(table: pd.DataFrame, contract: Contract, most: int) -> pd.DataFrame:
    """The records with the most extreme numbers: one row each, the most extreme value first, `most` at the most.

    How far a value lies from the median is counted in widths of the column's middle half.
    """
    frame, y = lenient_frame(table, contract)
    numbers = frame[contract.numeric].assign(**{contract.target: y})
    width = numbers.quantile(0.75) - numbers.quantile(0.25)
    distance = ((numbers - numbers.median()).abs() / width.where(width > 0)).fillna(0.0)
    strongest = distance.max(axis=1).nlargest(most)
    strongest = strongest[strongest >= ODD_FROM_WIDTHS]
    names = distance.loc[strongest.index].idxmax(axis=1)
    called = table.loc[strongest.index, contract.identifier] if contract.identifier else strongest.index + 1
    return pd.DataFrame(
        {
            "column": names,
            "value": [_grouped(numbers.at[row, name]) for row, name in names.items()],
            "median": [_grouped(numbers[name].median()) for name in names],
            "widths away": strongest.round(1),
            contract.label(contract.target): y.loc[strongest.index].map(_grouped),
        }
    ).set_index(pd.Index(called, name=contract.identifier or "row"))


def tell_equal(alike: np.ndarray) -> str:
    """One sentence on the records that are equal to another one; alike: of split.equal_rows."""
    if not (count := count_equal(alike)):
        return "No two records are equal in features and target."
    sets = int((np.bincount(alike) > 1).sum())
    return (
        f"**{count:,} records are equal to another one** in features and target, in {sets:,} "
        f"set{'' if sets == 1 else 's'}. Those of a set stay together on one side of every split."
    )


def leverage(matrix: np.ndarray) -> np.ndarray:
    """Leverage of each row in a linear model of these columns: the diagonal of the hat matrix, 0-1."""
    with_constant = np.column_stack([np.ones(len(matrix)), matrix])
    left, singular, _ = np.linalg.svd(with_constant, full_matrices=False)
    kept = left[:, singular > singular.max() * 1e-10]
    return (kept**2).sum(axis=1)


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
    medians = groups.median()[groups.size() >= FEW_ROWS]
    if len(medians) < 2:
        return f"No two categories of {literal(name)} have {FEW_ROWS} records each to compare."
    unit = literal(contract.unit)
    return (
        f"By **{literal(name)}**, the median runs from {amount(medians.min(), unit)} ({literal(medians.idxmin())}) to "
        f"{amount(medians.max(), unit)} ({literal(medians.idxmax())}); smaller ones than {FEW_ROWS} records left out."
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


def _grouped(value: float) -> str:
    """Write a number as people do: thousands apart from 10,000 on, so that a year stays a year."""
    return f"{value:,.10g}" if abs(value) >= 10_000 else f"{value:.6g}"

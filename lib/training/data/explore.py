"""What the data look like, in numbers: for 01_eda and 02_preprocess."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from modelbundle.amounts import brief

if TYPE_CHECKING:
    from modelbundle.contract import Contract
    from training.data.validate import Finding

# A value this many times the middle half's width away from the median is odd.
ODD_FROM_WIDTHS = 6


def lenient_frame(table: pd.DataFrame, contract: Contract) -> tuple[pd.DataFrame, pd.Series]:
    """Make features and target that can be looked at even where the data break the contract: text becomes missing.

    Rows whose target is missing are left out.
    """
    numbers = [*contract.numeric, contract.target]
    coerced = table.assign(**{name: pd.to_numeric(table[name], errors="coerce") for name in numbers})
    texts = {name: coerced[name].astype("str") for name in contract.categorical}
    with_target = coerced.assign(**texts)[coerced[contract.target].notna()]
    return with_target[contract.features], with_target[contract.target]


def describe_columns(table: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """One row per column of the contract: what it means and what stands in it."""
    rows = []
    for name, column in contract.columns.items():
        values = table[name]
        numbers = pd.to_numeric(values, errors="coerce") if column.kind == "numeric" else None
        span = (
            f"{values.nunique()} categories" if numbers is None else f"{brief(numbers.min())} to {brief(numbers.max())}"
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
            "value": [brief(numbers.at[row, name]) for row, name in names.items()],
            "median": [brief(numbers[name].median()) for name in names],
            "widths away": strongest.round(1),
            contract.label(contract.target): y.loc[strongest.index].map(brief),
        }
    ).set_index(pd.Index(called, name=contract.identifier or "row"))


def leverage(matrix: np.ndarray) -> np.ndarray:
    """Leverage of each row in a linear model of these columns: the diagonal of the hat matrix, 0-1."""
    with_constant = np.column_stack([np.ones(len(matrix)), matrix])
    left, singular, _ = np.linalg.svd(with_constant, full_matrices=False)
    independent = left[:, singular > singular.max() * 1e-10]
    return (independent**2).sum(axis=1)

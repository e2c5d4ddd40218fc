"""Holding the data to the contract: every fault at once, each with the rows where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pandera.pandas as pa

from modelbundle.cells import TRUTHS
from modelbundle.frame import read_column
from training.data.reading import features_and_target
from training.data.split import equal_rows
from training.problems import DataProblem

if TYPE_CHECKING:
    from modelbundle.contract import Column, Contract

SHOWN_ROWS = 5


@dataclass(frozen=True)
class Finding:
    """One rule that one column breaks: in how many rows, and the first of them as (identifier, value)."""

    column: str
    rule: str
    rows: int
    examples: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Tell the finding in one line."""
        first = "; ".join(f"{name}: {value}" for name, value in self.examples)
        rows = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        return f"{self.column}: {self.rule}, in {rows}" + (f" (first: {first})" if first else "")


def find_faults(table: pd.DataFrame, contract: Contract) -> list[Finding]:
    """Compare a table with the contract.

    table: the contract's columns as they were read.
    Returns one finding per column and broken rule, in the contract's order; an empty list means sound data.
    """
    numbers, findings = _as_numbers(table, contract)
    schema = pa.DataFrameSchema({name: _rules(column) for name, column in contract.columns.items()})
    try:
        schema.validate(numbers, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        for (column, rule), group in cases.groupby(["column", "check"], sort=False, dropna=False):
            text_rows = numbers.attrs["text"].get(column, []) if rule == _REQUIRED else []
            rows = [row for row in group["index"] if pd.notna(row) and row not in text_rows]
            if rows or group["index"].isna().all():
                findings.append(_finding(table, contract, column, _words(rule), rows))
    findings += _constant(table, contract)
    order = list(contract.columns)
    return sorted(findings, key=lambda finding: order.index(finding.column))


def find_leaks(
    table: pd.DataFrame, contract: Contract, holdout: Sequence[int], training: Sequence[int]
) -> list[Finding]:
    """Find rows of the hold-out that stand in the training part too, in all that a model reads.

    table: sound data; holdout, training: row positions. Such rows would be scored by a model that has seen them.
    """
    alike = equal_rows(*features_and_target(table, contract))
    held = np.asarray(holdout)
    rows = table.index[held[np.isin(alike[held], alike[list(training)])]].to_list()
    if not rows:
        return []
    rule = "a row of the hold-out stands in the training part too"
    return [_finding(table, contract, contract.identifier or contract.target, rule, rows)]


def require_sound(findings: Sequence[Finding], source: str) -> None:
    """Stop here if there is any finding; raises DataProblem that lists them all."""
    if findings:
        lines = "\n".join(f"  - {finding}" for finding in findings)
        ways = f"{len(findings)} way{'' if len(findings) == 1 else 's'}"
        raise DataProblem(
            f"{source} breaks the data contract in {ways}:\n{lines}\n"
            "Next: mend the data, or the contract in conf/ if it is too strict. Nothing was fitted."
        )


_REQUIRED = "not_nullable"
_UNIQUE = "field_uniqueness"


def _rules(column: Column) -> pa.Column:
    checks = []
    if column.minimum is not None:
        checks.append(pa.Check.ge(column.minimum, error=f"must be at least {column.minimum:.15g}"))
    if column.maximum is not None:
        checks.append(pa.Check.le(column.maximum, error=f"must be at most {column.maximum:.15g}"))
    if column.categories is not None and column.role == "feature":
        known = ", ".join(column.categories)
        checks.append(pa.Check.isin(column.categories, error=f"must be one of the categories {known:.300}"))
    elif column.values == "whole":
        checks.append(pa.Check.str_matches(r"(-?[1-9][0-9]*|0)$", error="must be a whole number, since its values are"))
    elif column.values == "truth":
        checks.append(pa.Check.isin(list(TRUTHS), error="must be true or false, since its values are"))
    required = column.required or column.role != "feature"
    return pa.Column(checks=checks, nullable=not required, unique=column.role == "identifier")


def _words(rule: str) -> str:
    names = {_REQUIRED: "is required and missing", _UNIQUE: "must be unique"}
    return names.get(rule, rule)


def _as_numbers(table: pd.DataFrame, contract: Contract) -> tuple[pd.DataFrame, list[Finding]]:
    """Turn numeric columns into float64 and categories into their one form; text among numbers is a finding."""
    columns, findings, text = {}, [], {}
    for name, column in contract.columns.items():
        values = pd.Series(read_column(table[name], contract.readers[name]), index=table.index, dtype="object")
        if column.role == "identifier":
            columns[name] = values
        elif column.kind == "categorical":
            columns[name] = values.astype("str")
        else:
            unreadable = values.map(lambda value: isinstance(value, str))
            numbers = values.mask(unreadable).astype("float64")
            infinite = numbers.abs() == float("inf")
            if rows := list(values.index[unreadable | infinite]):
                text[name] = rows
                findings.append(_finding(table, contract, name, "must be a finite number", rows))
            columns[name] = numbers.mask(infinite)
    clean = pd.DataFrame(columns)
    clean.attrs["text"] = text
    return clean, findings


def _constant(table: pd.DataFrame, contract: Contract) -> list[Finding]:
    findings = []
    for name in [*contract.features, contract.target]:
        values = table[name].dropna().unique()
        if len(table) > 1 and len(values) < 2:
            what = f"the same value {values[0]}" if len(values) else "no value"
            findings.append(Finding(name, f"is constant: {what} in every row, so nothing can be learned", len(table)))
    return findings


def _finding(table: pd.DataFrame, contract: Contract, column: str, rule: str, rows: Sequence[int]) -> Finding:
    identifier = contract.identifier
    examples = []
    for row in sorted(rows)[:SHOWN_ROWS]:
        name = f"{identifier} {table.at[row, identifier]}" if identifier else f"row {row + 1}"
        examples.append((name, str(table.at[row, column])))
    return Finding(column, rule, len(rows), tuple(examples))

"""A first draft of a configuration, inferred from any CSV: `make contract CSV=... TARGET=...`. Review it as a diff."""

from __future__ import annotations

import argparse
import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from training.conf import Read, load_conf
from training.data import read_csv
from training.paths import to_root
from training.problems import DataProblem, Problem

# More distinct texts than this share of the rows are names or remarks, not categories.
TEXT_ABOVE_SHARE = 0.5
FEW_WHOLE_NUMBERS = 20


def draft(path: Path, target: str, identifier: str | None, read: Read) -> str:
    """Draft a configuration for the CSV at `path`, as YAML with remarks where a person should look.

    Hard limits get slack of the column's own width on each side. Raises DataProblem.
    """
    table = read_csv(path, read)
    for name in (target, *([identifier] if identifier else [])):
        if name not in table:
            raise DataProblem(f"{path} has no column {name!r}; it has {', '.join(map(str, table.columns))}")
    if table[target].nunique() < 2:
        raise DataProblem(f"{path}: the target {target!r} is the same in every row, so nothing can be learned from it")
    identifier = identifier or _guess_identifier(table, target)
    columns, remarks = {}, []
    for name in table.columns:
        role = {target: "target", identifier: "identifier"}.get(name, "feature")
        column, remark = _column(table[name], role)
        remarks += [f"#   {name}: {remark}"] if remark else []
        if column:
            columns[str(name)] = column
    positive = table[target].min() > 0 if pd.api.types.is_numeric_dtype(table[target]) else False
    example = load_conf("conf/house_prices.yaml").model_dump(mode="json", exclude_unset=True)
    name = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_") or "data"
    content: dict[str, Any] = {
        "name": name if name[0].isalpha() else f"data_{name}",
        "title": path.stem.replace("_", " ").capitalize(),
        "data": {"path": to_root(path.resolve()), "read": read.model_dump(exclude_defaults=True)},
        "contract": {"columns": columns},
        "target_transform": "log" if positive and table[target].skew() > 1 else "none",
        "metric": "neg_root_mean_squared_error",
        "also_report": ["neg_mean_absolute_error", "r2"],
        **{key: example[key] for key in ("split", "rule", "candidates")},
    }
    head = [f"# Drafted from {to_root(path.resolve())}. Review every line: a file shows what was, not what may be."]
    if remarks:
        head += ["# Look at these first:", *remarks]
    return "\n".join(head) + "\n\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def _guess_identifier(table: pd.DataFrame, target: str) -> str | None:
    named = [name for name in table.columns if re.fullmatch(r"(?i)(.*_)?id", str(name)) and name != target]
    return next((name for name in named if table[name].is_unique and table[name].notna().all()), None)


def _column(values: pd.Series, role: str) -> tuple[dict[str, Any], str]:
    """Describe one column; returns nothing and a remark for one that is left out."""
    present = values.replace([np.inf, -np.inf], np.nan).dropna()
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    column: dict[str, Any] = {"role": role} if role != "feature" else {}
    column |= {
        "kind": "numeric" if numeric or role == "target" else "categorical",
        "description": "",
        "unit": "",
    }
    if role == "identifier":
        return column, ""
    if present.nunique() < 2:
        return {}, "left out: the same in every row"
    if not numeric:
        if role == "target":
            return column, "the target holds text; look at read in the configuration"
        if present.nunique() > TEXT_ABOVE_SHARE * len(present):
            return {}, f"left out: {present.nunique():,} distinct texts in {len(present):,} rows"
        common = present.astype(str).value_counts()
        return column | {"categories": sorted(common.index), "example": common.index[0]}, ""
    low, high = float(present.min()), float(present.max())
    width = high - low
    minimum, maximum = _rounded(low - width, down=True), _rounded(high + width, down=False)
    if low > 0 and role == "target":
        minimum = min(low, 1e-9) if low < 1 else 1
    elif low >= 0:
        minimum = max(minimum, 0)
    column |= {"minimum": minimum, "maximum": maximum, "example": present.median().item()}
    whole = bool((present == present.round()).all())
    few = role == "feature" and whole and present.nunique() <= FEW_WHOLE_NUMBERS
    return (
        column,
        f"{present.nunique()} distinct whole numbers: a category that is written as a number?" if few else "",
    )


def _rounded(value: float, *, down: bool) -> float | int:
    """Round to two significant digits, away from the data."""
    if value == 0:
        return 0
    step = 10 ** (math.floor(math.log10(abs(value))) - 1)
    rounded = (math.floor if down else math.ceil)(value / step) * step
    return int(rounded) if float(rounded).is_integer() else float(f"{rounded:.6g}")


def main() -> int:
    """Print the draft; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make contract", description=__doc__)
    parser.add_argument("csv", type=Path, help="the CSV to describe")
    parser.add_argument("--target", required=True, help="the column to predict")
    parser.add_argument("--identifier", help="the column that names a row (default: a unique one called id)")
    parser.add_argument("--sep", default=",", help="what separates the cells (default: comma)")
    options = parser.parse_args()
    try:
        print(draft(options.csv, options.target, options.identifier, Read(sep=options.sep)), end="")
    except Problem as problem:
        print(f"make contract: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

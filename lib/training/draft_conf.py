"""A first draft of a configuration, inferred from any CSV: `make contract CSV=... TARGET=...`. Review it as a diff."""

from __future__ import annotations

import argparse
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml

from modelbundle.cells import TRUTHS, Values, category, cell_reader
from modelbundle.contract import Column
from modelbundle.frame import read_column
from training.config.conf import Read, load_conf
from training.data.reading import read_csv
from training.paths import to_root
from training.problems import DataProblem, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

# More distinct texts than this share of the rows are names or remarks, not categories.
TEXT_ABOVE_SHARE = 0.5
FEW_WHOLE_NUMBERS = 20
INFINITE = r"(?i)[+-]?inf(inity)?"  # no category among numbers, but a fault, which validation names
# Digits that are no amount: a number would lose the zeros in front, or what goes beyond the 15 digits of a float.
CODE = re.compile(r"[+-]?(0\d.*|\d{16,}(\.0*)?)", re.ASCII)


def draft(path: Path, target: str, identifier: str | None, read: Read) -> str:
    """Draft a configuration for the CSV at `path`, as YAML with remarks where a person should look.

    Hard limits get slack of the column's own width on each side. Raises DataProblem.
    """
    texts = read_csv(path, read)
    for name in (target, *([identifier] if identifier else [])):
        if name not in texts:
            raise DataProblem(f"{path} has no column {name!r}; it has {', '.join(texts.columns)}")
    numbers = cell_reader(Column(kind="numeric"), read.missing, read.decimal, read.thousands or "")
    values = pd.Series(read_column(texts[target], numbers), dtype="object").dropna()
    if values.nunique() < 2:
        raise DataProblem(f"{path}: the target {target!r} is the same in every row, so nothing can be learned from it")
    columns, remarks = _columns(texts, target, identifier or _guess_identifier(texts, target), read, numbers)
    if not any("role" not in column for column in columns.values()):
        raise DataProblem(f"{path}: no column is left to predict {target!r} from. {' '.join(remarks)}".strip())
    head = [f"# Drafted from {to_root(path.resolve())}. Review every line: a file shows what was, not what may be."]
    head += ["# Say what columns mean (description, unit), and what codes do: labels: {RL: residential, low density}"]
    if remarks:
        head += ["# Look at these first:", *(" ".join(remark.splitlines()) for remark in remarks)]
    content = _content(path, read, columns, _transform(values))
    return "\n".join(head) + "\n\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def _columns(
    texts: pd.DataFrame, target: str, identifier: str | None, read: Read, numbers: Callable[[Any], Any]
) -> tuple[dict[str, Any], list[str]]:
    """Describe the columns that a contract should have, by name, and remark on what a person should look at."""
    columns, remarks = {}, []
    if unnamed := texts.attrs["unnamed"]:
        remarks.append(f"#   {unnamed} left out for want of a name: an index that was saved with the data?")
    for name in texts.columns:
        role = {target: "target", identifier: "identifier"}.get(name, "feature")
        column, told = _column(texts[name], role, read, numbers)
        remarks += [f"#   {name}: {remark}" for remark in told]
        if column:
            columns[name] = column
    return columns, remarks


def _transform(values: pd.Series) -> str:
    """The transformation for a target: the logarithm for one that is positive and has a long tail to the right."""
    readable = values[[not isinstance(value, str) for value in values]].astype("float64")
    positive = len(readable) == len(values) and readable.min() > 0
    return "log" if positive and readable.skew() > 1 else "none"


def _content(path: Path, read: Read, columns: dict[str, Any], transform: str) -> dict[str, Any]:
    # as people wrote it: what a search found on other data is worth nothing here
    example = load_conf("conf/house_prices.yaml", tuned=False).model_dump(mode="json", exclude_unset=True)
    name = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_") or "data"
    name = name if name[0].isalpha() else f"data_{name}"
    return {
        "name": name,
        "title": path.stem.replace("_", " ").capitalize(),
        "data": {"path": to_root(path.resolve()), "read": read.model_dump(exclude_defaults=True)},
        "contract": {"columns": columns},
        "target_transform": transform,
        "metric": "neg_root_mean_squared_error",
        "also_report": ["neg_mean_absolute_error", "r2"],
        "registry": f"models/{name}",  # models/ itself serves the default problem
        "tuned": f"{name}.tuned.yaml",  # beside the draft, whatever that is called; make tune writes it
        **{key: example[key] for key in ("split", "rule", "candidates")},
    }


def _guess_identifier(texts: pd.DataFrame, target: str) -> str | None:
    named = [name for name in texts.columns if re.fullmatch(r"(?i)(.*_)?id", name) and name != target]
    return next((name for name in named if texts[name].is_unique and texts[name].str.strip().ne("").all()), None)


def _column(texts: pd.Series, role: str, read: Read, numbers: Callable[[Any], Any]) -> tuple[dict[str, Any], list[str]]:
    """Describe one column, and remark on what a person should look at; returns no description of one that is left out.

    texts: its cells as they stand; numbers: what reads them as numbers.
    """
    column: dict[str, Any] = {"role": role} if role != "feature" else {}
    cells = texts.str.strip()
    present = cells[~cells.isin(read.missing) & ~cells.str.fullmatch(INFINITE)]
    values = pd.Series(read_column(present, numbers), dtype="object")
    numeric = not any(isinstance(value, str) for value in values)
    plain = {"kind": "numeric" if numeric or role == "target" else "categorical", "description": "", "unit": ""}
    if role == "identifier":
        return column | plain, []
    if role == "target" and not numeric:
        return column | plain, ["the target holds text; look at read in the configuration"]
    codes = [text for text in present.unique() if CODE.fullmatch(text)]
    if numeric and (role == "target" or not codes):
        described, remarks = _numeric(values.astype("float64"), role)
    else:
        described, remarks = _categorical(present, codes if numeric else [])
    words = [text for text in cells[cells.isin(read.missing)].unique() if text]
    if words and not numeric:
        told = f"{' and '.join(words)} is read as a missing cell; if it is a category of its own"
        remarks.append(f"{told}, list it among the categories, in quotes")
    return (column | described if described else {}), remarks


def _numeric(values: pd.Series, role: str) -> tuple[dict[str, Any], list[str]]:
    present = values[np.isfinite(values)]
    if present.nunique() < 2:
        return {}, ["left out: the same in every row"]
    low, high = float(present.min()), float(present.max())
    width = high - low
    minimum, maximum = _rounded(low - width, down=True), _rounded(high + width, down=False)
    if low > 0 and role == "target":
        minimum = min(low, 1e-9) if low < 1 else 1
    elif low >= 0:
        minimum = max(minimum, 0)
    whole = bool((present == present.round()).all())
    example = present.median().item()
    described = {
        "kind": "numeric", "description": "", "unit": "", "minimum": minimum, "maximum": maximum,
        "example": int(example) if whole and example.is_integer() else example,
    }  # fmt: skip
    few = role == "feature" and whole and present.nunique() <= FEW_WHOLE_NUMBERS
    told = f"{present.nunique()} distinct whole numbers: a category that is written as a number?"
    return described, [f"{told} Then say kind: categorical, values: whole"] if few else []


def _categorical(present: pd.Series, codes: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Describe categories; codes: those that look like numbers, where all do, and are kept as they stand."""
    found = {category(text, "truth") for text in present.unique()}
    values: Values = "truth" if found == set(TRUTHS) else "text"
    categories = present.map(lambda text: category(text, values))
    if categories.nunique() < 2:
        return {}, ["left out: the same in every row"]
    if categories.nunique() > TEXT_ABOVE_SHARE * len(present):
        return {}, [f"left out: {categories.nunique():,} distinct texts in {len(present):,} rows"]
    kept = [f"codes such as {codes[0]} are text, kept as they stand; a number would lose their digits"] if codes else []
    names = [name == "true" for name in sorted(TRUTHS)] if values == "truth" else sorted(categories.unique())
    example = categories.value_counts().index[0]
    return {
        "kind": "categorical", "description": "", "unit": "", "values": values, "categories": names,
        "example": example == "true" if values == "truth" else example,
    }, kept  # fmt: skip


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
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # whatever the locale: it becomes a file
    try:
        print(draft(options.csv, options.target, options.identifier, Read(sep=options.sep)), end="")
    except Problem as problem:
        print(f"make contract: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A first draft of a configuration, inferred from any CSV: `make contract CSV=... TARGET=...`. Review it as a diff."""

import argparse
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from modelbundle.cells import TRUTHS, Values, category, cell_reader
from modelbundle.contract import Column
from modelbundle.frame import read_column
from training.config.conf import Read, load_conf
from training.data.reading import read_csv
from training.paths import to_root
from training.problems import DataProblem, status_of

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
    asked = [target, *([identifier] if identifier else [])]
    if lacking := [name for name in asked if name not in texts]:
        raise DataProblem(f"{path} has no column {lacking[0]!r}; it has {', '.join(texts.columns)}")
    numbers = cell_reader(Column(kind="numeric"), read.missing, read.decimal, read.thousands or "")
    cells = texts[target][~texts[target].str.strip().str.fullmatch(INFINITE)]
    values = pd.Series(read_column(cells, numbers), dtype="object").dropna()
    if values[~values.isin([math.inf, -math.inf])].nunique() < 2:
        raise DataProblem(f"{path}: the target {target!r} is the same in every row, so nothing can be learned from it")
    columns, remarks = _columns(texts, target, identifier or _guess_identifier(texts, target), read, numbers)
    if all("role" in column for column in columns.values()):
        raise DataProblem(f"{path}: no column is left to predict {target!r} from. {' '.join(remarks)}".strip())
    content = _content(path, read, columns, _transform(values))
    return _head(path, remarks) + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def _head(path: Path, remarks: list[str]) -> str:
    head = [
        f"# Drafted from {to_root(path.resolve())}. Review every line: a file shows what was, not what may be.",
        "# Say what columns mean (description, unit), and what codes do: labels: {RL: residential, low density}",
    ]
    if remarks:
        head += ["# Look at these first:", *(" ".join(remark.splitlines()) for remark in remarks)]
    return "\n".join(head) + "\n\n"


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
    cells = texts.str.strip()
    missing = cells.isin(read.missing)
    present = cells[~missing & ~cells.str.fullmatch(INFINITE)]
    values = pd.Series(read_column(present, numbers), dtype="object")
    numeric = not any(isinstance(value, str) for value in values)
    if role == "feature":
        words = [text for text in cells[missing].unique() if text]
        return _numeric_feature(present, values) if numeric else _text_feature(present, words)
    if role == "target" and numeric:
        column, remarks = _numeric(values.astype("float64"), role)
        return {"role": role} | column, remarks
    column = {"role": role, "kind": "numeric" if numeric else "categorical", "description": "", "unit": ""}
    if role == "identifier":
        return column, []
    return column | {"kind": "numeric"}, ["the target holds text; look at read in the configuration"]


def _numeric_feature(present: pd.Series, values: pd.Series) -> tuple[dict[str, Any], list[str]]:
    codes = [text for text in present.unique() if CODE.fullmatch(text)]
    if not codes:
        return _numeric(values.astype("float64"), "feature")
    column, remarks = _categorical(present)
    remark = f"codes such as {codes[0]} are text, kept as they stand; a number would lose their digits"
    return column, [remark] if column else remarks


def _text_feature(present: pd.Series, words: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Describe categories; words: what is taken for a missing cell."""
    column, remarks = _categorical(present)
    if words:
        remark = f"{' and '.join(words)} is read as a missing cell; if it is a category of its own"
        remarks.append(f"{remark}, list it among the categories, in quotes")
    return column, remarks


def _numeric(values: pd.Series, role: str) -> tuple[dict[str, Any], list[str]]:
    present = values[np.isfinite(values)]
    if present.nunique() < 2:
        return {}, ["left out: the same in every row"]
    minimum, maximum = _limits(float(present.min()), float(present.max()), role)
    whole = bool((present == present.round()).all())
    example = present.median().item()
    described = {
        "kind": "numeric", "description": "", "unit": "", "minimum": minimum, "maximum": maximum,
        "example": int(example) if whole and example.is_integer() else example,
    }  # fmt: skip
    few = role == "feature" and whole and present.nunique() <= FEW_WHOLE_NUMBERS
    remark = f"{present.nunique()} distinct whole numbers: a category that is written as a number?"
    return described, [f"{remark} Then say kind: categorical, values: whole"] if few else []


def _limits(low: float, high: float, role: str) -> tuple[float, float]:
    """Hard limits around what was seen, with as much slack on each side; what was never below 0 stays so."""
    minimum, maximum = _rounded(low - (high - low), down=True), _rounded(high + (high - low), down=False)
    if low > 0 and role == "target":
        return min(low, 1e-9) if low < 1 else 1, maximum
    return max(minimum, 0) if low >= 0 else minimum, maximum


def _categorical(present: pd.Series) -> tuple[dict[str, Any], list[str]]:
    found = {category(text, "truth") for text in present.unique()}
    values: Values = "truth" if found == set(TRUTHS) else "text"
    categories = present.map(lambda text: category(text, values))
    if categories.nunique() < 2:
        return {}, ["left out: the same in every row"]
    if categories.nunique() > TEXT_ABOVE_SHARE * len(present):
        return {}, [f"left out: {categories.nunique():,} distinct texts in {len(present):,} rows"]
    names = [name == "true" for name in sorted(TRUTHS)] if values == "truth" else sorted(categories.unique())
    example = categories.value_counts().index[0]
    return {
        "kind": "categorical", "description": "", "unit": "", "values": values, "categories": names,
        "example": example == "true" if values == "truth" else example,
    }, []  # fmt: skip


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
    sys.stdout.reconfigure(encoding="utf-8")  # whatever the locale: it becomes a file
    asked = (options.csv, options.target, options.identifier, Read(sep=options.sep))
    return status_of("make contract", lambda: print(draft(*asked), end=""), "backslashreplace")


if __name__ == "__main__":
    sys.exit(main())

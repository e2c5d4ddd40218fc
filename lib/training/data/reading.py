"""Data in: the CSV read into one frame with the contract's columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from modelbundle.cells import cell_reader, column_names, doubled
from modelbundle.digests import digest_bytes
from modelbundle.frame import canonical_frame, read_column
from training.data.source import download, location
from training.paths import from_root, to_root
from training.problems import DataProblem

if TYPE_CHECKING:
    from modelbundle.contract import Column, Contract
    from training.config.conf import Data, Read


def load_table(data: Data, contract: Contract) -> pd.DataFrame:
    """Read the data, downloading them first where the local file is missing.

    Returns the contract's columns, one row per record, each cell as the contract reads it: categories in their one
    form, numbers, and text where a number should stand, for validation to name it. An optional feature that the file
    lacks is a column of missing cells.
    Raises DataProblem.
    """
    return read_table(*_file(data), contract)


def left_out_columns(data: Data, contract: Contract) -> list[str]:
    """Names of the file's columns that the contract does not have: no model sees them."""
    return [name for name in read_csv(*_file(data)) if name not in contract.columns]


def _file(data: Data) -> tuple[Path, Read]:
    """Where the data are, after the download if one is needed, and how they are written."""
    path = location(data)
    if not path.exists():
        download(data.download)
    return path, data.read if path == from_root(data.path) else data.download.read


def read_csv(path: Path, read: Read) -> pd.DataFrame:
    """Read one CSV in the configured dialect: every cell as the text that stands there.

    Columns without a name, as of an index that pandas saved, are left out; attrs["unnamed"] tells of them.
    Raises DataProblem if it is not such a file.
    """
    name = to_root(path)
    try:
        # The header is read as a row like others: pandas would give names to columns that have none, or the same.
        lines = pd.read_csv(
            path, header=None, dtype="str", na_filter=False,
            sep=read.sep, quotechar=read.quotechar, encoding=read.encoding,
        )  # fmt: skip
    except pd.errors.EmptyDataError:
        raise DataProblem(f"{name} is empty; expected a CSV with a header line and one row per record") from None
    except UnicodeDecodeError as error:
        raise DataProblem(
            f"{name} is not {read.encoding} (byte {error.start}: {error.reason}); set read.encoding in conf/"
        ) from None
    except (pd.errors.ParserError, LookupError, ValueError) as error:
        raise DataProblem(f"{name} cannot be read as CSV with sep {read.sep!r}: {error}; see read in conf/") from None
    except OSError as error:
        raise DataProblem(f"{name} cannot be read: {error.strerror}") from None
    header = column_names(lines.iloc[0])
    if twice := doubled(header):
        raise DataProblem(f"{name}: names stand twice in the header: {', '.join(twice)}. Rename or remove the columns")
    table = lines.iloc[1:].reset_index(drop=True).set_axis(header, axis=1)
    if table.empty:
        raise DataProblem(f"{name} has a header but no rows")
    named = table.loc[:, [bool(name) for name in header]]
    named.attrs["unnamed"] = f"{header.count('')} column{'s' if header.count('') > 1 else ''}" if "" in header else ""
    return named


def read_table(path: Path, read: Read, contract: Contract) -> pd.DataFrame:
    """Read one CSV and keep the contract's columns; raises DataProblem if it lacks a required one."""
    table = read_csv(path, read)
    columns = contract.columns
    if lacking := [key for key, column in columns.items() if key not in table and _is_needed(column)]:
        found = ", ".join(table.columns[:15]) + (", …" if len(table.columns) > 15 else "")
        raise DataProblem(
            f"{to_root(path)} lacks {', '.join(lacking)}; found the columns {found:.400}. "
            f"Rename them, or mend contract or read (sep is {read.sep!r}) in conf/"
        )
    lines, missing = table.reindex(columns=list(columns)), {*contract.missing, *read.missing}
    readers = {
        name: cell_reader(column, missing, read.decimal, read.thousands or "") for name, column in columns.items()
    }
    return pd.DataFrame({name: _column(lines[name], column, readers[name]) for name, column in columns.items()})


def _is_needed(column: Column) -> bool:
    return column.required or column.role != "feature"


def _column(texts: pd.Series, column: Column, read: Callable[[str], Any]) -> pd.Series:
    cells = read_column(texts, read)
    if column.kind == "categorical" and column.role == "feature":
        return pd.Series(cells, index=texts.index, dtype="str")
    found = pd.Series(cells, index=texts.index, dtype="object")
    numbers = column.role != "identifier" and not any(isinstance(cell, str) for cell in cells)
    return found.astype("float64") if numbers else found


def features_and_target(table: pd.DataFrame, contract: Contract) -> tuple[pd.DataFrame, pd.Series]:
    """Split a checked table into the canonical features and the target as float64, row for row."""
    return canonical_frame(table, contract), table[contract.target].astype("float64")


def fingerprint(table: pd.DataFrame, contract: Contract) -> str:
    """SHA-256 of the values that training reads: the same whatever dialect the file was written in."""
    features, target = features_and_target(table, contract)
    return digest_bytes(features.assign(**{contract.target: target}).to_csv(index=False).encode())

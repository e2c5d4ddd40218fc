"""Data in: the CSV read into one frame with the contract's columns."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pandas as pd

from modelbundle.digests import digest_bytes
from modelbundle.frame import canonical_frame
from training.paths import from_root, to_root
from training.problems import DataProblem
from training.source import download, location

if TYPE_CHECKING:
    from pathlib import Path

    from modelbundle.contract import Contract
    from training.conf import Data, Read


def load_table(data: Data, contract: Contract) -> pd.DataFrame:
    """Read the data, downloading them first where the local file is missing.

    Returns the contract's columns as they stand in the file, one row per record; an optional feature that the
    file lacks is a column of missing cells.
    Raises DataProblem.
    """
    return read_table(*_file(data), contract)


def left_out_columns(data: Data, contract: Contract) -> list[str]:
    """Names of the file's columns that the contract does not have: no model sees them."""
    return [str(name) for name in read_csv(*_file(data)) if name not in contract.columns]


def _file(data: Data) -> tuple[Path, Read]:
    """Where the data are, after the download if one is needed, and how they are written."""
    path = location(data)
    if not path.exists():
        download(data.download)
    return path, data.read if path == from_root(data.path) else data.download.read


def read_csv(path: Path, read: Read) -> pd.DataFrame:
    """Read one CSV in the configured dialect; raises DataProblem if it is not such a file."""
    name = to_root(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with more cells than the header
            table = pd.read_csv(path, low_memory=False, index_col=False, **read.model_dump())
    except pd.errors.EmptyDataError:
        raise DataProblem(f"{name} is empty; expected a CSV with a header line and one row per record") from None
    except UnicodeDecodeError as error:
        raise DataProblem(
            f"{name} is not {read.encoding} (byte {error.start}: {error.reason}); set read.encoding in conf/"
        ) from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, LookupError, ValueError) as error:
        raise DataProblem(f"{name} cannot be read as CSV with sep {read.sep!r}: {error}; see read in conf/") from None
    except OSError as error:
        raise DataProblem(f"{name} cannot be read: {error.strerror}") from None
    if table.empty:
        raise DataProblem(f"{name} has a header but no rows")
    return table


def read_table(path: Path, read: Read, contract: Contract) -> pd.DataFrame:
    """Read one CSV and keep the contract's columns; raises DataProblem if it lacks a required one."""
    table = read_csv(path, read)
    columns = contract.columns
    needed = [key for key, column in columns.items() if column.required or column.role != "feature"]
    if lacking := [key for key in needed if key not in table]:
        found = ", ".join(map(str, table.columns[:15])) + (", …" if len(table.columns) > 15 else "")
        raise DataProblem(
            f"{to_root(path)} lacks {', '.join(lacking)}; found the columns {found:.400}. "
            f"Rename them, or mend contract or read (sep is {read.sep!r}) in conf/"
        )
    return table.reindex(columns=list(columns))


def features_and_target(table: pd.DataFrame, contract: Contract) -> tuple[pd.DataFrame, pd.Series]:
    """Split a checked table into the canonical features and the target as float64, row for row."""
    return canonical_frame(table, contract), table[contract.target].astype("float64")


def fingerprint(table: pd.DataFrame, contract: Contract) -> str:
    """SHA-256 of the values that training reads: the same whatever dialect the file was written in."""
    features, target = features_and_target(table, contract)
    return digest_bytes(features.assign(**{contract.target: target}).to_csv(index=False).encode())

"""Body in, records out: JSON, CSV, HTML forms, and the forms that clients of MLflow and SageMaker send."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from app.problems import Problem
from app.programs.checks import Fault, fault, known_names, shown
from modelbundle.cells import NUMBER, column_names, doubled

if TYPE_CHECKING:
    from modelbundle.contract import Contract

# Python refuses to read or write a longer whole number, since that takes time with its square.
MAX_DIGITS = 4300
DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
# Only these: some of Python's other codecs take very long.
CHARSETS = {
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "us-ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin-1": "latin-1",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
}
NO_CSV = "The body is not CSV"


@dataclass
class Batch:
    """The records of one request, as they came.

    pointers: where each stands in what was sent; faults: what was wrong with a record before its fields could be read,
    by its number; table: the rows of text, if they came as a table, the header first; sound: whether they were checked
    as they were read, and found good.
    """

    records: list[Any]
    pointers: list[str]
    faults: dict[int, Fault] = field(default_factory=dict)
    table: list[list[str]] = field(default_factory=list)
    sound: bool = False


def read_json(body: bytes) -> Any:
    """Read JSON; NaN and Infinity, which are none, are kept for the check to name them. Raises Problem 400."""
    try:
        has_long = b"0" * (MAX_DIGITS + 1) in body.translate(DIGITS)  # where there is none, Python's own way is faster
        return json.loads(body, parse_int=_whole_number if has_long else None, object_pairs_hook=_object)
    except RecursionError:
        raise Problem(400, "The body is not JSON", "it is nested too deeply") from None
    except ValueError as error:
        raise Problem(400, "The body is not JSON", str(error)) from None


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else math.inf


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
        raise ValueError(f"names stand twice in one object: {shown(', '.join(names))}")
    return members


def json_batch(sent: Any, most: int, *, sound: bool = False) -> Batch:
    """Take one object, or an array of at most `most` objects; raises Problem 413."""
    return batch_of(sent, most, sound=sound) if isinstance(sent, list) else Batch([sent], [""], sound=sound)


def batch_of(records: list[Any], most: int, **more: Any) -> Batch:
    """Take an array of at most `most` records; raises Problem 413."""
    check_count(len(records), most)
    return Batch(records, [f"/{number}" for number in range(len(records))], **more)


def check_count(count: int, most: int) -> None:
    """Raise the Problem 413 for more records than `most`."""
    if count > most:
        raise Problem(413, "Too many records", f"expected at most {most:,} records in one request; got more")


def check_size(body: bytes | str, contract: Contract, most: int, comma: bytes | str = b",") -> None:
    """Raise the Problem 413 where there are far more values than `most` records hold: to read them takes long."""
    values = most * len(known_names(contract)) * 3 // 2
    if body.count(comma) > values:
        raise Problem(413, "Too many values", f"expected at most {values:,} in one request; send fewer at a time")


def csv_batch(body: bytes, contract: Contract, most: int, charset: str = "utf-8", *, has_header: bool = True) -> Batch:
    """Read a CSV file of at most `most` records; its cells become what JSON would have held.

    Without a header the columns are in the contract's order, with the identifier first if there are so many.
    Raises Problem 415 for an unknown charset, 413 for too many records, 400 for what cannot be read as a table.
    """
    rows, comma = _rows(body, contract, most, charset)
    if not has_header:
        names = known_names(contract)
        rows.insert(0, list(names if len(rows[0]) == len(names) else contract.features))
    header = _header(rows[0], contract, comma)
    check_count(len(rows) - 1, most)
    records, faults = [], {}
    width = max((place for place, name in enumerate(header, 1) if name), default=len(header))
    for number, row in enumerate(rows[1:]):
        if len(row) < width or any(row[len(header) :]):  # spreadsheets write empty columns behind the last
            faults[number] = fault(f"/{number}", f"{len(header)} cells, as the header has", f"{len(row)} cells")
        records.append(cells_to_record(zip(header, row, strict=False), contract))
    return batch_of(records, most, faults=faults, table=[[name.strip() for name in rows[0]], *rows[1:]])


def _rows(body: bytes, contract: Contract, most: int, charset: str) -> tuple[list[list[str]], str]:
    """The rows of text, with one more than may be, and what stands between the columns."""
    if charset.lower() not in CHARSETS:
        raise Problem(
            415, "Unsupported media type", f"expected a charset of {', '.join(CHARSETS)}; got {charset!r:.80}"
        )
    try:
        text, comma = _delimited(body.decode(CHARSETS[charset.lower()]))
        for separator in (comma, "\n", "\r"):
            check_size(text, contract, 2 * most, separator)  # spreadsheets write empty columns and lines
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=comma, strict=True)
        rows = list(islice(filter(None, reader), most + 2))
    except UnicodeDecodeError as error:
        detail = f"byte {error.start:,} is not {charset}: say charset=... or save as UTF-8"
        raise Problem(400, NO_CSV, detail) from None
    except csv.Error as error:
        raise Problem(400, NO_CSV, str(error)) from None
    if not rows:
        raise Problem(400, NO_CSV, "expected a header with the names of the columns; got an empty file")
    return rows, comma


def _header(row: list[str], contract: Contract, comma: str) -> list[str]:
    header = column_names(row)
    looks_like_data = any(map(NUMBER.fullmatch, header)) or len(header) == len(contract.features)
    if looks_like_data and not set(header) & {*known_names(contract), contract.target}:
        how = "say Content-Type: text/csv; header=absent, and keep to the contract's order of columns"
        raise Problem(400, NO_CSV, f"a header is needed: the first line names no column of the model; or {how}")
    if twice := doubled(header):
        raise Problem(400, NO_CSV, f"names stand twice in the header: {shown(', '.join(twice))}")
    if len(header) == 1 and ";" in header[0] and comma == ",":
        raise Problem(400, NO_CSV, "expected commas between the columns; got semicolons")
    return header


def _delimited(text: str) -> tuple[str, str]:
    """Take off the line in which Excel says what stands between the columns, and say what it is."""
    first, end, rest = text.partition("\n")
    found = re.fullmatch(r'"?sep=([,;\t])"?\r?', first)
    return (rest, found[1]) if end and found else (text, ",")


def cells_to_record(cells: Iterable[tuple[str, str]], contract: Contract) -> dict[str, Any]:
    """Turn the text of named cells into the values that JSON would have held; a missing cell is None.

    A column without a name, as of an index that pandas saved, is left out, as training leaves it out.
    """
    readers, target = contract.readers, contract.target
    return {name: readers[name](text) if name in readers and name != target else text for name, text in cells if name}


def lines_batch(body: bytes, contract: Contract, most: int) -> Batch:
    """Take JSON lines, of at most `most` records, each an object or an array. Raises Problem 400 or 413."""
    check_size(body, contract, most, b"\n")
    lines = [line for line in body.split(b"\n") if line.strip()]
    check_count(len(lines), most)
    return in_order(batch_of([read_json(line) for line in lines], most), contract)


def in_order(batch: Batch, contract: Contract) -> Batch:
    """Take an array of a batch for a record: it holds the features in the contract's order, with NaN for null."""
    for number, record in enumerate(batch.records):
        if isinstance(record, list) and len(record) == len(contract.features):
            named = zip(contract.features, record, strict=True)
            batch.records[number] = {name: None if value != value else value for name, value in named}
    return batch

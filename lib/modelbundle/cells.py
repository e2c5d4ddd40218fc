"""How a cell is read: from what a file, a form or JSON holds to the one value that the model sees.

Training and serving both read here and nowhere else, and the contract alone decides how. No library's guess of a type
stands before it: a file's cells arrive as text, and a code keeps the spelling that the contract gives it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from modelbundle.contract import Column

# What the values of a category are: whole numbers in any spelling, truth values in any usual spelling, or text.
Values = Literal["whole", "truth", "text"]

# What a cell says where it is missing, unless a configuration says otherwise: what pandas takes for missing.
MISSING = ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
           "NA", "NULL", "NaN", "None", "n/a", "nan", "null")  # fmt: skip


def _numbers(decimal: str, thousands: str = "") -> re.Pattern[str]:
    """Match numbers. No digit can be matched in two ways, or a long cell would take time with its square."""
    point, digit = re.escape(decimal), rf"[\d{re.escape(thousands)}]"
    return re.compile(rf"[+-]?(\d{digit}*({point}\d*)?|{point}\d+)([eE][+-]?\d+)?", re.ASCII)


NUMBER = _numbers(".")
TRUTHS = {"true": ("true", "t", "yes", "y", "on", "1"), "false": ("false", "f", "no", "n", "off", "0")}
_TRUTH = {spelling: truth for truth, spellings in TRUTHS.items() for spelling in spellings}
# A whole number with more digits is nobody's code: its text stays as it is, and 1e999999 is not written out.
MAX_CODE_DIGITS = 100
# Spellings of a column's categories whose reading is remembered.
MAX_REMEMBERED = 1000
# How pandas names the column without a name in which it saved a frame's index.
_INDEX = re.compile(r"(Unnamed: \d+)?", re.ASCII)


def column_names(header: Iterable[str]) -> list[str]:
    """Read a header: names without outer blanks; one without a name, as of an index that pandas saved, becomes ""."""
    return ["" if _INDEX.fullmatch(name.strip()) else name.strip() for name in header]


def doubled(names: Iterable[str]) -> list[str]:
    """Names that stand several times in a header, of which nobody knows which column is meant."""
    return [name for name, count in Counter(names).items() if name and count > 1]


def category(value: Any, values: Values) -> str:
    """Write a category in its one form; whatever is no such value stays as it is, without outer blanks.

    whole: plain digits, so that 60, 60.0, "060", " 60", "+60" and "6e1" are one category. truth: true or false.
    text: as it is written. A float that is whole is written without a point, for so a column with gaps holds codes.
    """
    whole = isinstance(value, float) and value.is_integer()
    text = str(int(value)) if whole else str(value).strip()
    return text if values == "text" else _whole(text) if values == "whole" else _truth(text)


def _whole(text: str) -> str:
    if not NUMBER.fullmatch(text):
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds
        return text
    if number.adjusted() >= MAX_CODE_DIGITS or number != number.to_integral_value():
        return text
    return str(int(number))


def _truth(text: str) -> str:
    return _TRUTH.get(text.lower()) or _TRUTH.get(_whole(text), text)


def identifier(value: Any) -> Any:
    """Read what names a record: a whole number where it is plainly one, otherwise its text as it stands."""
    plain = value.strip() if isinstance(value, str) else value
    return int(plain) if isinstance(value, str) and re.fullmatch(r"-?[1-9]\d{0,17}|0", plain, re.ASCII) else value


def cell_reader(
    column: Column, missing: Iterable[str] = MISSING, decimal: str = ".", thousands: str = ""
) -> Callable[[Any], Any]:
    """Make what reads the cells of one column: a number, a category in its one form, or None where a cell is missing.

    missing: what a missing cell says; a category that the contract lists is none of these. decimal, thousands: how a
    file writes numbers. What should be a number and is none comes back as it was, for a check to name it.
    """
    if column.kind == "categorical" and column.role == "feature":
        return _category_reader(column.values, frozenset(missing).difference(column.categories or ()))
    if column.role == "identifier":
        return _identifier_reader(frozenset(missing))
    return _number_reader(frozenset(missing), decimal, thousands)


def _category_reader(values: Values, missing: frozenset[str]) -> Callable[[Any], Any]:
    def form(value: Any) -> str | None:
        if value is None or value != value or (isinstance(value, str) and value.strip() in missing):
            return None
        found = category(value, values)
        return None if found in missing else found

    remembered = lru_cache(MAX_REMEMBERED)(form)  # a column holds the same few categories again and again

    def read(value: Any) -> str | None:
        short = type(value) is int or (type(value) is str and len(value) <= MAX_CODE_DIGITS)
        return remembered(value) if short else form(value)

    return read


def _number_reader(missing: frozenset[str], decimal: str, thousands: str) -> Callable[[Any], Any]:
    gaps = {float(text) for text in missing if NUMBER.fullmatch(text)}  # such as -999
    numbers = _numbers(decimal, thousands)

    def read(value: Any) -> Any:
        if type(value) is float and value == value:
            return None if value in gaps else value
        if isinstance(value, str):
            text = value.strip()
            if text in missing:
                return None
            if not numbers.fullmatch(text):
                return value
            number = float(text.replace(thousands, "").replace(decimal, "."))
        elif value is None or value != value:
            return None
        else:
            try:
                number = float(value)
            except OverflowError:  # a whole number beyond all floats is no number that a model takes
                return value
        return None if number in gaps else number

    return read


def _identifier_reader(missing: frozenset[str]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        gap = value is None or value != value or (isinstance(value, str) and value.strip() in missing)
        return None if gap else identifier(value)

    return read

"""How a plan reads records: each becomes a row of numbers, in a list of its own or as one row of a matrix.

First the numeric features, numbers that categories stand for and products of these; then a column of 0 and 1 per
category.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelbundle.plan_models import Matrix, Row

    Record = Mapping[str, Any]


class Reader(NamedTuple):
    """What reads many records, and one."""

    many: Callable[[Sequence[Record]], Matrix]
    one: Callable[[Record], Row]


def reader(read: Mapping[str, Any]) -> Reader:
    """Make a reader from its description, of records that the contract has read: what is None or absent is missing."""
    numbers = list(zip(read["numbers"], read["fill"], strict=True))
    lookups = [(each["feature"], each["numbers"], each["fill"]) for each in read["lookups"]]
    categories = [
        (each["feature"], {**each["columns"], None: each["missing"]}, each["other"]) for each in read["categories"]
    ]
    products, zeros = read["products"], [0.0] * read["columns"]
    first = len(numbers) + len(lookups) + len(products)

    def one(record: Record) -> Row:
        get = record.get
        row = [fill if (value := get(name)) is None or value != value else float(value) for name, fill in numbers]
        for name, table, fill in lookups:
            row.append(table.get(get(name), fill))
        for factors in products:
            row.append(math.prod([row[factor] for factor in factors]))
        row += zeros
        for name, columns, other in categories:
            column = columns.get(get(name), other)
            if column is not None:
                row[first + column] = 1.0
        return row

    def many(records: Sequence[Record]) -> Matrix:
        X = np.zeros((len(records), first + len(zeros)))
        filled = iter(X.T)
        for name, fill in numbers:
            cells = np.array([record.get(name) for record in records], dtype=float)  # None becomes NaN
            next(filled)[:] = np.where(np.isnan(cells), fill, cells)
        for name, table, fill in lookups:
            next(filled)[:] = [table.get(record.get(name), fill) for record in records]
        for factors in products:
            next(filled)[:] = X[:, factors].prod(axis=1)
        for name, columns, other in categories:
            for row, record in enumerate(records):
                column = columns.get(record.get(name), other)
                if column is not None:
                    X[row, first + column] = 1.0
        return X

    return Reader(many, one)

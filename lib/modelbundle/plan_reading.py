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


def reader(read: Mapping[str, Any], cells: Mapping[str, Callable[[Any], Any]]) -> Reader:
    """Make a reader from its description. cells: what reads the cells of each feature, as Contract.readers."""
    numbers = [(name, cells[name], fill) for name, fill in zip(read["numbers"], read["fill"], strict=True)]
    lookups = [(name := each["feature"], cells[name], each["numbers"], each["fill"]) for each in read["lookups"]]
    categories = [
        (name := each["feature"], cells[name], {**each["columns"], None: each["missing"]}, each["other"])
        for each in read["categories"]
    ]
    products, zeros = read["products"], [0.0] * read["columns"]
    first = len(numbers) + len(lookups) + len(products)

    def one(record: Record) -> Row:
        get = record.get
        row = [fill if (value := cell(get(name))) is None else float(value) for name, cell, fill in numbers]
        for name, cell, table, fill in lookups:
            row.append(table.get(cell(get(name)), fill))
        for factors in products:
            row.append(math.prod([row[factor] for factor in factors]))
        row += zeros
        for name, cell, columns, other in categories:
            column = columns.get(cell(get(name)), other)
            if column is not None:
                row[first + column] = 1.0
        return row

    def many(records: Sequence[Record]) -> Matrix:
        X = np.zeros((len(records), first + len(zeros)))
        filled = iter(X.T)
        for name, cell, fill in numbers:
            values = np.array([cell(record.get(name)) for record in records], dtype=float)  # None becomes NaN
            next(filled)[:] = np.where(np.isnan(values), fill, values)
        for name, cell, table, fill in lookups:
            next(filled)[:] = [table.get(cell(record.get(name)), fill) for record in records]
        for factors in products:
            next(filled)[:] = X[:, factors].prod(axis=1)
        for name, cell, columns, other in categories:
            found = [columns.get(cell(record.get(name)), other) for record in records]
            known = [row for row, column in enumerate(found) if column is not None]
            X[known, [first + found[row] for row in known]] = 1.0
        return X

    return Reader(many, one)

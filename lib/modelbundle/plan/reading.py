"""How a plan reads records: each becomes a row of numbers, in a list of its own or as one row of a matrix.

First the numeric features, numbers that categories stand for and products of these; then a column of 0 and 1 per
category.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from modelbundle.plan.models import Matrix, Row

    Record = Mapping[str, Any]
    Cell = Callable[[Any], Any]


class Reader(NamedTuple):
    """What reads one record, and many. Each entry has a feature's name and what reads its cells, then:

    numbers: what fills a gap; lookups: the numbers that categories stand for, and what the others do; products: the
    places of their factors; categories: each one's column, and that of the others, None for none; columns: how many.
    """

    numbers: list[tuple[str, Cell, float]]
    lookups: list[tuple[str, Cell, dict[str | None, float], float]]
    products: list[list[int]]
    categories: list[tuple[str, Cell, dict[str | None, int | None], int | None]]
    columns: int

    def one(self, record: Record) -> Row:
        """Read one record, without numpy."""
        get = record.get
        row = [fill if (value := cell(get(name))) is None else float(value) for name, cell, fill in self.numbers]
        for name, cell, table, fill in self.lookups:
            row.append(table.get(cell(get(name)), fill))
        for factors in self.products:
            row.append(math.prod([row[factor] for factor in factors]))
        first = len(row)
        row += [0.0] * self.columns
        for name, cell, columns, other in self.categories:
            column = columns.get(cell(get(name)), other)
            if column is not None:
                row[first + column] = 1.0
        return row

    def many(self, records: Sequence[Record]) -> Matrix:
        """Read records into the rows of a matrix."""
        first = len(self.numbers) + len(self.lookups) + len(self.products)
        X = np.zeros((len(records), first + self.columns))
        filled = iter(X.T)
        for name, cell, fill in self.numbers:
            values = np.array([cell(record.get(name)) for record in records], dtype=float)  # None becomes NaN
            next(filled)[:] = np.where(np.isnan(values), fill, values)
        for name, cell, table, fill in self.lookups:
            next(filled)[:] = [table.get(cell(record.get(name)), fill) for record in records]
        for factors in self.products:
            next(filled)[:] = X[:, factors].prod(axis=1)
        for name, cell, columns, other in self.categories:
            found = np.array([columns.get(cell(record.get(name)), other) for record in records], dtype=float)
            known = np.flatnonzero(~np.isnan(found))  # None became NaN
            X[known, first + found[known].astype(int)] = 1.0
        return X


def reader(read: Mapping[str, Any], cells: Mapping[str, Cell]) -> Reader:
    """Make a reader from its description. cells: what reads the cells of each feature, as Contract.readers."""
    categories = [
        (name := each["feature"], cells[name], {**each["columns"], None: each["missing"]}, each["other"])
        for each in read["categories"]
    ]
    return Reader(
        [(name, cells[name], fill) for name, fill in zip(read["numbers"], read["fill"], strict=True)],
        [(name := each["feature"], cells[name], each["numbers"], each["fill"]) for each in read["lookups"]],
        read["products"],
        categories,
        read["columns"],
    )

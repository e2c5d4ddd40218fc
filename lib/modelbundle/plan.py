"""The plan: a fitted pipeline as plain arrays, which numpy alone evaluates, in double precision.

It is data, not code: a JSON description and arrays in one .npz file, which is read without unpickling anything. Serving
from it needs neither pandas nor scikit-learn. The pickle stays the truth; training compares the two.

A plan reads records into a matrix, one row each: the numeric features, numbers that categories stand for, products of
these, then a column of 0 and 1 per category. Models take that matrix; some reshape its first columns, the numbers.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modelbundle.frame import canonical_category
from modelbundle.plan_models import MODELS
from modelbundle.plan_steps import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Matrix = np.ndarray


@dataclass(frozen=True)
class Plan:
    """A pipeline that can be asked: `read` makes the matrix of some records, `model` predicts a target for each row."""

    read: Callable[[Sequence[Mapping[str, Any]]], Matrix]
    model: Callable[[Matrix], np.ndarray]

    def predict(self, records: Sequence[Mapping[str, Any]]) -> list[float]:
        """Predict the target, in its own unit, for each record, in order. A value that is None or absent is missing."""
        with np.errstate(over="ignore", invalid="ignore"):  # as of the pickle: who asks looks at what comes out
            return self.model(self.read(records)).tolist()


def write_plan(description: dict[str, Any]) -> bytes:
    """Write a description, whose arrays may stand anywhere in it, as one file whose bytes depend on nothing else."""
    arrays: list[np.ndarray] = []

    def without_arrays(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays.append(value)
            return {"array": len(arrays) - 1}
        if isinstance(value, dict):
            return {key: without_arrays(item) for key, item in value.items()}
        return [without_arrays(item) for item in value] if isinstance(value, list | tuple) else value

    text = json.dumps(without_arrays(description), ensure_ascii=False, allow_nan=False)
    file = io.BytesIO()
    named = {str(number): array for number, array in enumerate(arrays)}
    np.savez(file, description=np.frombuffer(text.encode(), dtype=np.uint8), **named)
    return file.getvalue()


def read_plan(data: bytes) -> Plan:
    """Read what write_plan wrote; raises ValueError, KeyError or TypeError if it is something else."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    described = json.loads(arrays["description"].tobytes())

    def with_arrays(value: Any) -> Any:
        if isinstance(value, dict):
            if set(value) == {"array"}:
                return arrays[str(value["array"])]
            return {key: with_arrays(item) for key, item in value.items()}
        return [with_arrays(item) for item in value] if isinstance(value, list) else value

    description = with_arrays(described)
    return Plan(_reader(description["read"]), _model(description["model"]))


def _reader(read: Mapping[str, Any]) -> Callable[[Sequence[Mapping[str, Any]]], Matrix]:
    numbers = list(zip(read["numbers"], read["fill"], strict=True))
    lookups = [(each["feature"], each["numbers"], each["fill"]) for each in read["lookups"]]
    categories = [(each["feature"], each["columns"], each["missing"], each["other"]) for each in read["categories"]]
    products = read["products"]
    first = len(numbers) + len(lookups) + len(products)
    width = first + read["columns"]

    def cells(record: Mapping[str, Any]) -> tuple[list[float], list[int]]:
        """The record's numbers, and the columns that are 1."""
        get = record.get
        row = [fill if (value := get(name)) is None or value != value else value for name, fill in numbers]
        for name, table, fill in lookups:
            value = get(name)
            row.append(fill if value is None else table.get(canonical_category(value), fill))
        for factors in products:
            product = 1.0
            for factor in factors:
                product *= row[factor]
            row.append(product)
        ones = []
        for name, columns, missing, other in categories:
            value = get(name)
            column = missing if value is None or value != value else columns.get(canonical_category(value), other)
            if column is not None:
                ones.append(first + column)
        return row, ones

    def reader(records: Sequence[Mapping[str, Any]]) -> Matrix:
        matrix = np.zeros((len(records), width))
        for line, record in zip(matrix, records, strict=True):
            row, ones = cells(record)
            line[:first] = row
            line[ones] = 1.0
        return matrix

    return reader


def _model(node: Mapping[str, Any]) -> Callable[[Matrix], np.ndarray]:
    composed = {"target": _target, "average": _average, "shaped": _shaped}
    return (composed | MODELS)[node["kind"]](node)


def _target(node: Mapping[str, Any]) -> Callable[[Matrix], np.ndarray]:
    """Back from the scale that a model learned on to the target's unit."""
    inner, mean, scale, log = _model(node["model"]), node["mean"], node["scale"], node["log"]
    if log:
        return lambda X: np.exp(inner(X) * scale + mean)
    return lambda X: inner(X) * scale + mean


def _average(node: Mapping[str, Any]) -> Callable[[Matrix], np.ndarray]:
    parts = [(weight, _model(part)) for weight, part in zip(node["weights"], node["models"], strict=True)]
    total = sum(weight for weight, _ in parts)

    def average(X: Matrix) -> np.ndarray:
        result = 0.0
        for weight, model in parts:
            result = result + weight * model(X)
        return result / total

    return average


def _shaped(node: Mapping[str, Any]) -> Callable[[Matrix], np.ndarray]:
    """A model of a matrix whose first columns are reshaped, step after step; the others pass by."""
    count, steps, model = node["columns"], [STEPS[step["kind"]](step) for step in node["steps"]], _model(node["model"])

    def shaped(X: Matrix) -> np.ndarray:
        numbers = X[:, :count]
        for step in steps:
            numbers = step(numbers)
        return model(np.concatenate([numbers, X[:, count:]], axis=1))

    return shaped

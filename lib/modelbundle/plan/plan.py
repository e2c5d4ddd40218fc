"""The plan: a fitted pipeline as plain arrays, which Python, numpy and a little C evaluate, in double precision.

It is data, not code: a JSON description and arrays in one .npz file, which is read without unpickling anything. Serving
from it needs neither pandas nor scikit-learn. The pickle stays the truth; training compares the two.

A plan reads a record into a row of numbers. Models take such rows; some reshape the first columns. One record, the most
frequent request, is answered from a list, and several are from a matrix: numpy takes as long for one row as for many.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modelbundle.plan.models import MODELS, Matrix, Model, Row, quietly
from modelbundle.plan.reading import Reader, reader
from modelbundle.plan.steps import STEPS
from modelbundle.plan.trees import trees

if TYPE_CHECKING:
    from modelbundle.contract import Contract


@dataclass(frozen=True)
class Plan:
    """A pipeline that can be asked: `read` makes a record's row, `model` predicts the target for it."""

    read: Reader
    model: Model

    def predict(self, records: Sequence[Mapping[str, Any]]) -> list[float]:
        """Predict the target, in its own unit, for each record, in order; however its values are written."""
        if len(records) == 1:
            try:
                return [self.model.one(self.read.one(records[0]))]
            except (ArithmeticError, ValueError):  # where Python raises, numpy tells inf or NaN
                pass
        return self._predict_many(records)

    @quietly
    def _predict_many(self, records: Sequence[Mapping[str, Any]]) -> list[float]:
        return self.model.many(self.read.many(records)).tolist()


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


def read_plan(data: bytes, contract: Contract) -> Plan:
    """Read what write_plan wrote of a pipeline with this contract, which says how cells are read.

    Raises ValueError, KeyError or TypeError if it is something else.
    """
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
    return Plan(reader(description["read"], contract.readers), _model(description["model"]))


def _model(node: Mapping[str, Any]) -> Model:
    others = {"target": _target, "average": _average, "shaped": _shaped, "trees": trees}
    return (MODELS | others)[node["kind"]](node)


def _target(node: Mapping[str, Any]) -> Model:
    """Back from the scale that a model learned on to the target's unit."""
    inner, mean, scale, log = _model(node["model"]), node["mean"], node["scale"], node["log"]
    back = (np.exp, math.exp) if log else (lambda X: X, lambda value: value)
    low, high = (node.get(end) for end in ("low", "high"))  # limits of the target
    least, most = -math.inf if low is None else low, math.inf if high is None else high

    def many(X: Matrix) -> np.ndarray:
        return np.clip(back[0](inner.many(X) * scale + mean), least, most)

    def one(row: Row) -> float:
        value = back[1](inner.one(row) * scale + mean)
        return least if value < least else most if value > most else value  # NaN stays, which min and max may lose

    return Model(many, one)


def _average(node: Mapping[str, Any]) -> Model:
    total = sum(node["weights"])
    parts = [(weight / total, _model(part)) for weight, part in zip(node["weights"], node["models"], strict=True)]
    return Model(
        lambda X: sum(weight * model.many(X) for weight, model in parts),
        lambda row: sum(weight * model.one(row) for weight, model in parts),
    )


def _shaped(node: Mapping[str, Any]) -> Model:
    """A model of rows whose first columns are reshaped, step after step; the others pass by."""
    count, steps, model = node["columns"], [STEPS[step["kind"]](step) for step in node["steps"]], _model(node["model"])

    def many(X: Matrix) -> np.ndarray:
        numbers = X[:, :count]
        for step in steps:
            numbers = step.many(numbers)
        return model.many(np.concatenate([numbers, X[:, count:]], axis=1))

    def one(row: Row) -> float:
        numbers = row[:count]
        for step in steps:
            numbers = step.one(numbers)
        return model.one(numbers + row[count:])

    return Model(many, one)

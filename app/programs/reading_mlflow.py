"""Records as clients of MLflow's scoring protocol send them, which is how frames of pandas come."""

from collections.abc import Mapping
from typing import Any

from app.problems import Problem
from app.programs.checks import shown
from app.programs.reading import Batch, batch_of, check_count
from modelbundle.cells import column_names

MLFLOW_FORMS = ("dataframe_records", "dataframe_split", "instances", "inputs")
MLFLOW_UNUSED = ("params", "signature_name")
NO_MLFLOW = "The body is not of MLflow's scoring protocol"


def mlflow_batch(sent: Any, most: int) -> Batch:
    """Take the JSON of MLflow's scoring protocol, of at most `most` records; raises Problem 400 or 413.

    Frames of pandas come so; what such a frame's columns and cells mean there, they mean here.
    """
    name, data = _form(sent)
    if name == "dataframe_split":
        records = _from_split(data, most)
    elif isinstance(data, dict) and name != "dataframe_records":
        records = _from_columns(data, name, most)
    elif isinstance(data, list):
        records = data
    else:
        raise Problem(400, NO_MLFLOW, f"expected an array of objects in {name}; got {shown(data)}")
    return batch_of([_as_pandas_means(record) if isinstance(record, dict) else record for record in records], most)


def _form(sent: Any) -> tuple[str, Any]:
    """The name of the form in which records came, and what came in it."""
    names = [name for name in sent if name not in MLFLOW_UNUSED] if isinstance(sent, dict) else []
    if len(names) != 1 or names[0] not in MLFLOW_FORMS:
        came = f"members {shown(', '.join(names))}" if names else shown(sent)
        raise Problem(400, NO_MLFLOW, f"expected an object with one of {', '.join(MLFLOW_FORMS)}; got {came}")
    return names[0], sent[names[0]]


def _as_pandas_means(record: dict[str, Any]) -> dict[str, Any]:
    """NaN is null to pandas, and a column without a name, as of an index that it saved, is left out."""
    read = zip(record.items(), column_names(record), strict=True)
    return {name: None if value != value else value for (name, value), is_named in read if is_named}


def _from_split(data: Any, most: int) -> list[dict[str, Any]]:
    if not (isinstance(data, dict) and set(data) <= {"columns", "data", "index"}):
        detail = f"expected dataframe_split to hold columns, data and index alone; got {shown(data)}"
        raise Problem(400, NO_MLFLOW, detail)
    if not isinstance(index := data.get("index", []), list):
        raise Problem(400, NO_MLFLOW, f"expected the index of dataframe_split to be an array; got {shown(index)}")
    columns, rows = _columns(data), data.get("data")
    if not (isinstance(rows, list) and all(isinstance(row, list) and len(row) == len(columns) for row in rows)):
        detail = f"expected dataframe_split to hold data, an array of rows of {len(columns)} values"
        raise Problem(400, NO_MLFLOW, detail)
    check_count(len(rows), most)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _columns(split: dict[str, Any]) -> list[str]:
    columns = split.get("columns")
    if not (isinstance(columns, list) and all(isinstance(name, str) for name in columns)):
        raise Problem(400, NO_MLFLOW, "expected dataframe_split to hold columns, an array of names")
    if len(set(columns)) < len(columns):
        raise Problem(400, NO_MLFLOW, "expected the columns of dataframe_split to differ from each other")
    return columns


def _from_columns(data: Mapping[str, Any], name: str, most: int) -> list[dict[str, Any]]:
    if not any(isinstance(values, list) for values in data.values()):
        return [dict(data)]
    lengths = {len(values) if isinstance(values, list) else -1 for values in data.values()}
    if len(lengths) != 1:
        raise Problem(400, NO_MLFLOW, f"expected the columns in {name} to be arrays of one length")
    check_count(max(lengths), most)
    return [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)]

"""The interface as OpenAPI describes it: the records from the bundle's contract, the examples answered by the model."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from app.problems import MEDIA_TYPE, Problem
from app.programs.answers import answer, answer_document, answer_table
from app.programs.explain import MAX_EXPLAINED
from app.programs.reading import csv_batch, json_batch
from app.programs.schemas import OBJECT, STRING, members, ref, schemas

if TYPE_CHECKING:
    from app.programs.service import Service
    from modelbundle.bundle import Bundle
    from modelbundle.contract import Contract

# What else a body may be, as examples: a schema of alternatives is more than most generators of clients can read.
OTHER_FORMS = "x-other-forms"
# A file, and no text: so generated clients take one.
TABLE = STRING | {
    "format": "binary",
    "description": "A header, then a row for each record; columns in any order, optional ones may be left out",
}
ERRORS = (400, 413, 415, 422, 503)
TAGS = {"prices": "What the model predicts", "service": "What serves, and how it fares"}
MODEL_HEADERS = {name: {"schema": STRING} for name in ("Model-Name", "Model-Version")}


def openapi_document(service: Service, max_records: int) -> dict[str, Any]:
    """Describe every path that machines use, in OpenAPI 3.1; made once for a bundle, which answers the examples."""
    if max_records not in service.documents:
        service.documents[max_records] = _document(service, max_records)
    return service.documents[max_records]


def _document(service: Service, max_records: int) -> dict[str, Any]:
    bundle, contract = service.bundle, service.contract
    about = (
        f"Answers with {contract.label(contract.target)}, from the model {bundle.manifest['name']}. "
        "Errors are problem documents (RFC 9457) that name each fault by a JSON pointer."
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": bundle.manifest.get("title", bundle.manifest["name"]), "version": "1", "description": about},
        "tags": [{"name": name, "description": told} for name, told in TAGS.items()],
        "paths": {f"/{path}": _named(path, item) for path, item in _paths(service, max_records).items()},
        "components": {"schemas": schemas(service)},
    }


def _paths(service: Service, most: int) -> dict[str, dict[str, Any]]:
    return {
        "predict": {"post": _predict(service, most)},
        "invocations": {"post": _invocations(service)},
        "ping": {"get": _get("Whether the service can answer, as SageMaker asks", _state("ready"), ready=True)},
        "health": {"get": _get("The same, as MLflow asks", _state("ready"), ready=True)},
        "version": {"get": _get("The model's version, as bare text", STRING, media_type="text/plain", ready=True)},
        "healthz": {"get": _get("Whether the process is alive", _state("alive"))},
        "readyz": {"get": _get("Whether a verified bundle is loaded", _readiness(), ready=True)},
        "model": {"get": _get("The model: version, metrics, contract, digests", OBJECT, ready=True)},
        "openapi.json": {"get": _get("This description", OBJECT, ready=True)},
        "metrics": {"get": _get("Counts for Prometheus", STRING, media_type="text/plain", ready=True)},
    }


def _named(path: str, item: dict[str, Any]) -> dict[str, Any]:
    """Give an operation the name and the group that it has in generated clients."""
    ((method, operation),) = item.items()
    tag = "prices" if method == "post" else "service"
    return {method: {"operationId": path.partition(".")[0], "tags": [tag], **operation}}


def _get(summary: str, schema: dict[str, Any], *, media_type: str = "application/json", ready: bool = False) -> Any:
    answers = {"200": {"description": summary, "content": {media_type: {"schema": schema}}}}
    return {"summary": summary, "responses": answers | (_problems(503) if ready else {})}


def _state(status: str, **more: Any) -> dict[str, Any]:
    return members("status", {"status": {"const": status}, "version": STRING, **more})


def _readiness() -> dict[str, Any]:
    about = "The version that the registry names, where another is served on because that one was refused, and why"
    refused = members("version reason", dict.fromkeys(("version", "reason"), STRING))
    return _state("ready", release=STRING, refused=refused | {"description": about})


def example(contract: Contract) -> dict[str, Any]:
    """Make one record of the columns' examples, the identifier included."""
    name = contract.identifier
    named = {name: contract.columns[name].example} if name and contract.columns[name].example is not None else {}
    return named | contract.example()


def _predict(service: Service, most: int) -> dict[str, Any]:
    contract = service.contract
    record = example(contract)
    return {
        "summary": f"Predict {contract.target} for one record, an array of them, or a CSV file",
        "description": "An absent optional field and null mean the same. A category is a string or a whole number. "
        'Where its values are whole numbers or truth values, every spelling of one is that one: 60, 60.0 and "060"; '
        f"true and yes. A request holds at most {most:,} records. "
        "In CSV an empty cell is missing, and so is what pandas reads as missing, such as NA. "
        "If Accept asks for text/csv, the answer is the table that was sent, with columns for the prediction, its "
        "warnings and, with partial=true, its errors.",
        "parameters": [_flag(name, told) for name, told in _parameters(service.bundle).items()],
        "requestBody": {
            "required": True,
            "content": _predict_bodies(contract),
            OTHER_FORMS: {"several": [record, record]},
        },
        "responses": {"200": _predictions(service)} | _problems(*ERRORS, refused=_refusal(service, _faulty(contract))),
    }


def _parameters(bundle: Bundle) -> dict[str, str]:
    partial = "Answer the good records among faulty ones, which get their errors instead"
    explain = (
        "Tell why: what the model predicts for a typical record, and what each feature of this one adds to that. "
        f"Together they are the prediction. At most {MAX_EXPLAINED} records; in CSV a column each"
    )
    strict = "Refuse a category that training never saw, instead of pricing it with a warning"
    return {"partial": partial} | ({"explain": explain} if bundle.typical else {}) | {"strict": strict}


def _flag(name: str, told: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": told, "schema": {"type": "boolean", "default": False}}


def _predict_bodies(contract: Contract) -> dict[str, Any]:
    record = example(contract)
    return {
        "application/json": {"schema": ref("Record"), "examples": {"one": {"value": record}}},
        "text/csv": {"schema": TABLE, "example": _table(contract)},
    }


def _predictions(service: Service) -> dict[str, Any]:
    """Describe the answer, with what the model really answers to the example."""
    bundle, record = service.bundle, example(service.contract)
    sheet = csv_batch(_table(service.contract).encode(), service.contract, 1)
    batches = {"one": json_batch(record, 1), "partial": json_batch([record, _faulty(service.contract)], 2)}
    examples = {
        name: {"value": answer_document(answer(batch, service, partial=True), bundle)}
        for name, batch in batches.items()
    }
    if bundle.typical:
        examples["explained"] = {"value": answer_document(answer(batches["one"], service, explain=True), bundle)}
    table = answer_table(answer(sheet, service), sheet, bundle)
    content = {
        "application/json": {"schema": ref("Predictions"), "examples": examples},
        "text/csv": {"schema": STRING, "example": table},
    }
    return {"description": "One entry for every record, in order", "headers": MODEL_HEADERS, "content": content}


def _faulty(contract: Contract) -> dict[str, Any]:
    return {contract.features[0]: True}


def _refusal(service: Service, sent: Any) -> dict[str, Any]:
    try:
        answer(json_batch(sent, 1), service)
    except Problem as problem:
        return problem.document() | {"request_id": "5d1f6a0c9b7e4c27a3d8e0f1b2c3d4e5"}
    raise AssertionError("a record that holds one boolean keeps to no contract")


def _table(contract: Contract) -> str:
    record = contract.example()
    return _csv_line(record.keys()) + _csv_line(record.values())


def _csv_line(cells: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _invocations(service: Service) -> dict[str, Any]:
    record = example(service.contract)
    split = {"columns": list(record), "data": [list(record.values())]}
    body = {"schema": ref("Invocation"), "examples": {"dataframe_records": {"value": {"dataframe_records": [record]}}}}
    others = {"dataframe_split": split, "instances": [record], "inputs": {name: [record[name]] for name in record}}
    answered = [each["prediction"] for each in answer(json_batch(record, 1), service)]
    content = {"application/json": {"schema": ref("Numbers"), "example": {"predictions": answered}}}
    return {
        "summary": "The same for clients of MLflow and SageMaker: one number a record",
        "description": "Instead of dataframe_records there may be dataframe_split, an object of columns (names, in any "
        "order) and data (an array of rows); instances, an array of records or one; or inputs, the same or an object "
        "of columns; or the body may be a CSV file, as /predict takes it. NaN means null, and members named params and "
        "signature_name are read and not used.",
        "requestBody": {
            "required": True,
            "content": {"application/json": body},
            OTHER_FORMS: {name: {name: value} for name, value in others.items()},
        },
        "responses": {
            "200": {"description": "One number a record, in order", "headers": MODEL_HEADERS, "content": content},
            **_problems(*ERRORS, refused=_refusal(service, [_faulty(service.contract)])),
        },
    }


def _problems(*statuses: int, refused: dict[str, Any] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": ref("Problem")}
    return {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: content | ({"example": refused} if status == 422 else {})},
        }
        for status in statuses
    }

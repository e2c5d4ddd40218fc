"""Prices for machines: /predict in the project's own form, /invocations in MLflow's and SageMaker's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, current_app, g, request
from pydantic_core import PydanticSerializationError, to_json

from app import metrics
from app.answers import answer, answer_document, answer_table
from app.checks import sound
from app.problems import Problem
from app.reading import csv_batch, json_batch, mlflow_batch, read_json
from app.service import service

if TYPE_CHECKING:
    from app.answers import Answer
    from app.reading import Batch
    from app.service import Service
    from modelbundle.bundle import Bundle


def predict() -> Response:
    """Answer one record, an array of them, or a CSV file.

    ?partial=true answers the good records among faulty ones; ?explain=true tells what each feature adds to a price;
    ?strict=true refuses a category that training never saw.
    """
    serving = service()
    partial, explain, strict = _flags("partial", "explain", "strict")
    kind = _body_kind()
    batch = _csv(serving) if kind == "csv" else _json(serving)
    answers = answered(batch, serving, partial=partial, explain=explain, strict=strict)
    if _wants_csv():
        table = answer_table(answers, batch, serving.bundle, partial=partial, explain=explain)
        response = Response(table.encode("utf-8", "backslashreplace"), mimetype="text/csv")
    else:
        response = _json_response(answer_document(answers, serving.bundle))
    return _named(response, serving.bundle)


def invocations() -> Response:
    """Answer what clients of MLflow and SageMaker send: one number a record."""
    serving = service()
    _flags()
    batch = _csv(serving) if _body_kind() == "csv" else mlflow_batch(read_json(request.get_data()), _most())
    answers = answered(batch, serving)
    numbers = [each["prediction"] for each in answers]
    return _named(_json_response({"predictions": numbers}), serving.bundle)


def ping() -> Any:
    """Say that the service can answer, as SageMaker asks."""
    return {"status": "ready", "version": service().bundle.version}


def answered(batch: Batch, serving: Service, **how: bool) -> list[Answer]:
    """Answer a batch as `answer` does, and count what became of its records."""
    g.records = len(batch.records)
    try:
        answers = answer(batch, serving, **how)
    except Problem:
        metrics.count_refused(len(batch.records), serving.bundle.version)
        raise
    metrics.count_answers(answers, serving.bundle.version)
    return answers


def _json_response(document: dict[str, Any]) -> Response:
    try:
        return Response(to_json(document) + b"\n", content_type="application/json")
    except PydanticSerializationError:  # an identifier that is no Unicode, which JSON can escape
        return current_app.json.response(document)


def _named(response: Response, bundle: Bundle) -> Response:
    """Name the model in the headers too: a CSV or a bare list of numbers has no other place for it."""
    response.headers.add("Model-Name", bundle.manifest["name"].encode("ascii", "replace").decode())
    response.headers.add("Model-Version", bundle.version)
    return response


def _flags(*known: str) -> list[bool]:
    """Read the query's parameters, which are true or false; an unknown one is an error, for it may be misspelt."""
    if not request.query_string:
        return [False] * len(known)
    for name, values in request.args.lists():
        if name not in known:
            allowed = f"expected {' or '.join(known)}" if known else "expected none here"
            raise Problem(400, "Unknown parameter", f"{allowed}; got {name[:80]!r}")
        # in lower case or not: Python's clients write True
        if len(values) > 1 or values[0].lower() not in ("true", "false"):
            raise Problem(
                400, "Unknown value of a parameter", f"expected {name}=true or {name}=false; got {values!s:.80}"
            )
    return [request.args.get(name, "").lower() == "true" for name in known]


def _wants_csv() -> bool:
    if request.environ.get("HTTP_ACCEPT", "*/*") in ("*/*", "application/json"):  # as nearly all say it
        return False
    return request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv"


def _body_kind() -> str:
    encoding = request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower()
    if encoding != "identity":
        raise Problem(415, "Unsupported media type", f"expected a body as it is; got one encoded as {encoding[:80]!r}")
    if request.environ.get("CONTENT_TYPE") == "application/json":  # as nearly all say it
        return "json"
    if request.mimetype == "text/csv":
        return "csv"
    if request.is_json:
        return "json"
    came = request.mimetype[:80] or "none"
    raise Problem(415, "Unsupported media type", f"expected Content-Type application/json or text/csv; got {came}")


def _json(serving: Service) -> Batch:
    body = request.get_data()
    if records := sound(body, *serving.reading):
        return json_batch(records, _most(), sound=True)
    return json_batch(read_json(body), _most())


def _csv(serving: Service) -> Batch:
    charset = request.mimetype_params.get("charset", "utf-8")
    return csv_batch(request.get_data(), serving.contract, _most(), charset)


def _most() -> int:
    return current_app.config["MAX_RECORDS"]

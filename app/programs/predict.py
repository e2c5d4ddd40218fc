"""Prices for machines: /predict in the project's own form, /invocations in MLflow's and SageMaker's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, current_app, g, request
from pydantic_core import PydanticSerializationError, to_json

from app.problems import Problem
from app.programs.answers import Answer, answer, answer_document, answer_table
from app.programs.checks import read_if_valid
from app.programs.reading import Batch, check_size, csv_batch, in_order, json_batch, lines_batch, read_json
from app.programs.reading_mlflow import mlflow_batch
from app.programs.service import Service, service
from app.watching import metrics

if TYPE_CHECKING:
    from modelbundle.bundle import Bundle


JSON_LINES = ("application/jsonlines", "application/x-ndjson")


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
    if _wanted("text/csv") == "text/csv":
        table = answer_table(answers, batch, serving.bundle, partial=partial, explain=explain)
        response = Response(table.encode("utf-8", "backslashreplace"), mimetype="text/csv")
    else:
        response = _json_response(answer_document(answers, serving.bundle))
    return _named(response, serving.bundle)


def invocations() -> Response:
    """Answer what clients of MLflow and SageMaker send: one number a record."""
    serving = service()
    _flags()
    kind = _body_kind(*JSON_LINES)
    if kind == "csv":
        batch = _csv(serving)
    elif kind == "json":
        batch = in_order(mlflow_batch(read_json(_data(serving, _most())), _most()), serving.contract)
    else:
        batch = lines_batch(_data(serving, _most()), serving.contract, _most())
    numbers = [each["prediction"] for each in answered(batch, serving)]
    wanted = _wanted("text/csv", *JSON_LINES)
    if wanted == "application/json":
        response = _json_response({"predictions": numbers})
    else:  # a line for each record, as SageMaker's own containers answer
        line = "{}\n" if wanted == "text/csv" else '{{"prediction": {}}}\n'
        response = Response("".join(map(line.format, numbers)), mimetype=wanted)
    return _named(response, serving.bundle)


def ping() -> Any:
    """Say that the service can answer, as SageMaker asks."""
    return {"status": "ready", "version": service().bundle.version}


def version() -> Response:
    """Name the version, as bare text, where MLflow's server names its own."""
    return Response(service().bundle.version, mimetype="text/plain")


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


def _wanted(*others: str) -> str:
    if request.environ.get("HTTP_ACCEPT", "*/*") in ("*/*", "application/json"):  # as nearly all say it
        return "application/json"
    return request.accept_mimetypes.best_match(["application/json", *others], "application/json")


def _body_kind(*others: str) -> str:
    encoding = request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower()
    if encoding != "identity":
        raise Problem(
            415, "Unsupported media type", f"expected a body as it is, or packed by gzip; got {encoding[:80]!r}"
        )
    if request.environ.get("CONTENT_TYPE") == "application/json":  # as nearly all say it
        return "json"
    if request.mimetype == "text/csv":
        return "csv"
    if request.is_json:
        return "json"
    if request.mimetype in others:
        return "lines"
    came = request.mimetype[:80] or "none"
    expected = " or ".join(("application/json", "text/csv", *others[:1]))
    raise Problem(415, "Unsupported media type", f"expected Content-Type {expected}; got {came}")


def _data(serving: Service, most: int) -> bytes:
    body = request.get_data()
    check_size(body, serving.contract, most)
    return body


def _json(serving: Service) -> Batch:
    is_one = request.get_data().lstrip()[:1] == b"{"
    body = _data(serving, min(_most(), 100) if is_one else _most())  # texts may hold commas
    if records := read_if_valid(body, *serving.reading):
        return json_batch(records, _most(), sound=True)
    return json_batch(read_json(body), _most())


def _csv(serving: Service) -> Batch:
    said = request.mimetype_params
    has_header = said.get("header", "present").lower() != "absent"  # RFC 4180
    return csv_batch(request.get_data(), serving.contract, _most(), said.get("charset", "utf-8"), has_header=has_header)


def _most() -> int:
    return current_app.config["MAX_RECORDS"]

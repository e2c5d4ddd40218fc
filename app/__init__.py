"""The app: serves the current bundle and its reports, and knows nothing of how the model was made."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, request, send_from_directory
from werkzeug.exceptions import HTTPException

from app.answers import check_records, problem
from modelbundle.bundle import Bundle, current_folder, load_bundle

ROOT = Path(__file__).resolve().parents[1]
MAX_BODY_BYTES = 16 * 1024 * 1024


def create_app(registry: str | Path | None = None) -> Flask:
    """Make the app around the registry's current bundle; the registry is $MODELS, or models/ beside app/.

    Raises BundleProblem if there is no bundle, or if it fails its verification.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json.sort_keys = False
    registry = Path(registry or os.environ.get("MODELS") or ROOT / "models")
    app.extensions["bundle"] = load_bundle(current_folder(registry))
    app.add_url_rule("/predict", view_func=predict, methods=["POST"])
    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/report", view_func=report)
    app.add_url_rule("/report.html", endpoint="report_file", view_func=report)
    app.add_url_rule("/report/<path:page>", view_func=report_page)
    app.register_error_handler(HTTPException, http_problem)
    return app


def predict() -> Any:
    """Answer one record or a list of records with their predictions, in order."""
    try:
        sent = json.loads(request.get_data(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        return problem(400, "The body is not JSON", str(error))
    bundle = _bundle()
    records = sent if isinstance(sent, list) else [sent]
    faults = check_records(records, bundle.contract, listed=isinstance(sent, list))
    if faults:
        return problem(422, "The request breaks the data contract", f"{len(faults)} faults", errors=faults)
    identifier = bundle.contract.identifier
    answers = [
        ({identifier: record[identifier]} if identifier in record else {}) | {"prediction": round(value, 2)}
        for record, value in zip(records, bundle.predict(records), strict=True)
    ]
    return {
        "model": bundle.manifest["name"],
        "version": bundle.version,
        "target": bundle.contract.target,
        "unit": bundle.contract.unit,
        "predictions": answers,
    }


def healthz() -> Any:
    """Say that the process is alive, and which bundle it serves."""
    return {"status": "ok", "version": _bundle().version}


def report() -> Response:
    """Show the front page of the reports; its links lead below /report/."""
    return send_from_directory(_bundle().folder / "reports", "report.html")


def report_page(page: str) -> Response:
    """Show one of the other pages of the reports."""
    return send_from_directory(_bundle().folder / "reports" / "report", page)


def http_problem(error: HTTPException) -> Response:
    """Answer every error in the form of RFC 9457."""
    response = problem(error.code or 500, error.name, error.description or "")
    if allowed := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(allowed)
    return response


def _bundle() -> Bundle:
    return current_app.extensions["bundle"]


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")

"""The app with one more endpoint, which reads what /predict reads and answers what it would, without any model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app, request

from app import create_app
from app.programs.answers import answer, answer_document
from app.programs.reading import json_batch, read_json
from app.programs.service import service

if TYPE_CHECKING:
    from flask import Flask, Response


def create() -> Flask:
    """Make the app that benchmarks/app.py measures: server, middleware and parsing are the same for both endpoints."""
    app = create_app()
    with app.app_context():
        serving = service()
        one = answer_document(answer(json_batch(serving.contract.example(), 1), serving), serving.bundle)

    def constant() -> Response:
        json_batch(read_json(request.get_data()), current_app.config["MAX_RECORDS"])
        return current_app.json.response(one)

    app.add_url_rule("/constant", view_func=constant, methods=["POST"])
    return app

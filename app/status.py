"""What operators and their programs ask: is it alive, is it ready, what does it serve, what has it counted."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST

from app import metrics
from app.openapi import openapi_document
from app.service import Service, service


def healthz() -> Any:
    """Say that the process is alive: restart it if this fails."""
    return {"status": "alive"}


def readyz() -> Any:
    """Say that a verified bundle is loaded, and of which release; a 503 with the reason until then."""
    release = current_app.config["RELEASE"]
    return {"status": "ready", "version": service().bundle.version} | ({"release": release} if release else {})


def model() -> Any:
    """Tell all that the manifest tells about the model, metrics, contract, digests; its version, and what serves it."""
    bundle = service().bundle
    return {"version": bundle.version, "served_by": bundle.served_by, "why": bundle.why, **bundle.manifest}


def openapi() -> Any:
    """Describe the interface, with the records of this bundle's contract."""
    return openapi_document(service(), current_app.config["MAX_RECORDS"])


def prometheus() -> Response:
    """Give the counts of all workers together."""
    loaded = current_app.extensions["service"]
    text = metrics.exposition(loaded if isinstance(loaded, Service) else None)
    return Response(text, content_type=CONTENT_TYPE_LATEST)

"""What operators and their programs ask: is it alive, is it ready, what does it serve, what has it counted."""

from typing import Any

from flask import Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST

from app.programs.openapi import openapi_document
from app.programs.service import service
from app.standing import naming
from app.watching import metrics


def healthz() -> Any:
    """Say that the process is alive: restart it if this fails."""
    return {"status": "alive"}


def readyz() -> Any:
    """Say that a verified bundle is loaded, and of which release; a 503 with the reason until then.

    It is still ready when the registry names another version that was refused, and tells that one and the reason; and
    when the store is away, if a puller tells so.
    """
    version, release = service().bundle.version, current_app.config["RELEASE"]
    following = current_app.extensions["following"]
    refused, pulled = following.refused, naming.pulled(following.settings)
    # it may have been mended and be served a moment before it is no longer called refused
    other = refused.get("version", version) != version
    return (
        {"status": "ready", "version": version}
        | _promotion("channel", "number")
        | ({"release": release} if release else {})
        | ({"pulled": pulled} if pulled else {})
        | ({"refused": refused} if other else {})
    )


def model() -> Any:
    """Tell all that the manifest tells of the model; its version, what serves it, and the promotion that it is from."""
    bundle = service().bundle
    about = {"version": bundle.version, "served_by": bundle.served_by, "why": bundle.why}
    return about | _promotion("channel", "number", "kind", "when", "why") | bundle.manifest


def _promotion(*names: str) -> dict[str, Any]:
    """What is told of the promotion that put the bundle into service; nothing where no record did."""
    record = service().record
    return {"promotion": record.model_dump(mode="json", include=set(names))} if record else {}


def openapi() -> Any:
    """Describe the interface, with the records of this bundle's contract."""
    return openapi_document(service(), current_app.config["MAX_RECORDS"])


def prometheus() -> Response:
    """Give the counts of all workers together."""
    return Response(metrics.exposition(current_app.extensions["service"]), content_type=CONTENT_TYPE_LATEST)

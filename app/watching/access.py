"""Around every request: its id, the security headers, one line of the access log, and the count for /metrics."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request

from app.environ import BEGUN, LATER
from app.watching import metrics

if TYPE_CHECKING:
    from app.server.gateway import Request

REQUEST_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)
HEADERS = {
    # Pages load what the app itself serves, and nothing else; nobody may frame them.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Cache-Control": "no-store",
}

log = logging.getLogger("app.watching.access")


def watch(app: Flask) -> None:
    """Let the app give each request an id, and each answer its headers, log line and count."""
    app.before_request(_begin)
    app.after_request(_end)


def log_event(event: str, **facts: object) -> None:
    """Write one line about the service itself."""
    log.info("%s", json.dumps({"time": _now(), "event": event, **facts}))


def log_to_standard_output() -> None:
    """Write the log there, one JSON object a line."""
    log.handlers = [logging.StreamHandler(sys.stdout)]
    log.setLevel(logging.INFO)
    log.propagate = False


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _begin() -> None:
    g.begun = request.environ.get(BEGUN) or time.monotonic()
    g.request_id = _request_id(request.headers.get("X-Request-ID", ""))


def _request_id(sent: str) -> str:
    """The client's own, if it can be one."""
    return sent if REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex


def _end(response: Response) -> Response:
    own = {name.lower() for name, _ in response.headers}
    response.headers.extend([(name, value) for name, value in HEADERS.items() if name.lower() not in own])
    response.headers.add("X-Request-ID", g.request_id)
    route, line, begun = request.url_rule.rule if request.url_rule else "unknown", _line(response), g.begun
    later = request.environ.get(LATER)

    def tell(cut_off: str) -> None:
        status = "cut off" if cut_off and response.status_code < 500 else str(response.status_code)
        _tell(line, status, route, time.monotonic() - begun, cut_off)

    if later is None:  # no server that would say when the answer has been sent
        tell("")
    else:
        later.append(tell)
    return response


def tell_broken_off(request: Request, remote: str, reason: str) -> None:
    """Log and count a request that came in part, or whole and too late, so that the app was not asked."""
    own, path = b"".join(request.header(b"x-request-id")), request.target.partition(b"?")[0]  # a form is in the query
    line = {"request_id": _request_id(own.decode("latin-1")), "remote": remote, "method": request.method}
    line |= {"path": path.decode("latin-1"), "status": 400, "bytes_in": len(request.body), "bytes_out": 0}
    _tell(line, "cut off", "unknown", time.monotonic() - request.begun, reason)


def _tell(line: dict[str, Any], status: str, route: str, seconds: float, cut_off: str) -> None:
    metrics.count_request(line["method"], route, status, seconds, is_cut_off=bool(cut_off))
    if log.isEnabledFor(logging.INFO):
        cut = {"cut_off": cut_off} if cut_off else {}
        log.info("%s", json.dumps({"time": _now(), **line, "milliseconds": round(seconds * 1000, 2), **cut}))


def _line(response: Response) -> dict[str, Any]:
    line = {
        "request_id": g.request_id,
        "remote": request.remote_addr,
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "bytes_in": request.content_length or 0,
        "bytes_out": response.content_length,
    }
    if service := g.get("service"):
        line["version"] = service.bundle.version
    return line | {name: g.get(name) for name in ("records", "reason", "traceback") if name in g}

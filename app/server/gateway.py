"""From HTTP to WSGI and back: a whole request goes to the app, and its answer becomes the bytes to send."""

from __future__ import annotations

import io
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import httptools

from app.environ import BEGUN, LATER, REFUSAL
from app.problems import Problem, too_large

if TYPE_CHECKING:
    from flask import Flask

SAME_FOR_ALL = {
    "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr, "wsgi.multithread": True,
    "wsgi.multiprocess": True, "wsgi.run_once": False, "SCRIPT_NAME": "",
}  # fmt: skip
HEAD_BYTES = 65_536
TOO_LONG = 431, "The headers are too long", f"expected at most {HEAD_BYTES:,} bytes"
PROBES = (b"/healthz", b"/readyz", b"/ping", b"/health")
# A request for the prices of one record or a few: with so many bytes and so many objects, so a short answer.
FEW_BYTES, FEW = 4096, 4

log = logging.getLogger("gunicorn.error")


@dataclass
class Request:
    """What a client sent, as far as it has come.

    begun: on the monotonic clock; waits: whether the client wants a word before it sends the body; keep: whether the
    connection stays open after the answer; refusal: why there will be no other answer; cut_off: why that came to be, if
    it was not sent or read in time; later: what to call once the client has its answer, with the reason if it did not
    get all of it.
    """

    begun: float = field(default_factory=time.monotonic)
    method: str = "unknown"
    target: bytes = b"*"
    version: str = "1.1"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    parts: int = 0
    is_headed: bool = False
    waits: bool = False
    is_whole: bool = False
    is_asked: bool = False
    keep: bool = False
    refusal: Problem | None = None
    cut_off: str = ""
    later: list[Callable[[str], None]] = field(default_factory=list)

    def header(self, name: bytes) -> list[bytes]:
        """The values of a header."""
        return [value for each, value in self.headers if each.lower() == name]

    def tell(self, cut_off: str = "") -> None:
        """Tell once that the client has its answer, or why it did not get all of it."""
        for callback in self.later:
            callback(cut_off or self.cut_off)
        self.later.clear()

    @property
    def is_quick(self) -> bool:
        """Whether it is a probe, or a POST of one flat JSON object or an array of a few: answered in no time."""
        if self.method != "POST":
            return self.method == "GET" and self.target in PROBES
        return (
            len(self.body) <= FEW_BYTES
            and self.body.startswith((b"{", b"["))
            and b"[" not in self.body[1:]
            and self.body.count(b"{") <= FEW
            and self.header(b"content-type") == [b"application/json"]
        )


def head_fault(request: Request, most_bytes: int) -> Problem | None:
    """What is wrong with a request, as far as one sees before its body comes."""
    length, expected = request.header(b"content-length"), request.header(b"expect")
    if request.version not in ("1.0", "1.1"):
        return Problem(400, "The request cannot be read", "expected HTTP/1.1 or HTTP/1.0")
    if request.version == "1.1" and len(request.header(b"host")) != 1:
        return Problem(400, "The request cannot be read", "expected one header Host")
    if sum(len(name) + len(value) for name, value in request.headers) > HEAD_BYTES:
        return Problem(*TOO_LONG)
    if length and int(length[0]) > most_bytes:
        return too_large(most_bytes)
    if expected and expected[0].lower() != b"100-continue":
        return Problem(417, "The expectation cannot be met", "expected 100-continue, or none")
    return None


def environ_of(request: Request, peer: Any, own: Any) -> dict[str, Any]:
    """Describe a request to the app; peer, own: the two addresses of the connection."""
    path, query = _asked(request.target)
    environ = SAME_FOR_ALL | {
        "REQUEST_METHOD": request.method, "PATH_INFO": path, "QUERY_STRING": query,
        "SERVER_PROTOCOL": f"HTTP/{request.version}", "SERVER_NAME": own[0], "SERVER_PORT": str(own[1]),
        "REMOTE_ADDR": peer[0], "REMOTE_PORT": str(peer[1]), "wsgi.input": io.BytesIO(request.body),
        BEGUN: request.begun, LATER: request.later, REFUSAL: request.refusal,
    }  # fmt: skip
    for name, value in request.headers:
        key, text = name.decode("latin-1").upper(), value.decode("latin-1")
        if "_" not in key:  # X_Y would be taken for X-Y, for which a proxy may vouch
            key = "HTTP_" + key.replace("-", "_")
            environ[key] = f"{environ[key]},{text}" if key in environ else text
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    for name in ("HTTP_CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"):  # the body is whole
        environ.pop(name, None)
    return environ | {"CONTENT_LENGTH": str(len(request.body))}


def _asked(target: bytes) -> tuple[str, str]:
    """Path and query, as WSGI has them: bytes written as Latin-1."""
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:  # such as a whole server's *
        return "*", ""
    return unquote_to_bytes(url.path or b"/").decode("latin-1"), (url.query or b"").decode("latin-1")


def answer(app: Flask, environ: dict[str, Any], *, keep: bool) -> bytes:
    """Ask the app; gives the whole answer, ready to be sent."""
    begun: list[Any] = []
    try:
        chunks = app(environ, lambda status, headers, *_: begun.extend((status, headers)))
        body = b"".join(chunks)
        if hasattr(chunks, "close"):
            chunks.close()
    except (Exception, SystemExit):  # a bundle's code may raise anything
        log.exception("a request was not answered")
        begun, body = ["500 Internal Server Error", []], b""
    status, headers = begun
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    if not any(name == "Content-Length" for name, _ in headers) and not status.startswith(("204", "304")):
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"Date: {formatdate(usegmt=True)}", f"Connection: {'keep-alive' if keep else 'close'}", "\r\n"]
    return "\r\n".join(lines).encode("latin-1") + body

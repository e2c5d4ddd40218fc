"""Asking a real server: whole requests, pieces of them, its counts and its log."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


JSON = {"Content-Type": "application/json"}
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(port: int, path: str, body: Any = None, *, method: str = "", **headers: str) -> Reply:
    """Send a request on a connection of its own; a body that is not bytes is sent as JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None and not isinstance(body, bytes):
        body, named = json.dumps(body).encode(), JSON | named
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        with suppress(BrokenPipeError):  # refused before all of it was sent: the answer is there all the same
            connection.request(method or ("GET" if body is None else "POST"), path, body, named)
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())


def connected(port: int, sent: bytes = b"", timeout: float = 60) -> socket.socket:
    """A connection on which the bytes have been sent."""
    client = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    client.sendall(sent)
    return client


def rest_of(client: socket.socket) -> bytes:
    """What the server sends until it hangs up."""
    answer = b""
    try:
        while more := client.recv(65536):
            answer += more
    except ConnectionError:
        pass
    return answer


def workers(server: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(server.pid).children()


@contextmanager
def alone(worker: psutil.Process, server: subprocess.Popen[bytes]) -> Iterator[None]:
    """Hold all other workers, so that this one answers."""
    others = [other for other in workers(server) if other.pid != worker.pid]
    for other in others:
        other.suspend()
    try:
        yield
    finally:
        for other in others:
            other.resume()


def wait_for(happened: Callable[[], Any], seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < limit, f"did not happen within {seconds} seconds"
        time.sleep(0.05)


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    return "\r\n".join(
        [f"{method} {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *lines, "", ""]
    ).encode()


def counts(port: int) -> dict[str, float]:
    """The samples of /metrics by name and labels."""
    answer = ask(port, "/metrics")
    assert answer.status == 200
    lines = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def about_predict(found: dict[str, float]) -> dict[str, float]:
    """The counts that asking for /metrics and waiting for the server do not change, and the time does not."""
    names = ("http_requests_total", "http_request_duration_seconds_count", "prediction_", "model_")
    return {
        name: value
        for name, value in found.items()
        if name.startswith(names) and not re.search(r'route="/(metrics|healthz)"', name)
    }


def logged(output: Path) -> list[dict[str, Any]]:
    """The log's lines: gunicorn's own go to standard error, and begin with a bracket."""
    return [json.loads(line) for line in output.read_text().splitlines() if line.startswith("{")]


def listens(port: int) -> bool:
    try:
        connected(port).close()
    except ConnectionError:
        return False
    return True

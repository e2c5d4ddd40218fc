"""A web server on this machine that answers as a test tells it to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    """Gives the answers one after another, the last one for ever; a slow answer waits until the test has ended."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[dict[str, Any]] = []
        self.requests = 0
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/datasets/houses.csv"


class Handler(BaseHTTPRequestHandler):
    """Answers with a status, a body and a length, of which the test says what differs from sound ones."""

    def do_GET(self) -> None:
        self.server.requests += 1
        answer = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        body = answer.get("body", b"")
        if answer.get("slow") == "to begin":
            self.server.ended.wait()
        self.send_response(answer.get("status", 200))
        self.send_header("Content-Length", str(answer.get("length", len(body))))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        if answer.get("slow") == "to end":
            self.server.ended.wait()

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def serving_file(body: bytes) -> Iterator[str]:
    """Serve one file until the block ends; gives its URL."""
    with Server() as server:
        server.answers = [{"body": body}]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()

"""The worker in one process with the test, which tries each of its rules: who is answered, refused, cut off."""

from __future__ import annotations

import json
import logging
import os
import socket
import struct
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from gunicorn.config import Config

from app import create_app
from app.server import connection, worker
from app.server.worker import Worker
from app.settings import Settings
from tests.app.server.test_connection import ALLOWED, REFUSED, next_answer, whole
from tests.helpers.asking import JSON, ask, connected, head, rest_of, wait_for
from tests.helpers.registry import RECORD, add, point

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES, SECONDS = 1_000_000, 60
HALF = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Fo"


@contextmanager
def working(models: Path, **limits: Any) -> Iterator[tuple[Worker, int]]:
    """A worker without a parent, and its port."""
    point(models, add(models, 9))
    log, config = logging.getLogger("gunicorn.error"), Config()
    config.set("graceful_timeout", 2)
    config.set("keepalive", 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = Worker(0, os.getppid(), [listener], SimpleNamespace(), 30, config, log)
        one.wsgi = create_app(Settings(models=models, max_body_bytes=MOST_BYTES))
        one.most_bytes, one.seconds = MOST_BYTES, SECONDS
        vars(one).update(limits)
        thread = threading.Thread(target=one.run)
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield one, port
        finally:
            one.alive = False
            thread.join(10)
            one.tmp.close()
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with working(tmp_path_factory.mktemp("models")) as (_, port):
        yield port


@pytest.mark.parametrize(("sent", "status", "title"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_request_is_refused(port: int, sent: bytes, status: int, title: str):
    with connected(port, sent, timeout=5) as client:
        header, _, body = rest_of(client).partition(b"\r\n\r\n")

    assert header.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in header
    assert json.loads(body)["title"] == title


@pytest.mark.parametrize(("request_", "begin", "held", "times"), ALLOWED)
def test_what_is_one_is_answered(port: int, request_: bytes, begin: bytes, held: bytes, times: int):
    with connected(port, request_ + request_, timeout=5) as client:
        answer = rest_of(client)

    assert answer.startswith(begin)
    assert held in answer
    assert answer.count(b"HTTP/1.1 ") == times


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_request_may_come_in_pieces(port: int, size: int):
    sent = whole(RECORD)
    with connected(port, timeout=5) as client:
        for start in range(0, len(sent), size):
            client.sendall(sent[start : start + size])
            time.sleep(0.001)
        assert b'"prediction":' in next_answer(client)
        client.sendall(sent)
        assert b'"prediction":' in next_answer(client)


def test_a_header_may_be_long_and_there_may_be_many(port: int):
    most = connection.HEADERS - 1
    lines = "".join(f"X-{number}: {'a' * (60_000 // most)}\r\n" for number in range(most))
    with connected(port, f"GET /healthz HTTP/1.0\r\nHost: x\r\n{lines}\r\n".encode(), timeout=5) as client:
        assert rest_of(client).startswith(b"HTTP/1.1 200 ")


def test_an_address_may_be_long(port: int):
    path = "/healthz?".ljust(connection.LINE_BYTES, "a")
    for more, status in (("", b"200"), ("a", b"414")):
        with connected(port, f"GET {path}{more} HTTP/1.0\r\n\r\n".encode(), timeout=5) as client:
            assert rest_of(client).split()[1] == status


def test_a_body_may_be_as_large_as_is_said(port: int):
    assert ask(port, "/predict", b" " * (MOST_BYTES - 2) + b"[]", **JSON).status == 422
    with connected(port, head("/predict", "Transfer-Encoding: chunked", "Connection: close"), timeout=5) as client:
        client.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (MOST_BYTES + 1, b" " * (MOST_BYTES + 1)))
        assert rest_of(client).startswith(b"HTTP/1.1 413 ")


def test_who_waits_for_a_word_before_the_body_gets_it(port: int):
    body = json.dumps(RECORD).encode()
    with connected(port, head("/predict", "Expect: 100-Continue", f"Content-Length: {len(body)}"), timeout=5) as client:
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert b'"prediction":' in next_answer(client)


def test_who_says_nothing_is_closed_after_a_while(port: int):
    with connected(port, timeout=5) as client, connected(port, head("/healthz", method="GET"), timeout=5) as answered:
        assert answered.recv(4096).startswith(b"HTTP/1.1 200 ")
        began = time.monotonic()
        assert (client.recv(1), answered.recv(1)) == (b"", b"")
        assert 0.5 < time.monotonic() - began < 3


def test_who_was_answered_for_the_last_time_may_go_on_sending_for_a_while(port: int):
    with connected(port, head("/healthz", "Connection: close", method="GET"), timeout=5) as client:
        assert rest_of(client).startswith(b"HTTP/1.1 200 ")
        client.sendall(b"x" * (connection.UNREAD_BYTES // 2))
        time.sleep(0.1)
        client.sendall(b"x")  # which would fail if it had been closed
        with suppress(ConnectionError):
            for _ in range(1000):
                client.sendall(b"x" * 10_000)
                time.sleep(0.01)
            pytest.fail("it may send for ever")


def test_who_takes_too_long_is_told(tmp_path: Path):
    with working(tmp_path, seconds=0.5) as (_, port):
        for sent in (HALF, head("/predict", "Content-Length: 9") + b"{"):
            began = time.monotonic()
            with connected(port, sent, timeout=5) as client:
                header, _, body = rest_of(client).partition(b"\r\n\r\n")

            assert header.startswith(b"HTTP/1.1 503 ")
            assert json.loads(body)["detail"] == "it took longer than 0.5 seconds"
            assert 0.4 < time.monotonic() - began < 3


def test_of_an_answer_that_comes_too_late_nothing_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with working(tmp_path, seconds=0.5) as (one, port):
        sound = one.wsgi.view_functions["GET /model"]
        monkeypatch.setitem(one.wsgi.view_functions, "GET /model", lambda: time.sleep(1.5) or sound())
        with connected(port, head("/model", method="GET"), timeout=5) as client:
            answer = rest_of(client)
        time.sleep(0.7)

        assert answer.startswith(b"HTTP/1.1 503 ")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert ask(port, "/healthz").status == 200


@pytest.mark.parametrize("many", [4, 7])
def test_of_too_many_connections_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int):
    monkeypatch.setattr(worker, "MOST_CONNECTIONS", 5)
    with working(tmp_path) as (one, port), ExitStack() as stack:
        clients = [stack.enter_context(connected(port, HALF, timeout=5)) for _ in range(many)]
        wait_for(lambda: len(one.connections) == min(many, 5))
        for client in clients[: max(0, many - 5)]:
            assert b"there are too many clients" in rest_of(client)
        clients[-1].sendall(b"o: 1\r\n\r\n")
        assert clients[-1].recv(4096).startswith(b"HTTP/1.1 200 ")


def test_of_too_much_that_was_sent_the_oldest_goes(tmp_path: Path):
    with working(tmp_path) as (one, port), ExitStack() as stack:
        part = head("/predict", f"Content-Length: {MOST_BYTES}") + b" " * (MOST_BYTES - 2000)
        clients = [stack.enter_context(connected(port, part, timeout=5)) for _ in range(9)]
        assert b"need more room than there is" in rest_of(clients[0])
        wait_for(lambda: one.held == 8 * (MOST_BYTES - 2000 + connection.REQUEST_BYTES))
        clients[0].close()
        for client in clients[1:]:
            client.sendall(b" " * 2000)
            assert client.recv(4096).startswith(b"HTTP/1.1 400 ")
        wait_for(lambda: one.held == 0)


def reset(client: socket.socket) -> None:
    """Hang up without a word."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_nothing_is_kept_of_clients_that_are_gone(tmp_path: Path):
    large = head("/predict", f"Content-Length: {MOST_BYTES}") + b" " * MOST_BYTES
    slow = head("/model", method="GET")
    with working(tmp_path) as (one, port):
        for sent in (large[:-1], slow + large[:-1], large, large + large, large[:100], slow * 50):
            client = connected(port, sent, timeout=5)
            wait_for(lambda: one.connections)
            time.sleep(0.05)
            reset(client)
            wait_for(lambda: not one.connections and one.held == 0)
        with connected(port, large, timeout=5) as client:
            assert client.recv(4096).startswith(b"HTTP/1.1 4")
            wait_for(lambda: one.held == 0)


def test_requests_that_wait_take_room_too(tmp_path: Path):
    with working(tmp_path) as (one, port), connected(port, timeout=5) as client:
        client.sendall(head("/model", method="GET") + b"GET / HTTP/1.1\r\nHost:\r\n\r\n" * 2000)
        wait_for(lambda: one.held > 1000)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("end", [b"0\r\nX: ", b"0\r\n" + b"X: a\r\n" * 1000, b"2;"], ids=["one", "many", "extension"])
def test_trailers_have_a_limit(port: int, end: bytes):
    with connected(port, head("/predict", "Transfer-Encoding: chunked") + end, timeout=5) as client:
        with suppress(ConnectionError):
            for _ in range(200):
                client.sendall(b"X: a\r\n" * 200 if b"\r\nX: a" in end else b"a" * 1000)
        assert rest_of(client).startswith(b"HTTP/1.1 431 ")


def test_a_word_that_a_request_waits_for_comes_when_its_turn_comes(port: int):
    body = json.dumps(RECORD).encode()
    begun = head("/predict", "Expect: 100-continue", f"Content-Length: {len(body)}")
    with connected(port, head("/model", method="GET") + begun, timeout=5) as client:
        answers = b""
        while not answers.endswith(b"HTTP/1.1 100 Continue\r\n\r\n"):
            answers += client.recv(65536)
        client.sendall(body)
        assert b'"prediction":' in next_answer(client)


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("chunked", [False, True])
def test_who_asks_for_another_protocol_is_answered_in_this_one(port: int, chunked: bool, pieces: int):
    body = json.dumps(RECORD).encode()
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    sent = head("/predict", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAM", framing)
    sent += b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    with connected(port, timeout=5) as client:
        for piece in (sent,) if pieces == 1 else (sent[:-20], sent[-20:]):
            client.sendall(piece)
            time.sleep(0.05)
        answer = rest_of(client)

    assert b'"prediction":' in answer
    assert b"Connection: close" in answer


def test_who_began_before_the_end_is_answered_and_nobody_else_waited_for(tmp_path: Path):
    with working(tmp_path) as (one, port), ExitStack() as stack:
        idle = stack.enter_context(connected(port, head("/healthz", method="GET"), timeout=5))
        assert idle.recv(4096).startswith(b"HTTP/1.1 200 ")
        begun, never = (stack.enter_context(connected(port, HALF, timeout=5)) for _ in range(2))
        time.sleep(0.1)
        one.alive = False
        assert idle.recv(1) == b""
        begun.sendall(b"o: 1\r\n\r\n")
        assert b"Connection: close" in rest_of(begun)
        assert b"the server stops" in rest_of(never)


def test_what_no_code_foresaw_is_a_500_and_the_service_goes_on(port: int, tmp_path: Path):
    with working(tmp_path) as (one, port):
        one.wsgi.wsgi_app = lambda *_: 1 / 0
        assert ask(port, "/healthz").status == 500
        del one.wsgi.wsgi_app
        assert ask(port, "/healthz").status == 200

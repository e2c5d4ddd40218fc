"""Connections as clients may use them: in pieces, one after another, half closed; what HTTP/1.1 asks of a server."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from app.server.connection import FREE_CHUNKS
from app.server.gateway import FEW, FEW_BYTES, Request
from tests.app.conftest import MOST_BYTES
from tests.helpers.asking import PROBLEM, connected, counts, head, logged, rest_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GET = "GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n"
CHUNKED = head("/predict", "Transfer-Encoding: chunked")


def whole(record: Any, *lines: str) -> bytes:
    body = json.dumps(record).encode()
    return head("/predict", f"Content-Length: {len(body)}", *lines) + body


def price_in(answer: bytes) -> float:
    (one,) = json.loads(answer.partition(b"\r\n\r\n")[2])["predictions"]
    return one["prediction"]


def next_answer(client: socket.socket) -> bytes:
    """One answer on a connection that stays open."""
    answer = b""
    while b"\r\n\r\n" not in answer or not answer.endswith(b"}\n"):
        answer += client.recv(65536)
    return answer


def seconds_to_a_price(port: int, record: Any) -> float:
    began = time.monotonic()
    with connected(port, whole(record, "Connection: close")) as client:
        assert b"200 OK" in rest_of(client)
    return time.monotonic() - began


@pytest.mark.run
def test_one_connection_may_ask_again_and_again(rude: int, records: list[dict[str, Any]], prices: list[float]):
    found = []
    with connected(rude) as client:
        time.sleep(0.1)  # as one that says nothing at first
        for record in records[:20]:
            client.sendall(whole(record))
            found.append(price_in(next_answer(client)))

    assert found == prices[:20]


@pytest.mark.run
@pytest.mark.parametrize("length", [1, 40, 150, -150, -40, -1])
def test_a_request_in_two_pieces_holds_nobody_up(
    rude: int, records: list[dict[str, Any]], prices: list[float], length: int
):
    sent = whole(records[0], "Connection: close")
    with connected(rude, sent[:length]) as client:
        time.sleep(0.1)
        waited = seconds_to_a_price(rude, records[1])
        client.sendall(sent[length:])
        answer = rest_of(client)

    assert waited < 1
    assert price_in(answer) == prices[0]


@pytest.mark.run
def test_requests_that_come_together_are_all_answered_in_their_order(
    rude: int, records: list[dict[str, Any]], prices: list[float]
):
    sent = b"".join(whole(record) for record in records[:9]) + whole(records[9], "Connection: close")
    with connected(rude, sent) as client:
        answers = rest_of(client).split(b"HTTP/1.1 200 OK")[1:]

    assert [price_in(answer) for answer in answers] == prices[:10]


NOT_WHOLE: dict[str, Callable[[bytes], bytes]] = {
    "a body that is shorter than its length": lambda body: head("/predict", f"Content-Length: {len(body) + 1}") + body,
    "a length in another header": lambda body: (
        head("/predict", f"X-Content-Length: {len(body)}", f"Content-Length: {len(body) + 1}") + body
    ),
    "a length that a chunked body contradicts": lambda body: (
        head("/predict", f"Content-Length: {len(body)}", "Transfer-Encoding: chunked") + body
    ),
    "chunks without an end": lambda body: head("/predict", "Transfer-Encoding: chunked") + b"5\r\n" + body[:5],
    "no end of the header": lambda body: b"POST /predict HTTP/1.1\r\nContent-Length: 2\r\n",
    "no end of the header, and no body": lambda body: b"POST /predict HTTP/1.1\r\nContent-Length: 0\r\nHo",
}


@pytest.mark.run
@pytest.mark.parametrize("sent", NOT_WHOLE.values(), ids=NOT_WHOLE)
def test_what_only_looks_whole_is_waited_for(rude: int, records: list[dict[str, Any]], sent: Any):
    with connected(rude, sent(json.dumps(records[0]).encode())):
        time.sleep(0.2)
        assert seconds_to_a_price(rude, records[1]) < 1


def deaf(port: int) -> socket.socket:
    """A connection whose client reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.settimeout(0.5)
    return client


@pytest.mark.run
def test_who_does_not_read_its_answers_holds_nobody_up(rude: int, records: list[dict[str, Any]]):
    with deaf(rude) as client:
        try:
            for _ in range(4000):
                client.sendall(whole(records[:FEW]))
        except (TimeoutError, ConnectionError):  # the server takes no more
            pass
        waited = seconds_to_a_price(rude, records[1])

    assert waited < 1


@pytest.mark.run
def test_who_closes_its_half_is_answered(rude: int, records: list[dict[str, Any]], prices: list[float]):
    for sent, expected in ((whole(records[0]), prices[:1]), (whole(records[:100]) + whole(records[1]), prices[:2])):
        with connected(rude, sent) as client:
            client.shutdown(socket.SHUT_WR)
            answers = rest_of(client).split(b"HTTP/1.1 200 OK")[1:]
        found = [json.loads(answer.partition(b"\r\n\r\n")[2])["predictions"][0]["prediction"] for answer in answers]

        assert found == expected


ALLOWED = [
    (b"GET /healthz HTTP/1.0\r\n\r\n", b"HTTP/1.1 200 ", b"Connection: close", 1),
    (b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", b"HTTP/1.1 200 ", b"keep-alive", 2),
    (GET.format("http://elsewhere.example/healthz?x", "").encode(), b"HTTP/1.1 200 ", b'"alive"', 2),
    (GET.format("/healthz#x", "").encode(), b"HTTP/1.1 200 ", b'"alive"', 2),
    (GET.format("/%68ealthz", "").encode(), b"HTTP/1.1 200 ", b'"alive"', 2),
    (GET.format("/healthz", "Upgrade: h2c\r\nConnection: Upgrade\r\n").encode(), b"HTTP/1.1 200 ", b'"alive"', 1),
    (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 404 ", PROBLEM.encode(), 2),
    (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 404 ", PROBLEM.encode(), 1),
    (b"HEAD /readyz HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 ", b"Content-Length: ", 2),
    (b"\r\n" + GET.format("/healthz", "").encode(), b"HTTP/1.1 200 ", b'"alive"', 2),
    (CHUNKED + b"2;x=y\r\n[]\r\n0\r\nHost: a\r\n\r\n", b"HTTP/1.1 422 ", b"", 2),
]  # fmt: skip


@pytest.mark.run
@pytest.mark.parametrize(("request_", "begin", "held", "times"), ALLOWED)
def test_what_http_lets_clients_say(rude: int, request_: bytes, begin: bytes, held: bytes, times: int):
    """Sent twice: it is answered once where the connection closes after it."""
    with connected(rude, request_ + request_) as client:
        client.settimeout(8)
        answer = rest_of(client)

    assert answer.startswith(begin)
    assert held in answer
    assert answer.count(b"HTTP/1.1 ") == times
    assert answer.count(b"\r\nDate: ") == times


SMALL_CHUNKS = b"1\r\n \r\n" * (2 * FREE_CHUNKS)
REFUSED = {
    "an address": (GET.format("/" + "a" * 9000, "").encode(), 414, "The address is too long"),
    "many headers": (GET.format("/healthz", "X: 1\r\n" * 200).encode(), 431, "There are too many headers"),
    "long headers": (GET.format("/healthz", f"X: {'a' * 70_000}\r\n").encode(), 431, "The headers are too long"),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400, "The request cannot be read"),
    "two hosts": (GET.format("/healthz", "Host: y\r\n").encode(), 400, "The request cannot be read"),
    "a version": (b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n", 400, "The request cannot be read"),
    "nonsense": (b"\x16\x03\x01\x02\x00\x01\x00", 400, "The request cannot be read"),
    "an expectation": (head("/predict", "Expect: miracles", "Content-Length: 2"), 417, "The expectation cannot be met"),
    "a body": (head("/predict", f"Content-Length: {MOST_BYTES + 1}"), 413, "The body is too large"),
    "chunks": (CHUNKED + SMALL_CHUNKS, 400, "The body cannot be read"),
}


@pytest.mark.run
@pytest.mark.parametrize(("sent", "status", "title"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_told_logged_and_counted_as_all_else(
    rude: int, output: Path, sent: bytes, status: int, title: str
):
    def refused() -> float:
        return sum(count for name, count in counts(rude).items() if f'status="{status}"' in name)

    before, lines = refused(), len(logged(output))
    with connected(rude, sent) as client:
        header, _, body = rest_of(client).partition(b"\r\n\r\n")
    problem = json.loads(body)
    line = next(line for line in logged(output)[lines:] if line.get("request_id") == problem["request_id"])

    assert header.startswith(f"HTTP/1.1 {status} ".encode())
    assert f"Content-Type: {PROBLEM}".encode() in header
    assert b"X-Content-Type-Options: nosniff" in header
    assert problem["title"] == title
    assert (line["status"], line["reason"], line["remote"]) == (status, title, "127.0.0.1")
    assert refused() == before + 1


def request_of(body: bytes, method: str = "POST", kind: bytes = b"application/json", target: bytes = b"/") -> Request:
    return Request(method=method, target=target, headers=[(b"Content-Type", kind)], body=bytearray(body))


RECORD = b'{"Area": 3, "Zone": "RL"}'


@pytest.mark.parametrize(
    ("request_", "is_quick"),
    [
        (request_of(RECORD), True),
        (request_of(b"[%b]" % RECORD), True),
        (request_of(b"[%b]" % b",".join([RECORD] * FEW)), True),
        (request_of(RECORD.ljust(FEW_BYTES)), True),
        (request_of(b"", "GET", target=b"/healthz"), True),
        (request_of(b"", "GET", target=b"/readyz"), True),
        (request_of(RECORD.ljust(FEW_BYTES + 1)), False),
        (request_of(b"[%b]" % b",".join([b"{}"] * (FEW + 1))), False),
        (request_of(b'{"instances": [{}]}'), False),
        (request_of(b'{"inputs": {"Area": [1, 2, 3]}}'), False),
        (request_of(b"Area\n1\n2\n"), False),
        (request_of(RECORD, kind=b"text/csv"), False),
        (request_of(RECORD, method="PUT"), False),
        (request_of(b"", "GET", target=b"/metrics"), False),
        (request_of(b"", "GET", target=b"/healthzz"), False),
    ],
)
def test_what_is_answered_in_no_time(request_: Request, is_quick: bool):
    assert request_.is_quick is is_quick

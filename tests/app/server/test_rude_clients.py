"""Clients that are slow, silent, never close or speak nonsense: they are refused, and hold nobody up."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from app.server.worker import MOST_CONNECTIONS
from tests.app.conftest import MOST_BYTES, SECONDS
from tests.helpers.asking import ask, connected, counts, head, logged, rest_of, wait_for, workers
from tests.helpers.serving import free_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import psutil

pytestmark = pytest.mark.run

PATHS = ("/healthz", "/readyz", "/metrics", "/", "/report", "/model", "/openapi.json")


def own_id() -> str:
    return f"X-Request-ID: mine-{time.monotonic_ns()}"


def half_a_head(port: int) -> socket.socket:
    return connected(port, b"GET /healthz?LotArea=9627 HTTP/1.1\r\nHost: x\r\n%b\r\nX-Fo" % own_id().encode())


def half_a_body(port: int) -> socket.socket:
    return connected(port, head("/predict", "Content-Length: 1000", own_id()) + b"[")


def most_of_a_large_body(port: int) -> socket.socket:
    return connected(port, head("/predict", f"Content-Length: {MOST_BYTES}") + b" " * (MOST_BYTES - 1))


def body_byte_by_byte(port: int) -> socket.socket:
    client = connected(port, head("/predict", "Content-Length: 1000"))

    def dribble() -> None:
        try:
            while True:
                client.sendall(b" ")
                time.sleep(0.1)
        except OSError:  # hung up, or the test is over
            pass

    threading.Thread(target=dribble).start()
    return client


def deaf(port: int, sent: bytes) -> socket.socket:
    """Ask for answers that are far longer than the buffers between, and read nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(sent)
    return client


def never_reading(port: int) -> socket.socket:
    body = b"[" + b",".join([b"{}"] * 9000) + b"]"
    return deaf(port, 4 * (head("/predict?partial=true", f"Content-Length: {len(body)}") + body))


def never_reading_a_report(port: int) -> socket.socket:
    return deaf(port, head("/report", method="GET"))


def all_cut_off(port: int) -> float:
    return sum(count for name, count in counts(port).items() if name.startswith("http_requests_cut_off_total"))


def slowest(port: int, record: dict[str, Any]) -> float:
    """Seconds until each path and a price are answered, each asked on a connection of its own."""
    waited = []
    for path, body in [*((path, None) for path in PATHS), ("/predict", record)]:
        began = time.monotonic()
        assert ask(port, path, body).status == 200
        waited.append(time.monotonic() - began)
    return max(waited)


@pytest.fixture(scope="module")
def patient(registry: Path) -> Iterator[tuple[int, psutil.Process]]:
    """A server of one worker that gives slow clients a minute, and the worker."""
    port = free_port()
    with serving(registry, port, WORKERS="1", MAX_BODY_BYTES=str(MOST_BYTES)) as server:
        wait_for(lambda: len(workers(server)) == 1)
        assert ask(port, "/openapi.json").status == 200  # which is made once
        yield port, workers(server)[0]


@pytest.mark.parametrize(
    ("slow", "many"),
    [
        (half_a_head, 24),
        (half_a_head, 500),
        (half_a_body, 500),
        (most_of_a_large_body, 100),
        (never_reading_a_report, 100),
        (never_reading, 24),  # the last one: what they asked for is computed, although they have hung up
    ],
)
def test_slow_clients_hold_nobody_up(
    patient: tuple[int, psutil.Process], records: list[dict[str, Any]], slow: Callable[[int], socket.socket], many: int
):
    port, worker = patient
    before = worker.memory_info().rss
    with ExitStack() as stack:
        for _ in range(many):
            stack.enter_context(slow(port))
        assert slowest(port, records[0]) < 1
        grown = worker.memory_info().rss - before
        if slow in (half_a_head, half_a_body):
            assert counts(port)["http_requests_in_flight"] == many + 1

    assert grown < 150e6


@pytest.mark.parametrize("slow", [half_a_head, half_a_body, body_byte_by_byte])
def test_who_sends_too_slowly_is_told_and_then_hung_up_on(
    rude: int, output: Path, slow: Callable[[int], socket.socket]
):
    began, before = time.monotonic(), all_cut_off(rude)
    with slow(rude) as client:
        header, _, body = rest_of(client).partition(b"\r\n\r\n")
    problem = json.loads(body)
    (line,) = [line for line in logged(output) if line.get("request_id") == problem["request_id"]]

    assert SECONDS - 0.1 < time.monotonic() - began < SECONDS + 3
    assert header.startswith(b"HTTP/1.1 503 ")
    assert (problem["title"], problem["detail"]) == ("The request was cut off", "it took longer than 2 seconds")
    assert (line["status"], line["reason"]) == (503, "The request was cut off: it took longer than 2 seconds")
    assert line["milliseconds"] > 1000 * (SECONDS - 0.1)
    assert line["cut_off"] == "it took longer than 2 seconds"
    assert all_cut_off(rude) == before + 1


def test_who_reads_too_slowly_is_hung_up_on_and_not_told_of_as_answered(rude: int, output: Path):
    def cut_off() -> float:
        return counts(rude).get('http_requests_cut_off_total{method="POST",route="/predict"}', 0)

    before, lines = cut_off(), len(logged(output))
    with never_reading(rude) as client:
        wait_for(lambda: cut_off() > before, SECONDS + 5)
        told = rest_of(client)
    *others, line = [line for line in logged(output)[lines:] if line["path"] == "/predict"]

    assert told.startswith(b"HTTP/1.1 200 ")
    assert len(told) < sum(each["bytes_out"] for each in (*others, line))
    assert line["cut_off"] == "it took longer than 2 seconds"
    assert not any("cut_off" in other for other in others)
    assert counts(rude)['http_requests_total{method="POST",route="/predict",status="cut off"}'] >= 1


@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
@pytest.mark.parametrize("slow", [half_a_head, half_a_body])
def test_who_hangs_up_amid_a_request_is_logged_and_counted(
    rude: int, output: Path, slow: Callable[[int], socket.socket], *, reset: bool
):
    before, lines = all_cut_off(rude), len(logged(output))
    with slow(rude) as client:
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_for(lambda: all_cut_off(rude) == before + 1)
    (line,) = [line for line in logged(output)[lines:] if line["path"] in ("/healthz", "/predict")]

    assert (line["status"], line["cut_off"], line["bytes_out"]) == (400, "the client hung up", 0)
    assert (line["remote"], line["request_id"][:5]) == ("127.0.0.1", "mine-")


def test_who_hangs_up_while_the_answer_is_computed_is_not_told_of_as_answered(
    rude: int, output: Path, records: list[dict[str, Any]]
):
    body, lines = json.dumps(records[:1] * 3000).encode(), len(logged(output))
    with connected(rude, head("/predict", f"Content-Length: {len(body)}") + body) as client:
        time.sleep(0.02)  # it has been read
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_for(lambda: [line for line in logged(output)[lines:] if line["path"] == "/predict"])
    (line,) = [line for line in logged(output)[lines:] if line["path"] == "/predict"]

    assert line["cut_off"] == "the client hung up"


def test_each_of_several_requests_is_told_of_where_their_client_hangs_up(rude: int, output: Path):
    lines = len(logged(output))
    with connected(rude, head("/model", method="GET") + head("/docs", method="GET") + b"GET /rep") as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_for(lambda: len([line for line in logged(output)[lines:] if line["path"] != "/metrics"]) == 3)

    assert [line["path"] for line in logged(output)[lines:]].count("/docs") == 1


def test_who_takes_the_room_longest_is_cut_off_first(rude: int, records: list[dict[str, Any]]):
    """There is room for eight bodies of the largest size."""
    with ExitStack() as stack:
        clients = [stack.enter_context(most_of_a_large_body(rude)) for _ in range(12)]
        wait_for(lambda: counts(rude)["http_requests_in_flight"] <= 9)
        clients[-1].sendall(b" ")
        first, last = rest_of(clients[0]), clients[-1].recv(4096)

    assert first.startswith(b"HTTP/1.1 503 ")
    assert b"need more room than there is; ask again" in first
    assert last.startswith(b"HTTP/1.1 400 ")


def test_connections_that_say_nothing_hold_nobody_up(rude: int, records: list[dict[str, Any]]):
    """Browsers open some, to be quick later."""
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connected(rude))
        assert slowest(rude, records[0]) < 1


def test_clients_that_never_close_hold_nobody_up(rude: int, records: list[dict[str, Any]]):
    with ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(connected(rude, head("/model", "Connection: close", method="GET")))
            assert b"200 OK" in client.recv(4096)
        assert slowest(rude, records[0]) < 1


def test_more_connections_than_a_worker_keeps_hold_nobody_up(
    patient: tuple[int, psutil.Process], records: list[dict[str, Any]]
):
    port, worker = patient
    with ExitStack() as stack:
        clients = [stack.enter_context(half_a_head(port)) for _ in range(MOST_CONNECTIONS + 20)]
        assert slowest(port, records[0]) < 1
        assert rest_of(clients[0]).startswith(b"HTTP/1.1 503 ")
        assert len(worker.net_connections()) <= MOST_CONNECTIONS + 2


NONSENSE = {
    "random bytes": bytes(range(256)) * 4 + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another version": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "a giant line": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a giant header": head("/healthz", f"X-Giant: {'a' * 100_000}", method="GET"),
    "a thousand headers": head("/healthz", *[f"X-{number}: 1" for number in range(1000)], method="GET"),
    "a folded header": head("/healthz", "X-Request-ID: a\r\n b", method="GET"),
    "a line feed in a header": head("/healthz", "X-Request-ID: a\nX-Other: b", method="GET"),
    "a zero in a header": head("/healthz", "X-Request-ID: a\0b", method="GET"),
    "a negative length": head("/predict", "Content-Length: -1"),
    "no number as length": head("/predict", "Content-Length: 1_0"),
    "two lengths": head("/predict", "Content-Length: 2", "Content-Length: 3") + b"[]]",
    "a length and chunks": head("/predict", "Content-Length: 2", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "an unknown encoding": head("/predict", "Transfer-Encoding: zip") + b"[]",
    "no number as chunk": head("/predict", "Transfer-Encoding: chunked") + b"zz\r\n[]\r\n0\r\n\r\n",
    "a chunk too long": head("/predict", "Transfer-Encoding: chunked") + b"2\r\n[]]]\r\n0\r\n\r\n",
    "an unknown expectation": head("/predict", "Expect: miracles", "Content-Length: 2") + b"[]",
}  # fmt: skip


@pytest.mark.parametrize("sent", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_and_the_service_goes_on(rude: int, sent: bytes):
    with connected(rude) as client:
        try:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
        except OSError:  # it did not even listen to the end
            pass
        answer = rest_of(client)

    assert not answer or re.match(rb"HTTP/1\.1 (4\d\d|501) ", answer), answer[:200]
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert ask(rude, "/healthz").status == 200

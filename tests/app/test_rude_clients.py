"""Clients that are slow, silent, never close or speak nonsense: they are refused, and hold nobody up."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


from tests.app.conftest import SECONDS
from tests.helpers.asking import ask, connected, head, rest_of

pytestmark = pytest.mark.run

NEEDS_A_THREAD = "/model"  # unlike probes and small requests for prices


def half_a_header(port: int) -> socket.socket:
    return connected(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Fo")


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


def never_reading(port: int) -> socket.socket:
    """Ask for many answers at once, far more than the buffers between hold, and read none."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    body = b"[" + b",".join([b"{}"] * 9000) + b"]"
    client.sendall(head("/predict", f"Content-Length: {len(body)}") + body)
    return client


@pytest.mark.parametrize(
    "slow", [(half_a_header, body_byte_by_byte), (never_reading, never_reading)], ids=["sending", "reading"]
)
def test_slow_clients_are_hung_up_on_and_the_next_one_is_answered(rude: int, slow: tuple[Callable[[int], Any], ...]):
    with ExitStack() as stack:
        both = [stack.enter_context(client(rude)) for client in slow]
        time.sleep(0.5)  # until both threads are at it
        began = time.monotonic()
        status = ask(rude, NEEDS_A_THREAD).status
        waited = time.monotonic() - began
        left = [rest_of(client) for client in both]

    assert status == 200
    assert SECONDS - 1 < waited < SECONDS + 3  # less would mean that nobody held the threads up
    assert not any(b"200 OK" in answer for answer in left)


def test_connections_that_say_nothing_hold_nobody_up(rude: int):
    """Browsers open some, to be quick later."""
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connected(rude))
        began = time.monotonic()
        status = ask(rude, NEEDS_A_THREAD).status
        waited = time.monotonic() - began

    assert status == 200
    assert waited < 1


def test_clients_that_never_close_hold_nobody_up(rude: int):
    with ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(connected(rude, head(NEEDS_A_THREAD, "Connection: close", method="GET")))
            assert b"200 OK" in client.recv(4096)
        began = time.monotonic()
        status = ask(rude, NEEDS_A_THREAD).status
        waited = time.monotonic() - began

    assert status == 200
    assert waited < 1


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

"""The worker's main loop, without a server: what it does with a connection at once, and what it leaves to threads."""

from __future__ import annotations

import socket
import struct
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from gunicorn.workers import gthread

from app import worker
from app.worker import WAIT, DeadlineWorker, _came, _see_off
from tests.helpers.asking import head

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBE = head("/healthz", method="GET")


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client's end of a connection, and the server's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server = listener.accept()[0]
        with client, server:
            client.settimeout(5)
            yield client, server


class Connection:
    """A connection as gunicorn has them."""

    def __init__(self, server: socket.socket | None, **more: Any) -> None:
        self.sock, self.parser, self.initialized, self.data_ready = server, None, False, False
        self.__dict__ |= more


def arrived(client: socket.socket, server: socket.socket, data: bytes) -> None:
    client.sendall(data)
    limit = time.monotonic() + 5
    while len(server.recv(len(data), socket.MSG_PEEK)) < len(data) and time.monotonic() < limit:
        pass


class Watched(DeadlineWorker):
    """A worker that notes what becomes of a connection; it was made without gunicorn's arbiter."""

    def __init__(self) -> None:
        self.alive, self.begun, self.request_seconds, self.done = True, {}, 10.0, []

    def finish_request(self, conn: Any, future: Any) -> None:
        self.done.append(future.exception() or future.result())


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    loop = Watched()
    monkeypatch.setattr(gthread.ThreadWorker, "enqueue_req", lambda self, conn: loop.done.append("a thread"))
    monkeypatch.setattr(gthread.ThreadWorker, "handle", lambda self, conn: "answered")
    monkeypatch.setattr(gthread.ThreadWorker, "notify", lambda self: loop.done.append("told the parent"))
    return loop


def test_a_new_connection_that_says_nothing_waits_among_the_idle_ones(watched: Watched, ends: Any):
    watched.enqueue_req(Connection(ends[1]))

    assert watched.done == [WAIT]


@pytest.mark.parametrize("change", [{"alive": False}, {"initialized": True}])
def test_one_that_was_answered_before_or_that_finds_the_server_stopping_is_a_threads(
    watched: Watched, ends: Any, change: dict[str, bool]
):
    watched.alive = change.get("alive", True)
    watched.enqueue_req(Connection(ends[1], initialized=change.get("initialized", False)))

    assert watched.done == ["a thread"]


def test_a_small_request_that_is_there_is_answered_at_once(watched: Watched, ends: Any):
    client, server = ends
    arrived(client, server, PROBE)
    watched.enqueue_req(Connection(server))

    assert watched.done == ["answered"]
    assert struct.unpack("ll", server.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16)) == (0, 0)


def test_what_is_not_whole_is_a_threads(watched: Watched, ends: Any):
    client, server = ends
    arrived(client, server, PROBE[:-2])
    watched.enqueue_req(Connection(server))

    assert watched.done == ["a thread"]


def test_an_error_ends_the_connection_and_not_the_main_loop(watched: Watched, ends: Any):
    error = RuntimeError("broken")

    def fail(_: Any) -> None:
        raise error

    watched._do(Connection(ends[1]), fail)

    assert watched.done == [error]


def test_what_came_is_seen_without_being_read(ends: Any):
    client, server = ends
    assert _came(Connection(server)) is None
    arrived(client, server, b"abc")
    assert _came(Connection(server)) == b"abc"
    assert server.recv(10) == b"abc"


def test_what_the_parser_has_read_already_is_not_looked_for_on_the_wire(ends: Any):
    def parser(left: bytes) -> SimpleNamespace:
        return SimpleNamespace(unreader=SimpleNamespace(buf=SimpleNamespace(getvalue=lambda: left)))

    assert _came(Connection(ends[1], parser=parser(b"x"))) == b""
    assert _came(Connection(ends[1], parser=parser(b""))) is None


def test_of_a_closed_connection_nothing_came(ends: Any):
    client, server = ends
    client.close()
    time.sleep(0.01)
    assert _came(Connection(server)) == b""
    server.close()
    assert _came(Connection(server)) == b""


def test_a_request_that_takes_too_long_is_hung_up_on_and_no_other(watched: Watched, ends: Any):
    client, server = ends
    # of the one that began later nothing is asked, or this would fail: it has no socket
    watched.begun = {Connection(server): time.monotonic() - 11, Connection(None): time.monotonic() - 9}
    watched.notify()

    assert client.recv(10) == b""
    assert watched.done == ["told the parent"]


def test_who_was_answered_for_the_last_time_is_read_to_its_end_and_then_closed(
    watched: Watched, ends: Any, monkeypatch: pytest.MonkeyPatch
):
    client, server = ends
    monkeypatch.setattr(gthread.ThreadWorker, "handle", lambda self, conn: False)
    conn = Connection(server)

    assert watched.handle(conn) is WAIT, "it may still send"
    assert client.recv(10) == b"", "but it will be told nothing more"
    assert conn.unread == worker.UNREAD_BYTES
    assert watched.begun == {}
    client.sendall(b"x" * 100)
    time.sleep(0.05)
    assert watched.handle(conn) is WAIT
    assert conn.unread == worker.UNREAD_BYTES - 100
    client.close()
    time.sleep(0.05)
    assert watched.handle(conn) is False
    conn.close()
    assert server.fileno() == -1


def test_a_server_that_stops_waits_for_nobody(watched: Watched, ends: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gthread.ThreadWorker, "handle", lambda self, conn: False)
    watched.alive = False
    conn = Connection(ends[1])

    assert watched.handle(conn) is False
    assert not hasattr(conn, "unread")


def test_who_sends_more_than_anybody_needs_to_is_cut_off(ends: Any):
    client, server = ends
    client.sendall(b"x" * 5000)
    time.sleep(0.05)

    assert _see_off(Connection(server, unread=4000)) is False

"""gunicorn's worker of threads: small requests at once, a limit on the time of each, no thread waiting for nothing."""

from __future__ import annotations

import contextlib
import fcntl
import re
import socket
import struct
import termios
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from gunicorn import util
from gunicorn.workers import gthread

from app.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from gunicorn.workers.gthread import TConn

# "call me again when the client has sent something, or close the connection after some seconds"
WAIT = gthread._DEFER
UNREAD_BYTES = 65_536  # what a client may still send after it was answered
# A request for the prices of one record or a few: with so many bytes in all and so many objects, so a short answer.
SMALL_BYTES, FEW = 4096, 4
LENGTH, TYPE = (re.compile(rb"\r\ncontent-%b:[ \t]*(.*?)[ \t]*(?=\r|$)" % name) for name in (b"length", b"type"))
# What must be answered even when clients that do not read their answers keep all threads.
PROBES = (b"get /healthz http/", b"get /readyz http/")
# What says that there is more to a body than its length.
UNUSUAL = (b"transfer-encoding", b"expect", b"upgrade")
# How long sending may make no progress: seconds and microseconds, where 0 means for ever.
SHORTLY, FOR_EVER = struct.pack("ll", 0, 500_000), struct.pack("ll", 0, 0)


class DeadlineWorker(gthread.ThreadWorker):
    """Hangs up on a client that takes too long to send its request or to read the answer.

    gunicorn's own time-out watches the process, not its threads: a client that sends a byte now and then would keep
    a thread for ever, and a few of them the whole service. And gunicorn keeps a thread for a new connection that says
    nothing, and its main loop, with all that wait for it, for one that was answered and does not close: here both
    wait among the idle ones.

    Threads are there to wait for clients. To hand a small request to one, and its connection back, takes longer than to
    answer it: the main loop does that itself, once the request is there from end to end and the answer cannot be long.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.request_seconds = read_settings().request_seconds
        self.begun: dict[TConn, float] = {}

    def enqueue_req(self, conn: TConn) -> None:
        """Deal with a connection on which something may have come: at once, or in a thread."""
        came = _came(conn)
        if came is None and self.alive and not conn.initialized:
            self._do(conn, lambda conn: WAIT)
        elif came and _is_small_and_whole(came) and _has_read_its_answers(conn):
            self._do(conn, self._handle_at_once)
        else:
            super().enqueue_req(conn)

    def _do(self, conn: TConn, handle: Callable[[TConn], Any]) -> None:
        """What a thread would do, here; an error ends the connection and not the main loop."""
        done: Future[Any] = Future()
        try:
            done.set_result(handle(conn))
        except Exception as error:
            done.set_exception(error)
        self.finish_request(conn, done)

    def _handle_at_once(self, conn: TConn) -> Any:
        # The answer may be long all the same, and the client refuse to read: then this gives up.
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, SHORTLY)
        result = self.handle(conn)
        with contextlib.suppress(OSError):  # it is closed
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, FOR_EVER)
        return result

    def handle(self, conn: TConn) -> Any:
        """Handle one request, as gunicorn does, and note when it began."""
        if hasattr(conn, "unread"):
            return _see_off(conn)
        conn.data_ready = True  # no need to look again
        self.begun[conn] = time.monotonic()
        try:
            keep = super().handle(conn)
        finally:
            self.begun.pop(conn, None)
        if keep is not False:
            return keep
        if not self.alive:  # a server that stops waits for nobody
            return _hang_up(conn)
        conn.unread = UNREAD_BYTES
        with contextlib.suppress(OSError):  # the client was faster
            conn.sock.shutdown(socket.SHUT_WR)
        return _see_off(conn)

    def notify(self) -> None:
        """Called once a second: tell the parent that this worker lives, and hang up where the time is over."""
        super().notify()
        late = time.monotonic() - self.request_seconds
        for conn, begun in list(self.begun.items()):
            if begun < late:
                with contextlib.suppress(OSError):  # the client was faster
                    conn.sock.shutdown(socket.SHUT_RDWR)


def _came(conn: TConn) -> bytes | None:
    """Look at what has come on a connection, as far as it is small; None if nothing has."""
    if conn.parser and conn.parser.unreader.buf.getvalue():
        return b""  # it was read already, with the request before
    try:
        return conn.sock.recv(SMALL_BYTES + 1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _is_small_and_whole(came: bytes) -> bool:
    """Whether this is a probe, or a POST of one flat JSON object or an array of a few, from its first byte to its last.

    So neither the rest of it must be waited for, nor that the client reads a long answer. Whatever is unusual is left
    to the threads and to gunicorn's parser.
    """
    head, end, body = came.partition(b"\r\n\r\n")
    head = head.lower()
    if len(came) > SMALL_BYTES or not end or any(name in head for name in UNUSUAL):
        return False
    if head.startswith(PROBES):
        return not body and not LENGTH.findall(head)
    return (
        head.startswith(b"post /")
        and LENGTH.findall(head) == [str(len(body)).encode()]
        and TYPE.findall(head) == [b"application/json"]
        and body.startswith((b"{", b"["))
        and b"[" not in body[1:]
        and body.count(b"{") <= FEW
    )


def _has_read_its_answers(conn: TConn) -> bool:
    """Whether nothing that was sent is on its way, so that there is room for a short answer."""
    try:
        return fcntl.ioctl(conn.sock, termios.TIOCOUTQ, bytes(4)) == bytes(4)
    except OSError:  # gone; or a system that does not tell
        return False


def _see_off(conn: TConn) -> Any:
    """Read what the client still sends, until it closes too: closing first could cut off its answer."""
    with contextlib.suppress(OSError):  # the client is gone
        conn.sock.setblocking(False)
        while conn.unread > 0:
            try:
                read = len(conn.sock.recv(4096))
            except BlockingIOError:
                return WAIT
            if not read:
                break
            conn.unread -= read
    return _hang_up(conn)


def _hang_up(conn: TConn) -> bool:
    """Let gunicorn close the connection at once, where it would itself wait for the client."""
    conn.close = lambda graceful=False: util.close(conn.sock)
    return False

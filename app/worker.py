"""gunicorn's worker of threads, with a limit on the time of a request, and none of its threads waiting for nothing."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING, Any

from gunicorn import util
from gunicorn.workers import gthread

from app.settings import read_settings

if TYPE_CHECKING:
    from gunicorn.workers.gthread import TConn

# "call me again when the client has sent something, or close the connection after some seconds"
WAIT = gthread._DEFER
UNREAD_BYTES = 65_536  # what a client may still send after it was answered


class DeadlineWorker(gthread.ThreadWorker):
    """Hangs up on a client that takes too long to send its request or to read the answer.

    gunicorn's own time-out watches the process, not its threads: a client that sends a byte now and then would keep
    a thread for ever, and a few of them the whole service. And gunicorn keeps a thread for a new connection that says
    nothing, and its main loop, with all that wait for it, for one that was answered and does not close: here both
    wait among the idle ones.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.request_seconds = read_settings().request_seconds
        self.begun: dict[TConn, float] = {}

    def handle(self, conn: TConn) -> Any:
        """Handle one request, as gunicorn does, and note when it began."""
        if hasattr(conn, "unread"):
            return _see_off(conn)
        if self.alive and not conn.initialized and not conn.wait_for_data(0):
            return WAIT
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

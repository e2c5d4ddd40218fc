"""gunicorn's worker of threads, with a limit on the time that one request may take."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING, Any

from gunicorn.workers.gthread import ThreadWorker

from app.settings import read_settings

if TYPE_CHECKING:
    from gunicorn.workers.gthread import TConn


class DeadlineWorker(ThreadWorker):
    """Hangs up on a client that takes too long to send its request or to read the answer.

    gunicorn's own time-out watches the process, not its threads: a client that sends a byte now and then would keep
    a thread for ever, and a few of them the whole service.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.request_seconds = read_settings().request_seconds
        self.begun: dict[TConn, float] = {}

    def handle(self, conn: TConn) -> Any:
        """Handle one request, as gunicorn does, and note when it began."""
        self.begun[conn] = time.monotonic()
        try:
            return super().handle(conn)
        finally:
            self.begun.pop(conn, None)

    def notify(self) -> None:
        """Called once a second: tell the parent that this worker lives, and hang up where the time is over."""
        super().notify()
        late = time.monotonic() - self.request_seconds
        for conn, begun in list(self.begun.items()):
            if begun < late:
                with contextlib.suppress(OSError):  # the client was faster
                    conn.sock.shutdown(socket.SHUT_RDWR)

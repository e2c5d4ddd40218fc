"""One small request at a time: a worker's threads are there to wait for clients, not for each other.

Python runs one thread at a time anyhow. But numpy lets go of the interpreter in each of its many short calls, another
thread takes it, and the first one waits until that has finished its own request: with eight busy threads a price took
several times as long. So a request that was received computes to its end before the next one begins. Most small ones
come whole and see no thread at all (worker.py); this is for the larger among them, and those that come in pieces.
"""

from __future__ import annotations

import threading

from flask import Flask, g, request

# A larger one computes for long, and must not hold up the others, nor the answer to whether the process is alive.
SMALL_BYTES = 16_384

_turn = threading.Lock()


def take(app: Flask) -> None:
    """Let small requests with a body, once it was received, wait for their turn."""
    app.before_request(_begin)
    app.teardown_request(_end)


def _begin() -> None:
    if request.method == "POST" and 0 < (request.content_length or 0) <= SMALL_BYTES:
        _turn.acquire()
        g.has_turn = True


def _end(_error: BaseException | None) -> None:
    if g.pop("has_turn", False):
        _turn.release()

"""One of gunicorn's processes: an event loop that waits for all clients, and threads for what takes long to compute."""

import asyncio
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from gunicorn.workers import base

from app.server.connection import Connection
from app.server.gateway import Request, answer, environ_of
from app.settings import read_settings
from app.watching import metrics

LOOK_SECONDS = 0.5
MOST_CONNECTIONS = 900  # below the usual limit of 1024 open files
LARGE_BODIES = 8  # the room of so many is what the clients of a process may take together
SHORT_BYTES = 16_384


class Worker(base.Worker):
    """Answers small requests in its event loop, since to hand one to a thread takes longer than to answer it.

    A thread computes what has a longer body, and another one what has a shorter body, so that pages never wait for
    10,000 prices. More threads would not help: Python computes one thing at a time, and they would take turns within
    each of numpy's many short calls.

    connections: the open ones; held: the bytes that are in memory for them.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        settings = read_settings()
        self.seconds, self.most_bytes = settings.request_seconds, settings.max_body_bytes
        self.short, self.long = ThreadPoolExecutor(1), ThreadPoolExecutor(settings.threads)
        self.for_metrics = ThreadPoolExecutor(1)  # which are asked for when there is a crowd, and must not wait in it
        self.connections: set[Connection] = set()
        self.held, self.is_making_room = 0, False

    def run(self) -> None:
        """Serve until the parent says that it is enough, or is gone."""
        # The loop lets go of the interpreter in each of its many short calls. A thread that computes gives it back
        # after this time and not after the usual 5 ms, which come to seconds for some hundred clients.
        sys.setswitchinterval(0.0001)
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.loop, servers = asyncio.get_running_loop(), []
        for sock in self.sockets:
            # takes one client at a time, so that the workers share them
            servers.append(await self.loop.create_server(lambda: Connection(self), sock=sock, backlog=1))
            sock.listen(self.cfg.backlog)
        while self.alive and self.ppid == os.getppid():
            self._look()
            await asyncio.sleep(LOOK_SECONDS)
        self.alive = False
        for server in servers:
            server.close()
        patience = time.monotonic() + self.cfg.graceful_timeout - 3 * LOOK_SECONDS
        while self.connections and time.monotonic() < patience:
            self._look()
            await asyncio.sleep(LOOK_SECONDS / 10)
        for each in list(self.connections):
            each.cut_off("the server stops")
        await asyncio.sleep(LOOK_SECONDS)  # for those to be told
        for each in list(self.connections):
            each.transport.abort()
        await asyncio.sleep(LOOK_SECONDS / 10)

    def _look(self) -> None:
        """Tell the parent that this process lives, and give up who takes too long."""
        self.notify()
        metrics.tell_process()
        self._tell_in_flight()
        now = time.monotonic()
        for each in list(self.connections):
            if now - each.since > (self.seconds if each.requests else self.cfg.keepalive * self.alive):
                each.cut_off(f"it took longer than {self.seconds} seconds")

    def _tell_in_flight(self) -> None:
        metrics.tell_in_flight(sum(bool(each.requests) for each in self.connections))

    def make_room(self) -> None:
        """Cut off who takes longest, where there are too many clients, or they have sent or not read too much."""
        too_much = len(self.connections) > MOST_CONNECTIONS or self.held > LARGE_BODIES * self.most_bytes
        if too_much and not self.is_making_room:
            self.is_making_room = True
            self.loop.call_soon(self._cut_off_some)  # not at once: it is one of them that calls

    def _cut_off_some(self) -> None:
        self.is_making_room = False
        clients = [each for each in self.connections if not each.transport.is_closing()]
        too_many = len(clients) - MOST_CONNECTIONS
        for each in sorted(clients, key=lambda each: each.since):
            if each.is_asking:
                continue  # the app is at it: nothing would come free
            if too_many > 0:
                too_many -= 1
                each.cut_off("there are too many clients")
                each.transport.close()
            elif each.held and self.held > LARGE_BODIES * self.most_bytes:
                each.cut_off("all clients together need more room than there is; ask again")

    def ask(self, connection: Connection, request: Request) -> None:
        """Have a request answered: at once, or by a thread."""
        request.is_asked, request.keep = True, request.keep and self.alive
        environ = environ_of(request, connection.peer, connection.own)
        if request.refusal or request.is_quick:
            connection.answered(request, answer(self.wsgi, environ, keep=request.keep))
            return

        self._tell_in_flight()  # it may be /metrics

        def work() -> None:
            sent, taken = answer(self.wsgi, environ, keep=request.keep), threading.Event()

            def take() -> None:
                connection.answered(request, sent)
                taken.set()

            with suppress(RuntimeError):  # the loop has ended before
                self.loop.call_soon_threadsafe(take)
                taken.wait(LOOK_SECONDS)  # or the next ones would pile up, and the loop find no time for them

        pool = self.short if len(request.body) <= SHORT_BYTES else self.long
        (self.for_metrics if request.target == b"/metrics" else pool).submit(work)

"""One client's connection: what it sends becomes whole requests, one after another, and each gets its answer.

What the bytes mean is for httptools to say, which is strict. Nothing here waits for a client, neither for the rest of
what it sends nor until it has read: so slow ones hold nobody up.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import httptools

from app.problems import Problem, too_large
from app.server.gateway import HEAD_BYTES, TOO_LONG, Request, head_fault
from app.watching.access import tell_broken_off

if TYPE_CHECKING:
    from app.server.worker import Worker

LINE_BYTES, HEADERS = 8190, 100
PIECE_BYTES, HEAD_PIECE_BYTES = 16_384, 2048  # looked at in one go, in a body and else: many requests may come together
REQUEST_BYTES = 1000  # that one takes in memory, beside its body
SURE_BYTES = 16_384  # of an answer, which the system takes: who has it finds it in the log
UNREAD_BYTES = 65_536  # what a client may still send after its last answer
# A body of smaller chunks, on the average, would take more time to put together than anybody needs.
CHUNK_BYTES, FREE_CHUNKS = 64, 10_000
FRAMING = (b"content-length", b"transfer-encoding")
HUNG_UP = "the client hung up"


class Connection(asyncio.Protocol):
    """What asyncio, httptools (on_...) and the worker call, in turn.

    requests: those that are not answered yet, the oldest first; coming: the last of them, while it is received.
    unread: what came and was not looked at; held: the bytes in memory for this client.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker, self.parser = worker, httptools.HttpRequestParser(self)
        self.requests: list[Request] = []
        self.coming: Request | None = None
        self.unread, self.held, self.head_bytes, self.idle_since = b"", 0, 0, time.monotonic()
        self.is_sending = self.is_last = self.has_ended = self.is_parting = self.is_lost = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        # a client that is gone already has no address any more
        self.peer, self.own = (transport.get_extra_info(name) or ("", 0) for name in ("peername", "sockname"))
        transport.set_write_buffer_limits(high=0)  # to be told when all of an answer is on its way
        self.worker.connections.add(self)
        self.worker.make_room()

    def data_received(self, data: bytes) -> None:
        self.unread += data
        if not self.is_parting:
            self._go_on()
        elif len(self.unread) > UNREAD_BYTES:
            self.transport.abort()
        if self.requests or self.held:
            self._hold()

    def eof_received(self) -> bool:
        """Return whether to stay open: who sends no more may still be waiting for its answer."""
        self.has_ended = True
        self._give_up([self.coming] if self.coming else [])
        return bool(self.requests) and not self.is_parting

    def resume_writing(self) -> None:
        """Called when everything was sent that was written."""
        if self.is_sending:
            self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self.worker.connections.discard(self)
        self._give_up([request for request in self.requests if not request.is_asked])
        self.is_lost, self.is_last, self.unread = True, True, b""
        if self.is_sending:
            self._end(HUNG_UP)
        self._hold()

    def _give_up(self, unasked: list[Request]) -> None:
        """Tell of the last requests, which nobody waits for: the app is not asked."""
        for request in unasked:
            tell_broken_off(request, self.peer[0], HUNG_UP if self.worker.alive else "the server stops")
        self.requests, self.coming = self.requests[: len(self.requests) - len(unasked)], None

    def on_message_begin(self) -> None:
        if not self.is_last and not self.coming:
            self.coming, self.head_bytes = Request(target=b""), 0
            self.requests.append(self.coming)

    def on_url(self, part: bytes) -> None:
        if self.coming and not self.coming.is_headed:
            self.coming.target += part
            if len(self.coming.target) > LINE_BYTES:
                self._refuse(Problem(414, "The address is too long", f"expected at most {LINE_BYTES:,} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.coming and not self.coming.is_headed:  # else it is a trailer, after chunks
            self.coming.headers.append((name, value))
            if len(self.coming.headers) > HEADERS:
                self._refuse(Problem(431, "There are too many headers", f"expected at most {HEADERS}"))

    def on_headers_complete(self) -> None:
        """See whether the body may come."""
        if not (request := self.coming) or request.is_headed:
            return
        request.method, request.version = self.parser.get_method().decode(), self.parser.get_http_version()
        request.is_headed = True
        if fault := head_fault(request, self.worker.most_bytes):
            self._refuse(fault)
        request.waits = bool(request.header(b"expect")) and request.version == "1.1"

    def on_body(self, part: bytes) -> None:
        if request := self.coming:
            request.body += part
            request.parts, request.waits, self.head_bytes = request.parts + 1, False, 0
            if len(request.body) > self.worker.most_bytes:
                self._refuse(too_large(self.worker.most_bytes))
            elif request.parts > FREE_CHUNKS + len(request.body) // CHUNK_BYTES:
                self._refuse(Problem(400, "The body cannot be read", "its chunks are too small; send larger ones"))

    def on_message_complete(self) -> None:
        if self.coming and not self.parser.should_upgrade():
            self.coming.is_whole, self.coming.keep = True, self.parser.should_keep_alive()
            self.is_last, self.coming = not self.coming.keep, None

    def _refuse(self, problem: Problem) -> None:
        """Let the app tell the client what is wrong with its request, the last that is looked at."""
        if not self.is_last:
            request = self.requests.pop() if self.coming else Request()
            self.requests.append(replace(request, refusal=problem, body=bytearray(), is_whole=True, keep=False))
            self.coming, self.is_last = None, True

    def _go_on(self) -> None:
        """Read to the end of a request, and let it be answered."""
        while self._may_come():
            self._read()
        if self.is_last:
            self.unread = b""
        if self.requests:
            self._serve(self.requests[0])
        (self.transport.pause_reading if self.unread else self.transport.resume_reading)()

    def _may_come(self) -> bool:
        """Whether what came unread belongs to the oldest request, or begins it."""
        return bool(self.unread) and not self.is_last and (not self.requests or self.coming is self.requests[0])

    def _serve(self, oldest: Request) -> None:
        if oldest.is_whole and not oldest.is_asked:
            self.worker.ask(self, oldest)
        elif oldest.waits and not oldest.is_whole:
            oldest.waits = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read(self) -> None:
        size = PIECE_BYTES if self.coming and self.coming.is_headed else HEAD_PIECE_BYTES
        piece, self.unread = self.unread[:size], self.unread[size:]
        self.head_bytes += len(piece)  # back to 0 where a request or a part of a body begins, but not by trailers
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without(piece[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(Problem(400, "The request cannot be read", str(error)))
        if self.coming and self.head_bytes > HEAD_BYTES:
            self._refuse(Problem(*TOO_LONG))

    def _go_on_without(self, rest: bytes) -> None:
        """Receive the body of a request that asked for another protocol, as if it had not; the parser would stop."""
        if not self.coming:
            return
        framing = [(name, value) for name, value in self.coming.headers if name.lower() in FRAMING]
        head = b"".join(b"%b: %b\r\n" % header for header in framing)
        self.parser, self.unread = httptools.HttpRequestParser(self), rest + self.unread
        self.parser.feed_data(b"POST / HTTP/1.1\r\nConnection: close\r\n%b\r\n" % head)

    def answered(self, request: Request, answer: bytes) -> None:
        """Send an answer, unless the request was cut off meanwhile."""
        if self.requests and self.requests[0] is request and self.is_lost:
            self._end(HUNG_UP)
        elif self.requests and self.requests[0] is request:
            if len(answer) <= SURE_BYTES:
                request.tell()
            self.transport.write(answer)
            self.is_sending = True
            if not self.transport.get_write_buffer_size():
                self._end()
            else:
                self._hold()

    def _end(self, cut_off: str = "") -> None:
        """Go on with the next request, or part where none may come."""
        self.is_sending, self.idle_since = False, time.monotonic()
        request = self.requests.pop(0)
        request.tell(cut_off)
        if not request.keep or (self.has_ended and not self.requests):
            self._part()
        elif self.requests or self.unread:
            self.worker.loop.call_soon(self._go_on)
        if self.held:
            self._hold()

    def _part(self) -> None:
        """Read what the client still sends, until it closes too: closing first could cut off its answer."""
        self.is_parting, self.unread = True, b""
        if self.has_ended or not self.worker.alive:
            self.transport.close()
        else:
            with suppress(OSError):  # the client was faster
                self.transport.write_eof()
            self.transport.resume_reading()

    def cut_off(self, reason: str) -> None:
        """Give a client up: with an answer that says so, unless it got a part of another, or asked for nothing."""
        if self.is_sending:
            self.requests, self.coming = self.requests[:1], None
            self.transport.abort()
            self._end(reason)
        elif not self.requests or self.is_parting:
            self.transport.close()
        elif not self.requests[0].refusal:
            problem = Problem(503, "The request was cut off", reason)
            late = replace(self.requests[0], refusal=problem, cut_off=reason, body=bytearray(), later=[], keep=False)
            self.requests, self.coming, self.unread, self.is_last = [late], None, b"", True
            self.worker.ask(self, late)
        self._hold()

    @property
    def since(self) -> float:
        """When the oldest request began, or the last one ended."""
        return self.requests[0].begun if self.requests else self.idle_since

    @property
    def is_asking(self) -> bool:
        """Whether the app is at work on a request."""
        return bool(self.requests) and self.requests[0].is_asked and not self.is_sending

    def _hold(self) -> None:
        held = len(self.unread) + sum(len(request.body) + REQUEST_BYTES for request in self.requests)
        held += 0 if self.transport.is_closing() else self.transport.get_write_buffer_size()
        self.worker.held += held - self.held
        self.held = held
        self.worker.make_room()

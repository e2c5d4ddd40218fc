"""Small requests that have arrived whole: the worker's main loop answers them at once, and never waits for a client."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from app.worker import FEW, SMALL_BYTES, _has_read_its_answers, _is_small_and_whole
from modelbundle.contract import Contract
from tests.app.conftest import SECONDS
from tests.helpers.asking import ask, connected, head, rest_of, workers
from tests.helpers.serving import free_port, serving
from tests.modelbundle.conftest import COLUMNS, small_bundle, vouch, write_bundle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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


def held_up(port: int, stack: ExitStack) -> None:
    """Keep both threads of the server waiting."""
    for _ in range(2):
        stack.enter_context(connected(port, b"POST /predict HTTP/1.1\r\nHost: x\r\nX-Fo"))
    time.sleep(0.5)


@pytest.mark.run
def test_prices_need_no_thread(rude: int, records: list[dict[str, Any]]):
    with ExitStack() as stack:
        held_up(rude, stack)
        waited = [seconds_to_a_price(rude, few) for few in (*records[:5], records[:1], records[:FEW])]

    assert max(waited) < 1  # a thread would have been free after two seconds


@pytest.mark.run
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_need_no_thread(rude: int, path: str):
    with ExitStack() as stack:
        held_up(rude, stack)
        began = time.monotonic()
        status = ask(rude, path).status
        waited = time.monotonic() - began

    assert status == 200
    assert waited < 1


@pytest.mark.run
def test_one_connection_may_ask_again_and_again(rude: int, records: list[dict[str, Any]], prices: list[float]):
    found = []
    with ExitStack() as stack:
        held_up(rude, stack)
        client = stack.enter_context(connected(rude))
        time.sleep(0.1)  # until it is taken for one that says nothing
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


@pytest.mark.run
def test_a_body_may_look_like_a_request(rude: int, records: list[dict[str, Any]]):
    """And come when the header before it was read already, together with the request before that."""
    decoy = whole(records[0])
    begun = head("/predict", "Content-Length: 9000")
    before = whole(records[1], f"X-Padding: {'x' * (8192 - len(whole(records[1], 'X-Padding: ')) - len(begun))}")
    with connected(rude, before + begun + decoy):
        time.sleep(0.2)
        assert len(before + begun) == 8192  # what gunicorn reads at a time
        assert seconds_to_a_price(rude, records[1]) < 1


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
def test_what_only_looks_whole_is_left_to_the_threads(rude: int, records: list[dict[str, Any]], sent: Any):
    with connected(rude, sent(json.dumps(records[0]).encode())):
        time.sleep(0.2)
        assert seconds_to_a_price(rude, records[1]) < 1


@pytest.mark.run
@pytest.mark.parametrize("padding", [0, 1])
def test_small_ends_where_it_is_said_to(rude: int, records: list[dict[str, Any]], prices: list[float], padding: int):
    """The largest small one is answered beside threads that wait, and one byte more waits with them."""
    most = SMALL_BYTES - len(whole(records[0], "Connection: close", "X-Padding: "))
    sent = whole(records[0], "Connection: close", f"X-Padding: {'x' * (most + padding)}")
    with ExitStack() as stack:
        held_up(rude, stack)
        began = time.monotonic()
        client = stack.enter_context(connected(rude, sent))
        answer = rest_of(client)
        waited = time.monotonic() - began

    assert price_in(answer) == prices[0]
    assert len(sent) == SMALL_BYTES + padding
    assert (waited > SECONDS - 1) == bool(padding)


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


def test_an_answer_that_is_still_on_its_way_is_noticed():
    with socket.create_server(("127.0.0.1", 0)) as listener, deaf(listener.getsockname()[1]):
        conn = SimpleNamespace(sock=listener.accept()[0])
        with conn.sock:
            assert _has_read_its_answers(conn)

            conn.sock.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    conn.sock.send(bytes(65536))

            assert not _has_read_its_answers(conn)


@pytest.mark.run
def test_a_long_answer_to_a_small_request_that_nobody_reads_is_given_up(tmp_path: Path):
    """Here an empty record breaks the contract in thousands of ways, each with a long name."""
    long_names = {f"{number}{'x' * 300}": {"kind": "numeric", "required": True} for number in range(4000)}
    folder = write_bundle(tmp_path, small_bundle(Contract.model_validate({"columns": COLUMNS}), 9))
    (tmp_path / "current").write_text(vouch(folder, contract={"columns": COLUMNS | long_names}).name)
    port = free_port()
    with serving(tmp_path, port, WORKERS="1") as server, deaf(port) as client:
        (worker,) = workers(server)
        client.sendall(whole({}))
        time.sleep(0.1)
        began = time.monotonic()
        status = ask(port, "/healthz").status
        waited = time.monotonic() - began

        assert status == 200
        assert 0.5 < waited < 3  # less would mean that the buffers hold the answer
        assert workers(server) == [worker]


RECORD = b'{"Area": 3, "Zone": "RL"}'


def sent(body: bytes, *lines: str, length: int | None = None) -> bytes:
    return head("/predict", f"Content-Length: {len(body) if length is None else length}", *lines) + body


@pytest.mark.parametrize(
    "request_",
    [
        sent(RECORD),
        sent(b"[%b]" % RECORD),
        sent(b"[%b]" % b",".join([RECORD] * FEW)),
        sent(b"{}"),
        head("/healthz", method="GET"),
        head("/readyz", method="GET"),
    ],
)
def test_what_can_be_answered_at_once(request_: bytes):
    assert _is_small_and_whole(request_)


@pytest.mark.parametrize(
    "request_",
    [
        sent(b"[%b]" % b",".join([b"{}"] * (FEW + 1))),
        sent(b'{"instances": [{}]}'),
        sent(b'{"inputs": {"Area": [1, 2, 3]}}'),
        sent(b"Area\n1\n2\n"),
        sent(RECORD).replace(b"application/json", b"text/csv"),
        sent(RECORD, "Content-Type: text/csv"),
        sent(RECORD, "Content-Length: 3"),
        sent(RECORD, "Expect: 100-continue"),
        sent(RECORD, "Transfer-Encoding: chunked"),
        sent(RECORD, length=len(RECORD) + 1),
        sent(RECORD, length=len(RECORD) - 1),
        sent(RECORD, f"X-Padding: {'x' * SMALL_BYTES}"),
        sent(RECORD).replace(b"POST", b"PUT"),
        head("/metrics", method="GET"),
        head("/healthzz", method="GET"),
        head("/healthz", "Content-Length: 2", method="GET"),
        head("/healthz", method="GET") + head("/healthz", method="GET"),
        head("/healthz", method="GET")[:-2],
    ],
)  # fmt: skip
def test_what_is_left_to_the_threads(request_: bytes):
    """Its answer may be long, or more of it may be to come."""
    assert not _is_small_and_whole(request_)

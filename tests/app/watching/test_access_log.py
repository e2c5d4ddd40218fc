"""The access log: a line for every request, with its id, and without what was sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    pass

from tests.app.conftest import MOST_BYTES
from tests.helpers.asking import JSON, PROBLEM, ask, logged

pytestmark = pytest.mark.run

MARKER = "Zanzibar"  # stands in bodies and queries, and never in the log


def test_every_request_is_one_line_of_the_log_without_what_was_sent(
    rude: int, output: Path, records: list[dict[str, Any]]
):
    house = records[0]
    requests = [
        ("/predict", house | {"MSZoning": MARKER}, 200),
        ("/predict?partial=true", [house, house | {MARKER: 1}], 200),
        ("/predict", house | {"LotArea": MARKER}, 422),
        ("/predict", f'{{"{MARKER}": 1, "{MARKER}": 2}}'.encode(), 400),
        ("/invocations", {MARKER: 1}, 400),
        ("/invocations", MARKER, 400),
        (f"/predict?{MARKER}=true", house, 400),
        (f"/predict?partial={MARKER}", house, 400),
        (f"/absent?{MARKER}", None, 404),
        (f"/healthz?{MARKER}", None, 200),
        ("/metrics", b"x", 405),
    ]
    before = len(logged(output))
    replies = [ask(rude, path, body, **JSON) for path, body, _ in requests]
    lines = logged(output)[before:]

    assert [reply.status for reply in replies] == [status for *_, status in requests]
    for reply, line, (path, body, status) in zip(replies, lines, requests, strict=True):
        assert line["request_id"] == reply.headers["X-Request-ID"]
        assert (line["path"], line["status"]) == (path.partition("?")[0], status)
        assert line["method"] == ("GET" if body is None else "POST")
        assert line["bytes_out"] == len(reply.body)
        assert line["milliseconds"] >= 0
    assert MARKER not in output.read_text()


@pytest.mark.parametrize("sent", ["a", "0af7651916cd43dd-b7ad6b71.69:203_3", "x" * 128])
def test_a_sane_request_id_is_kept(rude: int, sent: str):
    assert ask(rude, "/healthz", X_Request_ID=sent).headers["X-Request-ID"] == sent


@pytest.mark.parametrize(
    "sent",
    ["", "x" * 129, "x" * 1000, "a b", "a\tb", "a%0Ab", 'a"b', "a\\nb", "{}", "\xe9", "a\x85b", "\u0660".encode()],
)
def test_an_odd_request_id_is_replaced(rude: int, sent: str | bytes):
    kept = ask(rude, "/healthz", X_Request_ID=sent).headers.get_all("X-Request-ID")

    assert len(kept) == 1
    assert re.fullmatch("[0-9a-f]{32}", kept[0])


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/absent", None, 404), ("/predict", None, 405), ("/predict", b"{", 400), ("/predict", [], 422),
     ("/predict", b" " * (MOST_BYTES + 1), 413)],
)  # fmt: skip
def test_a_problem_tells_its_request_id(rude: int, path: str, body: Any, status: int):
    reply = ask(rude, path, body, X_Request_ID=f"test-{status}", **JSON)

    assert (reply.status, reply.headers["Content-Type"]) == (status, PROBLEM)
    assert reply.json["request_id"] == reply.headers["X-Request-ID"] == f"test-{status}"

"""Bodies of every length, in chunks or not, on a real connection: whole and within the limits, or refused."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from app import create_app
from app.settings import Settings

if TYPE_CHECKING:
    pass

from tests.app.conftest import MOST_BYTES
from tests.helpers.asking import JSON, PROBLEM, Reply, ask, connected, head, rest_of

pytestmark = pytest.mark.run


def chunked(port: int, body: bytes, size: int) -> Reply:
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", "/predict", pieces, JSON, encode_chunked=True)
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())


def test_a_body_may_come_in_chunks(rude: int, records: list[dict[str, Any]], prices: list[float]):
    reply = chunked(rude, json.dumps(records[:20]).encode(), 100)

    assert [each["prediction"] for each in reply.json["predictions"]] == prices[:20]


def test_chunks_have_the_same_limit(rude: int):
    assert chunked(rude, b" " * (MOST_BYTES - 2) + b"[]", 10_000).status == 422

    reply = chunked(rude, b" " * (MOST_BYTES - 1) + b"[]", 10_000)
    assert (reply.status, reply.headers["Content-Type"]) == (413, PROBLEM)
    assert reply.json["detail"].startswith("expected at most 1,000,000 bytes")


@pytest.mark.parametrize("size", [MOST_BYTES + 1, 20 * MOST_BYTES])
def test_a_body_beyond_the_limit_is_refused_with_a_problem(rude: int, size: int):
    """Also where the client reads the answer only after it has sent everything."""
    reply = ask(rude, "/predict", b" " * size, **JSON)

    assert (reply.status, reply.headers["Content-Type"]) == (413, PROBLEM)
    assert ask(rude, "/predict", b" " * (MOST_BYTES - 2) + b"[]", **JSON).status == 422


def test_a_length_that_says_too_much_is_waited_for_and_then_refused(rude: int):
    with connected(rude, head("/predict", "Content-Length: 100") + b"[]") as client:
        client.shutdown(socket.SHUT_WR)
        answer = rest_of(client)

    assert not answer or answer.startswith(b"HTTP/1.1 400 ")


def test_a_length_that_says_too_little_cuts_the_body_and_the_connection(rude: int):
    with connected(rude, head("/predict", "Content-Length: 2") + b"[]GARBAGE\r\n\r\n") as client:
        answer = rest_of(client)

    assert answer.startswith(b"HTTP/1.1 422 ")
    assert answer.count(b"HTTP/1.1 ") == answer.count(b"HTTP/1.1 4")


def test_who_asks_before_sending_the_body_is_told_to_go_on(rude: int, records: list[dict[str, Any]]):
    body = json.dumps(records[0]).encode()
    with connected(rude, head("/predict", "Expect: 100-continue", f"Content-Length: {len(body)}")) as client:
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl here")
@pytest.mark.parametrize(("size", "status"), [(MOST_BYTES - 2, "422"), (5 * MOST_BYTES, "413")])
def test_curl_gets_its_answer_for_a_large_body(rude: int, tmp_path: Path, size: int, status: str):
    (tmp_path / "body").write_bytes(b" " * size + b"[]")
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "%{http_code} %{content_type}"]
    command += [
        "--data-binary",
        f"@{tmp_path / 'body'}",
        "-H",
        "Expect: 100-continue",
        "-H",
        "Content-Type: application/json",
    ]
    done = subprocess.run(
        [*command, "-o", os.devnull, f"http://127.0.0.1:{rude}/predict"], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == (f"{status} {PROBLEM}", "")


@pytest.mark.parametrize("form", ["array", "CSV", "records", "split", "instances", "inputs", "invocations' CSV"])
def test_more_records_than_allowed_are_refused(registry: Path, records: list[dict[str, Any]], form: str):
    client = create_app(Settings(models=registry, max_records=5)).test_client()

    def answer(many: int) -> Any:
        table = pd.DataFrame(records[:many])
        split = {"columns": list(table), "data": json.loads(table.to_json(orient="values"))}
        bodies = {
            "array": records[:many],
            "records": {"dataframe_records": records[:many]},
            "split": {"dataframe_split": split},
            "instances": {"instances": records[:many]},
            "inputs": {"inputs": {name: json.loads(table[name].to_json(orient="values")) for name in table}},
        }
        path = "/predict" if form in ("array", "CSV") else "/invocations"
        if form in bodies:
            return client.post(path, json=bodies[form])
        return client.post(path, data=table.to_csv(index=False), content_type="text/csv")

    assert answer(5).status_code == 200
    refused = answer(6)
    assert (refused.status_code, refused.mimetype) == (413, PROBLEM)
    assert "expected at most 5 records" in json.loads(refused.text)["detail"]

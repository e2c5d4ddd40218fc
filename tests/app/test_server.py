"""The server for real: load while workers die, exact counts, the log, rude clients, stopping, tampered bundles."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import psutil
import pytest

from app import create_app
from app.settings import Settings
from modelbundle.bundle import VERIFIED_FILES, load_bundle
from tests.conftest import ROOT
from tests.helpers.serving import environment, free_port, serving
from tests.modelbundle.conftest import rename, vouch
from tests.modelbundle.test_tampering import Trap, flip_last_byte

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Project

pytestmark = pytest.mark.run

JSON = {"Content-Type": "application/json"}
PROBLEM = "application/problem+json"
MOST_BYTES = 1_000_000
SECONDS = 2  # REQUEST_SECONDS of the server that rude clients meet
MARKER = "Zanzibar"  # stands in bodies and queries, and never in the log


@pytest.fixture(scope="module")
def registry(smoke: Project) -> Path:
    return smoke.folder / "runs/smoke/models"


@pytest.fixture(scope="module")
def records(smoke: Project) -> list[dict[str, Any]]:
    """Distinct houses without gaps."""
    table = pd.read_csv(smoke.folder / "data/house_prices.csv").drop(columns=["Id", "SalePrice"]).dropna()
    return json.loads(table.drop_duplicates().head(200).to_json(orient="records"))


@pytest.fixture(scope="module")
def prices(registry: Path, smoke: Project, records: list[dict[str, Any]]) -> list[float]:
    """What each house costs, by the pickle and without the app."""
    return [round(value, 2) for value in load_bundle(registry / smoke.version()).predict(records)]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server below writes."""
    return tmp_path_factory.mktemp("server") / "output"


@pytest.fixture(scope="module")
def rude(registry: Path, output: Path) -> Iterator[int]:
    """The port of a server of two threads that wait for two seconds; rude clients meet it."""
    port = free_port()
    limits = {"REQUEST_SECONDS": str(SECONDS), "MAX_BODY_BYTES": str(MOST_BYTES)}
    with serving(registry, port, output=output, WORKERS="1", THREADS="2", **limits):
        yield port


@pytest.fixture(scope="module")
def pair(registry: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server of two workers, which tests kill, and its port."""
    port = free_port()
    with serving(registry, port, WORKERS="2") as server:
        wait_for(lambda: len(workers(server)) == 2)
        yield server, port


@dataclass(frozen=True)
class Reply:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(port: int, path: str, body: Any = None, *, method: str = "", **headers: str) -> Reply:
    """Send a request on a connection of its own; a body that is not bytes is sent as JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None and not isinstance(body, bytes):
        body, named = json.dumps(body).encode(), JSON | named
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        with suppress(BrokenPipeError):  # refused before all of it was sent: the answer is there all the same
            connection.request(method or ("GET" if body is None else "POST"), path, body, named)
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())


def connected(port: int, sent: bytes = b"", timeout: float = 60) -> socket.socket:
    """A connection on which the bytes have been sent."""
    client = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    client.sendall(sent)
    return client


def rest_of(client: socket.socket) -> bytes:
    """What the server sends until it hangs up."""
    answer = b""
    try:
        while more := client.recv(65536):
            answer += more
    except ConnectionError:
        pass
    return answer


def workers(server: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(server.pid).children()


def wait_for(happened: Callable[[], Any], seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < limit, f"did not happen within {seconds} seconds"
        time.sleep(0.05)


# /metrics


def counts(port: int) -> dict[str, float]:
    """The samples of /metrics by name and labels."""
    answer = ask(port, "/metrics")
    assert answer.status == 200
    lines = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def about_predict(found: dict[str, float]) -> dict[str, float]:
    """The counts that asking for /metrics and waiting for the server do not change, and the time does not."""
    names = ("http_requests_total", "http_request_duration_seconds_count", "prediction_", "model_")
    return {
        name: value
        for name, value in found.items()
        if name.startswith(names) and not re.search(r'route="/(metrics|healthz)"', name)
    }


@contextmanager
def alone(worker: psutil.Process, server: subprocess.Popen[bytes]) -> Iterator[None]:
    """Hold all other workers, so that this one answers."""
    others = [other for other in workers(server) if other.pid != worker.pid]
    for other in others:
        other.suspend()
    try:
        yield
    finally:
        for other in others:
            other.resume()


def send_a_mix(port: int, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Some of every kind: 3 x 200 with 1 + 1 + 3 prices and one refusal, 2 x 422 with 3 refusals, 404, 405."""
    odd = {**records[1], "MSZoning": MARKER, "LotArea": 2_000_000.0, "OverallCond": None}
    faulty = records[2] | {"LotArea": "large"}
    replies = [
        ask(port, "/predict", records[0]),
        ask(port, "/predict", odd),
        ask(port, "/predict?partial=true", [*records[3:6], faulty]),
        ask(port, "/predict", [faulty, faulty]),
        ask(port, "/invocations", {"instances": [faulty]}),
        ask(port, "/absent"),
        ask(port, "/predict"),
    ]
    assert [reply.status for reply in replies] == [200, 200, 200, 422, 422, 404, 405]
    return [each for reply in replies[:3] for each in reply.json["predictions"] if "prediction" in each]


def test_the_counts_are_those_of_all_workers_whichever_answers(
    pair: tuple[subprocess.Popen[bytes], int], smoke: Project, records: list[dict[str, Any]]
):
    (server, port), priced = pair, []
    wait_for(lambda: len(workers(server)) == 2)
    before = about_predict(counts(port))
    first, second = workers(server)
    for worker in (first, second):
        with alone(worker, server):
            priced += send_a_mix(port, records)
    first.kill()
    wait_for(lambda: len({*workers(server)} - {first}) == 2)
    (third,) = {*workers(server)} - {first, second}
    with alone(third, server):
        priced += send_a_mix(port, records)
        by_third = about_predict(counts(port))
    by_any = [about_predict(counts(port)) for _ in range(20)]
    with alone(second, server):
        by_second = about_predict(counts(port))

    assert all(each == pytest.approx(by_third) for each in [*by_any, by_second])
    found = {name: value - before.get(name, 0) for name, value in by_third.items()}
    warnings = Counter(warning["kind"] for each in priced for warning in each["warnings"])
    assert set(warnings) == {"imputed", "unseen_category", "outside_training_range"}
    buckets = {name: value for name, value in found.items() if name.startswith("prediction_value_bucket")}
    routes = {("GET", "unknown"): {404: 1, 405: 1}, ("POST", "/predict"): {200: 3, 422: 1}}
    routes[("POST", "/invocations")] = {422: 1}
    expected = {
        f'http_requests_total{{method="{method}",route="{route}",status="{status}"}}': 3 * count
        for (method, route), statuses in routes.items()
        for status, count in statuses.items()
    }
    expected |= {
        f'http_request_duration_seconds_count{{method="{method}",route="{route}"}}': 3 * sum(statuses.values())
        for (method, route), statuses in routes.items()
    }
    expected |= {f'prediction_warnings_total{{kind="{kind}"}}': count for kind, count in warnings.items()}
    expected |= {
        'prediction_records_total{outcome="priced"}': 15,
        'prediction_records_total{outcome="refused"}': 12,
        "prediction_value_count": 15,
        "prediction_value_sum": sum(each["prediction"] for each in priced),
    }
    assert {name: value for name, value in found.items() if value and name not in buckets} == pytest.approx(expected)
    assert buckets['prediction_value_bucket{le="+Inf"}'] == 15
    assert (by_third["model_ready"], by_third[f'model_info{{name="smoke",version="{smoke.version()}"}}']) == (1, 1)


def test_clients_cannot_make_up_new_series(rude: int):
    for path, method in [("/absent", "GET"), ("/absent", "BREW"), ("/predict", "PUT"), ("/metrics", "GET")]:
        ask(rude, path, method=method)
    before = counts(rude)
    for number in range(50):
        ask(rude, f"/{os.urandom(8).hex()}/{number}?x={number}", method="GET" if number % 2 else f"BREW{number}")
        ask(rude, "/predict", method=f"BREW{number}")
    after = counts(rude)

    assert set(after) == set(before)
    unknown = {name: after[name] - before[name] for name in after if name.startswith("http_requests_total")}
    assert sum(unknown.values()) == 101  # with the request for `before`


# The access log


def logged(output: Path) -> list[dict[str, Any]]:
    """The log's lines: gunicorn's own go to standard error, and begin with a bracket."""
    return [json.loads(line) for line in output.read_text().splitlines() if line.startswith("{")]


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


# Rude clients


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    return "\r\n".join(
        [f"{method} {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *lines, "", ""]
    ).encode()


def half_a_header(port: int) -> socket.socket:
    return connected(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Fo")


def body_byte_by_byte(port: int) -> socket.socket:
    client = connected(port, head("/predict", "Content-Length: 1000"))

    def dribble() -> None:
        try:
            while True:
                client.sendall(b" ")
                time.sleep(0.1)
        except OSError:  # hung up, or the test is over
            pass

    threading.Thread(target=dribble).start()
    return client


def never_reading(port: int) -> socket.socket:
    """Ask for many answers at once, far more than the buffers between hold, and read none."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    body = b"[" + b",".join([b"{}"] * 9000) + b"]"
    client.sendall(head("/predict", f"Content-Length: {len(body)}") + body)
    return client


@pytest.mark.parametrize(
    "slow", [(half_a_header, body_byte_by_byte), (never_reading, never_reading)], ids=["sending", "reading"]
)
def test_slow_clients_are_hung_up_on_and_the_next_one_is_answered(rude: int, slow: tuple[Callable[[int], Any], ...]):
    with ExitStack() as stack:
        both = [stack.enter_context(client(rude)) for client in slow]
        time.sleep(0.5)  # until both threads are at it
        began = time.monotonic()
        status = ask(rude, "/healthz").status
        waited = time.monotonic() - began
        left = [rest_of(client) for client in both]

    assert status == 200
    assert SECONDS - 1 < waited < SECONDS + 3  # less would mean that nobody held the threads up
    assert not any(b"200 OK" in answer for answer in left)


def test_connections_that_say_nothing_hold_nobody_up(rude: int):
    """Browsers open some, to be quick later."""
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connected(rude))
        began = time.monotonic()
        status = ask(rude, "/healthz").status
        waited = time.monotonic() - began

    assert status == 200
    assert waited < 1


def test_clients_that_never_close_hold_nobody_up(rude: int):
    with ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(connected(rude, head("/healthz", "Connection: close", method="GET")))
            assert b"200 OK" in client.recv(4096)
        began = time.monotonic()
        status = ask(rude, "/healthz").status
        waited = time.monotonic() - began

    assert status == 200
    assert waited < 1


NONSENSE = {
    "random bytes": bytes(range(256)) * 4 + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another version": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "a giant line": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a giant header": head("/healthz", f"X-Giant: {'a' * 100_000}", method="GET"),
    "a thousand headers": head("/healthz", *[f"X-{number}: 1" for number in range(1000)], method="GET"),
    "a folded header": head("/healthz", "X-Request-ID: a\r\n b", method="GET"),
    "a line feed in a header": head("/healthz", "X-Request-ID: a\nX-Other: b", method="GET"),
    "a zero in a header": head("/healthz", "X-Request-ID: a\0b", method="GET"),
    "a negative length": head("/predict", "Content-Length: -1"),
    "no number as length": head("/predict", "Content-Length: 1_0"),
    "two lengths": head("/predict", "Content-Length: 2", "Content-Length: 3") + b"[]]",
    "a length and chunks": head("/predict", "Content-Length: 2", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "an unknown encoding": head("/predict", "Transfer-Encoding: zip") + b"[]",
    "no number as chunk": head("/predict", "Transfer-Encoding: chunked") + b"zz\r\n[]\r\n0\r\n\r\n",
    "a chunk too long": head("/predict", "Transfer-Encoding: chunked") + b"2\r\n[]]]\r\n0\r\n\r\n",
    "an unknown expectation": head("/predict", "Expect: miracles", "Content-Length: 2") + b"[]",
}  # fmt: skip


@pytest.mark.parametrize("sent", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_and_the_service_goes_on(rude: int, sent: bytes):
    with connected(rude) as client:
        try:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
        except OSError:  # it did not even listen to the end
            pass
        answer = rest_of(client)

    assert not answer or re.match(rb"HTTP/1\.1 (4\d\d|501) ", answer), answer[:200]
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert ask(rude, "/healthz").status == 200


# Bodies


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


# Starting and stopping


def metrics_folder(server: subprocess.Popen[bytes]) -> Path:
    """Where a worker counts: it has files open there."""
    names = [Path(file.path) for worker in workers(server) for file in worker.open_files()]
    (folder,) = {name.parent for name in names if name.name.startswith("counter_")}
    return folder


def test_a_stopping_server_answers_what_it_has_begun_and_cleans_up(
    registry: Path, rude: int, records: list[dict[str, Any]]
):
    port, body = free_port(), json.dumps(records[0]).encode()
    others = about_predict(counts(rude))
    with serving(registry, port, WORKERS="2") as server:
        ask(port, "/predict", records[:3])
        assert counts(port)['prediction_records_total{outcome="priced"}'] == 3
        folder = metrics_folder(server)
        begun = [connected(port, head("/predict", f"Content-Length: {len(body)}") + body[:50]) for _ in range(6)]
        idle = connected(port, head("/healthz", method="GET"))  # kept alive
        assert idle.recv(4096).startswith(b"HTTP/1.1 200 OK")
        time.sleep(0.3)  # until threads have taken them all up

        stopped = time.monotonic()
        server.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        for client in begun:
            client.sendall(body[50:])
        answers = []
        for client in begun:
            with client:
                answers.append(rest_of(client))
        with idle:
            assert server.wait(20) == 0
        took = time.monotonic() - stopped

    assert all(answer.startswith(b"HTTP/1.1 200 OK") for answer in answers)
    assert all(b'"prediction":' in answer for answer in answers)
    assert took < 6
    assert not folder.exists()
    assert about_predict(counts(rude)) == others  # two servers do not share their counts


def listens(port: int) -> bool:
    try:
        connected(port).close()
    except ConnectionError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "value"),
    [("WORKERS", "-1"), ("MAX_RECORDS", "0"), ("HOST", "no such host")],
)
def test_a_bad_setting_is_one_sentence_and_an_exit_code(registry: Path, name: str, value: str):
    done = subprocess.run(
        [sys.executable, "-m", "app"], cwd=ROOT, env=environment(registry, free_port()) | {name: value},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"make serve: .*{re.escape(value)}.*\n", done.stderr)
    assert name in done.stderr or name == "HOST"


# Tampered bundles


@pytest.fixture
def models(registry: Path, tmp_path: Path) -> Path:
    """A registry of one sound bundle, for a test to damage."""
    return Path(shutil.copytree(registry, tmp_path / "models"))


def current(models: Path) -> Path:
    return models / (models / "current").read_text().strip()


def publish(folder: Path) -> Path:
    (folder.parent / "current").write_text(folder.name)
    return folder


def set_trap(folder: Path, marker: Path) -> Path:
    """Put a pickle with a payload into the bundle."""
    (folder / "model.pkl").write_bytes(pickle.dumps(Trap(marker)))
    return folder


def other_versions(folder: Path) -> Path:
    versions = json.loads((folder / "manifest.json").read_bytes())["versions"]
    return publish(vouch(folder, versions=versions | {"scikit-learn": "0.1"}))


def removed(path: Path) -> Path:
    path.unlink()
    return path


TAMPERINGS = {
    **{f"a byte of {name}": (lambda folder, name=name: flip_last_byte(folder / name), name) for name in VERIFIED_FILES},
    **{f"no {name}": (lambda folder, name=name: removed(folder / name), name) for name in VERIFIED_FILES},
    "a byte of the manifest": (lambda folder: flip_last_byte(folder / "manifest.json"), "manifest.json"),
    "no manifest": (lambda folder: removed(folder / "manifest.json"), "manifest.json"),
    "a manifest that lies": (lambda folder: vouch(folder, metrics={}).rename(folder), "manifest.json"),
    "a manifest of nothing": (lambda folder: publish(rename(folder, b"{}")), "manifest.json"),
    "other versions": (other_versions, "model.pkl"),
    "the pickle alone": (lambda folder: folder, "model.pkl"),
}


@pytest.mark.parametrize("trap", [False, True], ids=["", "with a payload"])
@pytest.mark.parametrize(("tamper", "name"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_tampered_bundle_is_not_served_and_the_reason_is_told(
    models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, tamper: Any, name: str, trap: bool
):
    folder, marker = current(models), tmp_path / "unpickled"
    if trap or name == "model.pkl":
        set_trap(folder, marker)
    tamper(folder)

    with caplog.at_level("INFO", "app.access"):
        client = create_app(Settings(models=models)).test_client()

    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    detail = json.loads(answer.text)["detail"]
    assert (answer.status_code, answer.mimetype) == (503, PROBLEM)
    assert (name if not trap else str(current(models))) in detail
    assert detail in [json.loads(message).get("reason") for message in caplog.messages]
    for path in ("/predict", "/invocations"):
        assert client.post(path, json={}).status_code == 503
    assert client.get("/", headers={"Accept": "text/html"}).status_code == 503
    assert "model_ready 0.0" in client.get("/metrics").text
    assert not marker.exists()


def test_a_server_with_a_tampered_bundle_starts_and_says_why_it_is_not_ready(models: Path, tmp_path: Path):
    set_trap(current(models), tmp_path / "unpickled")
    output, port = tmp_path / "output", free_port()
    with serving(models, port, output=output, WORKERS="2"):
        ready = ask(port, "/readyz")
        statuses = [ask(port, path, body).status for path, body in [("/healthz", None), ("/predict", {}), ("/", None)]]
        found = counts(port)

    assert (ready.status, ready.headers["Content-Type"]) == (503, PROBLEM)
    assert f"{current(models) / 'model.pkl'} is not the file that manifest.json describes" in ready.json["detail"]
    assert statuses == [200, 503, 503]
    assert found["model_ready"] == 0
    (event,) = [line for line in logged(output) if line.get("event") == "not ready"]
    assert event["reason"] == ready.json["detail"]
    assert not (tmp_path / "unpickled").exists()


# A pinned version


def add_malicious(models: Path, marker: Path) -> Path:
    """Publish a second bundle, consistent in itself, whose pickle has a payload."""
    return publish(vouch(set_trap(Path(shutil.copytree(current(models), models / "copy")), marker)))


def test_a_pinned_version_is_served_whatever_current_names(models: Path, tmp_path: Path):
    pinned = current(models).name
    add_malicious(models, tmp_path / "unpickled")

    client = create_app(Settings(models=models, model_version=pinned)).test_client()

    assert client.get("/readyz").json == {"status": "ready", "version": pinned}
    assert not (tmp_path / "unpickled").exists()


def test_without_a_pin_the_same_bundle_is_unpickled(models: Path, tmp_path: Path):
    """Or the test above would prove nothing."""
    malicious = add_malicious(models, tmp_path / "unpickled")

    answer = create_app(Settings(models=models)).test_client().get("/readyz")

    assert str(malicious) in json.loads(answer.text)["detail"]
    assert (tmp_path / "unpickled").exists()


def test_a_pinned_version_that_is_missing_is_not_replaced_by_another(models: Path):
    for version in ("0" * 64, current(models).name[:63], "current", ".", ".."):
        answer = create_app(Settings(models=models, model_version=version)).test_client().get("/readyz")

        assert answer.status_code == 503
        assert f"version '{version}' is asked for" in json.loads(answer.text)["detail"]


def test_a_pinned_version_must_have_its_digest(models: Path, tmp_path: Path):
    pinned = current(models)
    vouch(set_trap(pinned, tmp_path / "unpickled")).rename(pinned)

    answer = create_app(Settings(models=models, model_version=pinned.name)).test_client().get("/readyz")

    assert answer.status_code == 503
    assert "manifest.json has the digest" in json.loads(answer.text)["detail"]
    assert not (tmp_path / "unpickled").exists()


# Isolation

ABSENT = ("training", "papermill", "matplotlib", "nbconvert", "IPython", "pytest")
LOOK = f"""
import importlib.util, sys
import app
assert not set(sys.modules) & set({ABSENT}), "loaded"
found = [name for name in {ABSENT} if importlib.util.find_spec(name)]
assert not found, found
"""


def apps_own_environment(folder: Path) -> str:
    """Make an environment of what the app needs; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = str(folder / "bin/python")
    command = [Path(sys.executable).with_name("uv"), "pip", "install", "--quiet", "--python", python]
    done = subprocess.run(
        [*command, "--require-hashes", "-r", ROOT / "requirements/app.txt"], capture_output=True, text=True, check=False
    )
    if "Failed to fetch" in done.stderr and "CI" not in os.environ:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    return python


@pytest.mark.slow
def test_the_app_runs_where_nothing_but_its_own_requirements_is_installed(
    registry: Path, records: list[dict[str, Any]], prices: list[float], tmp_path: Path
):
    python = apps_own_environment(tmp_path / "environment")
    alone_here, port = tmp_path / "srv", free_port()
    for source, name in [(ROOT / "app", "app"), (ROOT / "lib/modelbundle", "modelbundle"), (registry, "models")]:
        shutil.copytree(source, alone_here / name, ignore=shutil.ignore_patterns("__pycache__"))
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {"PORT": str(port)}

    subprocess.run([python, "-c", LOOK], cwd=alone_here, env=bare, check=True)
    with subprocess.Popen([python, "-m", "app"], cwd=alone_here, env=bare, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: listens(port) and ask(port, "/readyz").status == 200, 60)
            reply = ask(port, "/predict", records[0])
        finally:
            server.terminate()

    assert reply.json["predictions"][0]["prediction"] == prices[0]
    assert server.returncode == 0

"""The server starts or says why not, and stops when it is told to, with what it has begun."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.helpers.serving import environment, free_port, serving

if TYPE_CHECKING:
    pass

from tests.helpers.asking import about_predict, ask, connected, counts, head, rest_of, workers

pytestmark = pytest.mark.run


def metrics_folder(server: subprocess.Popen[bytes]) -> Path:
    """Where a worker counts: it has files open there."""
    names = [Path(file.path) for worker in workers(server) for file in worker.open_files()]
    (folder,) = {name.parent for name in names if name.name.startswith("counter_")}
    return folder


def test_a_stopping_server_answers_what_it_has_begun_and_cleans_up(
    registry: Path, rude: int, records: list[dict[str, Any]], tmp_path: Path
):
    port, body = free_port(), json.dumps(records[0]).encode()
    others = about_predict(counts(rude))
    with serving(registry, port, output=tmp_path / "output", WORKERS="2") as server:
        ask(port, "/predict", records[:3])
        found = counts(port)
        assert sum(found[name] for name in found if name.startswith('prediction_records_total{outcome="priced"')) == 3
        folder = metrics_folder(server)
        begun = [connected(port, head("/predict", f"Content-Length: {len(body)}") + body[:50]) for _ in range(6)]
        idle = connected(port, head("/healthz", method="GET"))  # kept alive
        assert idle.recv(4096).startswith(b"HTTP/1.1 200 OK")
        time.sleep(0.3)  # until all of them were read

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

    assert all(answer.startswith(b"HTTP/1.1 200 OK") for answer in answers)
    assert all(b'"prediction":' in answer for answer in answers)
    assert "SIGKILL" not in (tmp_path / "output").read_text()  # every worker ended by itself, before its grace was over
    assert not folder.exists()
    assert about_predict(counts(rude)) == others  # two servers do not share their counts


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

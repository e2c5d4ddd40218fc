"""Two workers under load while one is killed again and again: no wrong answer, and few lost requests."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from app import create_app
from app.settings import Settings
from tests.helpers.serving import free_port, serving

if TYPE_CHECKING:
    from tests.conftest import Project

pytestmark = pytest.mark.run

CLIENTS = 6
SECONDS = 60
KILL_EVERY_SECONDS = 5


@dataclass
class Tally:
    """What the clients saw."""

    answered: int = 0
    wrong: list[Any] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def workers_of(server: int) -> list[int]:
    """Process ids of a server's workers, oldest first."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return sorted(map(int, children))


def ask(port: int, prices: dict[str, float], until: float, tally: Tally, lock: threading.Lock, *, keep: bool) -> None:
    """Post the records in turn until the time is over; keep: over one connection, as long as it holds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    bodies = list(prices)
    number = 0
    while time.monotonic() < until:
        body = bodies[number % len(bodies)]
        number += 1
        try:
            connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            status, text = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            with lock:
                tally.lost.append(repr(error))
            connection.close()  # it connects again by itself
            continue
        seen = json.loads(text)["predictions"][0]["prediction"] if status == 200 else text
        with lock:
            tally.answered += 1
            if seen != prices[body]:
                tally.wrong.append((status, body, seen))
        if not keep:
            connection.close()
    connection.close()


@pytest.mark.slow
def test_a_killed_worker_takes_no_more_than_its_requests_in_flight_with_it(smoke: Project):
    registry = smoke.folder / "runs/smoke/models"
    table = pd.read_csv(smoke.folder / "data/house_prices.csv").drop(columns="SalePrice").head(200)
    client = create_app(Settings(models=registry)).test_client()
    prices = {
        body: client.post("/predict", data=body, content_type="application/json").json["predictions"][0]["prediction"]
        for body in (json.dumps(record) for record in json.loads(table.to_json(orient="records")))
    }
    port, tally, lock, kills = free_port(), Tally(), threading.Lock(), 0
    with serving(registry, port, WORKERS="2") as server:
        until = time.monotonic() + SECONDS
        clients = [
            threading.Thread(target=ask, args=(port, prices, until, tally, lock), kwargs={"keep": number % 2 == 0})
            for number in range(CLIENTS)
        ]
        for thread in clients:
            thread.start()
        for next_kill in range(KILL_EVERY_SECONDS, SECONDS - 1, KILL_EVERY_SECONDS):
            time.sleep(max(0, until - SECONDS + next_kill - time.monotonic()))
            before = tally.answered
            os.kill(workers_of(server.pid)[0], signal.SIGKILL)
            kills += 1
            patience = time.monotonic() + 10
            while tally.answered <= before + CLIENTS:
                assert time.monotonic() < patience, "the other worker does not answer"
                time.sleep(0.05)
        for thread in clients:
            thread.join()
        patience = time.monotonic() + 10
        while len(workers_of(server.pid)) < 2 and time.monotonic() < patience:
            time.sleep(0.05)
        recovered = workers_of(server.pid)

    assert kills == (SECONDS - 2) // KILL_EVERY_SECONDS
    assert tally.wrong == []
    assert len(tally.lost) <= kills * CLIENTS  # a client has one request in flight
    assert tally.answered > 20 * SECONDS
    assert len(recovered) == 2
    print(f"{tally.answered} answers, {kills} kills, {len(tally.lost)} lost")

"""One small request computes at a time; whatever is large, or only asks whether the process is alive, does not wait."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from app import create_app
from app.settings import Settings
from app.turns import SMALL_BYTES
from tests.helpers.registry import add

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask

RECORD = {"Zone": "RL", "Class": 60, "Area": 3.5}


class Slow:
    """A model that answers when it is told to, and notes how many ask it at the same time."""

    def __init__(self) -> None:
        self.go, self.asked = threading.Event(), threading.Semaphore(0)
        self.now, self.most, self.lock = 0, 0, threading.Lock()

    def predict(self, records: list[dict[str, Any]]) -> list[float]:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.asked.release()
        self.go.wait(20)
        with self.lock:
            self.now -= 1
        return [1.0] * len(records)


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    (tmp_path / "current").write_text(add(tmp_path, 9.0))
    return create_app(Settings(models=tmp_path))


@pytest.fixture
def slow(app: Flask) -> Iterator[Slow]:
    model, service = Slow(), app.extensions["service"]
    app.extensions["service"] = replace(service, bundle=replace(service.bundle, model=model.predict))
    yield model
    model.go.set()


def ask(app: Flask, body: Any) -> int:
    return app.test_client().post("/predict", json=body).status_code


def test_small_requests_compute_one_after_another(app: Flask, slow: Slow):
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, app, RECORD) for _ in range(4)]
        assert slow.asked.acquire(timeout=10)
        slow.go.set()

    assert [answer.result() for answer in answers] == [200] * 4
    assert slow.most == 1


def test_a_large_request_and_a_sign_of_life_wait_for_nobody(app: Flask, slow: Slow):
    many = [RECORD] * (SMALL_BYTES // 40)
    with ThreadPoolExecutor(2) as pool:
        small = pool.submit(ask, app, RECORD)
        assert slow.asked.acquire(timeout=10)
        assert app.test_client().get("/healthz").status_code == 200
        large = pool.submit(ask, app, many)
        assert slow.asked.acquire(timeout=10)  # while the small one still computes
        slow.go.set()

    assert (small.result(), large.result(), slow.most) == (200, 200, 2)


def test_a_request_that_fails_gives_its_turn_back(app: Flask, slow: Slow):
    slow.go.set()

    assert ask(app, {"Area": "big"}) == 422
    assert app.test_client().post("/predict", data=b"{", content_type="application/json").status_code == 400
    assert app.test_client().post("/nowhere", json=RECORD).status_code == 404
    assert ask(app, RECORD) == 200

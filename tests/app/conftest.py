"""Servers that tests ask: one that rude clients meet, and two workers that a test may kill."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from modelbundle.bundle import load_bundle
from tests.helpers.serving import free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Project

from tests.helpers.asking import wait_for, workers

MOST_BYTES = 1_000_000
SECONDS = 2  # REQUEST_SECONDS of the server that rude clients meet


@pytest.fixture(scope="session")
def registry(smoke: Project) -> Path:
    return smoke.folder / "runs/smoke/models"


@pytest.fixture(scope="session")
def records(smoke: Project) -> list[dict[str, Any]]:
    """Distinct houses without gaps."""
    table = pd.read_csv(smoke.folder / "data/house_prices.csv").drop(columns=["Id", "SalePrice"]).dropna()
    return json.loads(table.drop_duplicates().head(200).to_json(orient="records"))


@pytest.fixture(scope="session")
def prices(registry: Path, smoke: Project, records: list[dict[str, Any]]) -> list[float]:
    """What each house costs, by the pickle and without the app."""
    return [round(value, 2) for value in load_bundle(registry / smoke.version()).predict(records)]


@pytest.fixture(scope="session")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server below writes."""
    return tmp_path_factory.mktemp("server") / "output"


@pytest.fixture(scope="session")
def rude(registry: Path, output: Path) -> Iterator[int]:
    """The port of a server of two threads that wait for two seconds; rude clients meet it."""
    port = free_port()
    limits = {"REQUEST_SECONDS": str(SECONDS), "MAX_BODY_BYTES": str(MOST_BYTES)}
    with serving(registry, port, output=output, WORKERS="1", THREADS="2", **limits):
        yield port


@pytest.fixture(scope="session")
def pair(registry: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server of two workers, which tests kill, and its port."""
    port = free_port()
    with serving(registry, port, WORKERS="2") as server:
        wait_for(lambda: len(workers(server)) == 2)
        yield server, port

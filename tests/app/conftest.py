"""What tests ask: small bundles without a server, one that rude clients meet, and two workers that a test may kill."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from app import create_app
from app.programs.service import load_service
from app.settings import Settings
from modelbundle.bundle import current_folder, load_bundle
from tests.helpers.serving import free_port, serving
from tests.modelbundle.conftest import vouch, write_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from app.programs.service import Service
    from tests.conftest import Project

from tests.helpers.asking import wait_for, workers

MOST_BYTES = 1_000_000
SECONDS = 2  # REQUEST_SECONDS of the server that rude clients meet


def publish(registry: Path, files: dict[str, bytes], **changes: Any) -> Service:
    folder = vouch(write_bundle(registry, files), **changes)
    (registry / "current").write_text(folder.name)
    return load_service(registry)


def client_of(service: Service) -> FlaskClient:
    app = create_app(Settings(models=service.bundle.folder.parent))
    app.extensions["service"] = service
    return app.test_client()


def explaining(registry: Path, folder: Path) -> Path:
    """Copy a registry; the bundle that it serves is given the contract's example as what is typical."""
    served = load_bundle(current_folder(registry))
    copy = shutil.copytree(served.folder, folder / served.version)
    vouched = vouch(copy, typical={"scale": "log", "record": served.contract.example()})
    (folder / "current").write_text(vouched.name)
    return folder


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
    return [round(value, 2) for value in load_bundle(registry / "bundles" / smoke.version()).predict(records)]


@pytest.fixture(scope="session")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server below writes."""
    return tmp_path_factory.mktemp("server") / "output"


@pytest.fixture(scope="session")
def rude(registry: Path, output: Path) -> Iterator[int]:
    """The port of a server of one worker that gives its clients two seconds; rude ones meet it."""
    port = free_port()
    limits = {"REQUEST_SECONDS": str(SECONDS), "MAX_BODY_BYTES": str(MOST_BYTES)}
    with serving(registry, port, output=output, WORKERS="1", **limits):
        yield port


@pytest.fixture(scope="session")
def pair(registry: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server of two workers, which tests kill, and its port."""
    port = free_port()
    with serving(registry, port, WORKERS="2") as server:
        wait_for(lambda: len(workers(server)) == 2)
        yield server, port

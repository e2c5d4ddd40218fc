"""A registry of small bundles that a test changes as publishing does, and all that each of them answers."""

from __future__ import annotations

import json
import pickle
from functools import cache
from typing import TYPE_CHECKING, Any

from app import create_app
from app.settings import Settings
from modelbundle.contract import Contract
from tests.modelbundle.conftest import COLUMNS, small_bundle, vouch, write_bundle
from training.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

RECORD = {"Zone": "RM", "Class": 60, "Area": 7}
TYPICAL = {"scale": "linear", "record": {"Zone": "RL", "Class": "20", "Area": 3.0}}
Request = tuple[str, str, bytes, str]  # method, path, body, kind of body and answer
Seen = tuple[int, str | None, bytes]  # status, version in the header, body
REQUESTS: list[Request] = [
    ("POST", "/predict?explain=true", json.dumps([RECORD, RECORD | {"Area": 3}]).encode(), "application/json"),
    ("POST", "/predict", b"Zone,Class,Area\nRM,60,7\nRL,20,5000\n", "text/csv"),
    ("POST", "/invocations", json.dumps({"instances": [RECORD]}).encode(), "application/json"),
    ("POST", "/", b"Zone=RM&Class=60&Area=7", "application/x-www-form-urlencoded"),
    ("POST", "/table", b"", "application/x-www-form-urlencoded"),  # refused, on the page with the form
    ("GET", "/model", b"", "application/json"),
    ("GET", "/openapi.json", b"", "application/json"),
    ("GET", "/docs", b"", "text/html"),
]


@cache
def files_of(added: float) -> dict[str, bytes]:
    """The files of the bundle that adds so much, made once for all tests."""
    return small_bundle(Contract.model_validate({"columns": COLUMNS}), added)


def add(models: Path, added: float, **changes: Any) -> str:
    """Put a bundle into the registry whose prices are the area and what is added to it; returns its version.

    Its intervals tell it apart too, and it explains its prices.
    """
    intervals = {"level": 0.9, "scale": "linear", "at": [0.0], "below": [added], "above": [added]}
    folder = write_bundle(models, files_of(added))
    return vouch(folder, **({"intervals": intervals, "typical": TYPICAL} | changes)).name


def damaged(models: Path, version: str) -> str:
    """Change one bit of a bundle's pickle: it can be loaded, and gives other prices. Done twice, it is mended."""
    path = models / version / "model.pkl"
    data = path.read_bytes()
    mean = pickle.loads(data)["model"].transformer_["standardise"].mean_.tobytes()
    assert data.count(mean) == 1
    path.write_bytes(data.replace(mean, bytes(byte ^ (1 if place == 6 else 0) for place, byte in enumerate(mean))))
    return version


def point(models: Path, version: str) -> None:
    """Make a version the current one."""
    write_atomically(models / "current", f"{version}\n".encode())


def headers(request: Request) -> dict[str, str]:
    *_, kind = request
    accept = "text/html" if "form" in kind else kind
    return {"Content-Type": kind, "Accept": accept, "Host": "localhost"}  # /docs shows the host


def ask(app: Flask, request: Request) -> Seen:
    """What the app answers, without a server."""
    method, path, body, _ = request
    reply = app.test_client().open(path, method=method, data=body, headers=headers(request))
    return reply.status_code, reply.headers.get("Model-Version"), reply.data


def alone_it_answers(models: Path, version: str) -> dict[Request, Seen]:
    """What an app answers that never served anything else."""
    app = create_app(Settings(models=models, model_version=version))
    return {request: ask(app, request) for request in REQUESTS}

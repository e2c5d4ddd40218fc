"""Stores on a folder and on S3, and bundles small enough to be made for each test."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

from modelbundle.digests import canonical_json, digest_bytes
from registry.bundles import register
from registry.channels import Draft, promote
from registry.problems import RegistryProblem
from registry.records import Record
from registry.stores import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ME = "Ada <ada@example.org>"
DATA = "d" * 64


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """A stand-in for S3; it holds conditions on writes as S3 does."""
    moto = pytest.importorskip("moto.server", reason="S3 is tried in delivery's environment: make delivery-test")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_settings(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """What boto3 reads of the environment: the stand-in's address, and nobody's own credentials."""
    settings = {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "no config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no credentials"),
    }  # fmt: skip
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return endpoint


@pytest.fixture
def bucket(s3_settings: str) -> str:
    name = f"models-{uuid.uuid4().hex[:12]}"
    with urlopen(Request(f"{s3_settings}/{name}", method="PUT")):  # a client of boto3's own takes longer
        return name


@pytest.fixture(params=["folder", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store lies, that can be read."""
    if request.param == "s3":
        return f"s3://{request.getfixturevalue('bucket')}/house/prices"
    (tmp_path / "store").mkdir()
    return str(tmp_path / "store")


@pytest.fixture
def store(address: str) -> Store:
    return open_store(address)


def write_bundle(folder: Path, added: float = 0, name: str = "house_prices", **manifest: Any) -> Path:
    """Write what the job drafts, as far as a registry looks at it; bundles of other `added` have other versions."""
    files = {"model.pkl": f"adds {added}".encode() * 100, "golden.json": canonical_json({"added": added})}
    told = {name: {"sha256": digest_bytes(data), "size": len(data)} for name, data in files.items()}
    files["manifest.json"] = canonical_json({"name": name, "data": {"sha256": DATA}, "files": told} | manifest)
    report = f"<p>adds {added}</p>".encode()
    files["reports/04_compare.html"] = report
    files["run.json"] = canonical_json({"commit": "c0ffee", "reports": {"04_compare.html": digest_bytes(report)}})
    for file, data in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(data)
    return folder


@pytest.fixture
def add(store: Store, tmp_path: Path) -> Callable[..., str]:
    """Register a bundle; returns its version."""

    def add(added: float = 0, **about: Any) -> str:
        return register(store, write_bundle(tmp_path / f"draft-{uuid.uuid4().hex}", added, **about))

    return add


@pytest.fixture
def serve(store: Store, add: Callable[..., str]) -> Callable[..., Record]:
    """Register a bundle and promote it; returns the record."""

    def serve(added: float = 0, channel: str = "staging", **draft: Any) -> Record:
        return promote(store, channel, Draft(add(added), ME, **draft))

    return serve


def refusal(act: Callable[..., Any], *arguments: Any, **more: Any) -> str:
    """What the refusal of something says, which is one line."""
    with pytest.raises(RegistryProblem) as refused:
        act(*arguments, **more)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def altered(store: Store, key: str, **changes: Any) -> None:
    """Change what a JSON file of a store says, and write it as records are written."""
    store.replace(key, canonical_json(json.loads(store.read(key)) | changes))

"""Bundles that were tampered with are not served, and a pinned version is served alone."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app import create_app
from app.settings import Settings
from modelbundle.bundle import VERIFIED_FILES, current_folder
from registry.channels import write_current
from registry.records import bytes_of, digest_of, key_of, newest
from registry.stores_folder import Folder
from tests.helpers.serving import free_port, serving
from tests.modelbundle.conftest import rename, vouch, without_plan
from tests.modelbundle.test_tampering import Trap, flip_last_byte

if TYPE_CHECKING:
    pass

from tests.helpers.asking import PROBLEM, ask, counts, logged

pytestmark = pytest.mark.run


@pytest.fixture(params=["channels", "the old layout"])
def models(registry: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A registry of one sound bundle, for a test to damage."""
    models = tmp_path / "models"
    if request.param == "channels":
        return Path(shutil.copytree(registry, models))
    served = current_folder(registry)
    shutil.copytree(served, models / served.name)
    (models / "current").write_text(served.name)
    return models


def current(models: Path) -> Path:
    return current_folder(models)


def publish(folder: Path) -> Path:
    """Name it as what is to be served, as somebody does who can write to the registry and holds no gate."""
    if folder.parent.name != "bundles":
        (folder.parent / "current").write_text(folder.name)
        return folder
    store = Folder(folder.parents[1])
    last = newest(store, "local")
    changes = {"version": folder.name, "number": last.number + 1, "before": digest_of(last)}
    record = last.model_copy(update=changes)
    store.create(key_of("local", record.number), bytes_of(record))
    write_current(store, "local")
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

    with caplog.at_level("INFO", "app.watching.access"):
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
    """Publish a second bundle, consistent in itself, whose pickle has a payload, and no plan in its place."""
    served = current(models)
    copy = without_plan(Path(shutil.copytree(served, served.with_name("copy"))))
    return publish(vouch(set_trap(copy, marker)))


def test_a_pinned_version_is_served_whatever_current_names(models: Path, tmp_path: Path):
    pinned = current(models).name
    add_malicious(models, tmp_path / "unpickled")

    client = create_app(Settings(models=models, model_version=pinned)).test_client()

    assert client.get("/readyz").json == {"status": "ready", "version": pinned}
    assert not (tmp_path / "unpickled").exists()


def test_without_a_pin_the_same_bundle_is_unpickled(models: Path, tmp_path: Path):
    """Or the test above would prove nothing."""
    malicious = add_malicious(models, tmp_path / "unpickled")

    answer = json.loads(create_app(Settings(models=models)).test_client().get("/readyz").text)

    reason = answer["refused"]["reason"] if (models / "channels").is_dir() else answer["detail"]
    assert str(malicious) in reason
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

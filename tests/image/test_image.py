"""What the image does when it runs as in production: read-only, without capabilities, as a user that is nobody."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.helpers.server import serving_file
from tests.image.conftest import IMAGE, Container, broken_image, build, docker, inspect, running, wait_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.image

MOST_MB = 400  # on top of the base


def test_it_answers_the_golden_prices_from_outside(service: Container, manifest: dict[str, Any]):
    golden = manifest["golden"]["requests"]

    status, body = service.ask("/predict", [request["record"] for request in golden])
    answer = json.loads(body)

    assert status == 200
    assert answer["version"] == manifest["version"]
    for got, request in zip(answer["predictions"], golden, strict=True):
        assert got["prediction"] == pytest.approx(request["prediction"], abs=0.01)


@pytest.mark.parametrize("path", ["/", "/report", "/docs", "/static/pages.css", "/openapi.json", "/metrics", "/model"])
def test_pages_and_programs_are_answered(service: Container, path: str):
    assert service.ask(path)[0] == 200


def test_it_becomes_healthy(service: Container):
    wait_for(lambda: service.health() == "healthy", 40, "healthy")


def test_every_process_in_it_is_nobody_and_may_nothing(service: Container):
    text = "import pathlib; print([pathlib.Path(f'/proc/{n}/status').read_text() for n in (1, 'self')])"
    shown = docker("exec", service.name, "python", "-c", text)

    assert shown.count("Uid:\\t10001\\t10001\\t10001\\t10001") == 2
    assert shown.count("CapEff:\\t0000000000000000") == 2
    assert shown.count("NoNewPrivs:\\t1") == 2


def test_the_service_can_change_neither_its_code_nor_its_model():
    """Even where the root can be written: all that is served belongs to root."""
    look = "[p for f, _, n in os.walk('/srv') for p in (f, *(f'{f}/{x}' for x in n)) if os.access(p, os.W_OK)]"
    shown = docker("run", "--rm", "--cap-drop=ALL", IMAGE, "python", "-c", f"import os; print({look})")

    assert shown == "[]"


@pytest.mark.parametrize(
    "name", ["papermill", "jupyter_core", "jupyterlab", "nbconvert", "matplotlib", "training", "pip"]
)
def test_what_makes_models_is_not_in_it(name: str):
    with pytest.raises(AssertionError, match=f"No module named '{name}'"):
        docker("run", "--rm", IMAGE, "python", "-c", f"import {name}")


def test_it_holds_no_compiler_and_no_data():
    text = "import os, shutil; print([x for x in ('cc', 'gcc', 'g++', 'make', 'uv') if shutil.which(x)], "
    text += "[x for _, _, n in os.walk('/srv') for x in n if x.endswith(('.csv', '.ipynb', '.yaml'))])"

    assert docker("run", "--rm", IMAGE, "python", "-c", text) == "[] []"


def test_its_code_is_compiled(manifest: dict[str, Any]):
    """The service may not write, so what is not compiled now is compiled at every start."""
    text = (
        "import importlib.util as u, os; print([m for m in ('app', 'modelbundle.bundle', 'sklearn', 'pandas', 'flask') "
    )
    text += "if not os.path.exists(u.cache_from_source(u.find_spec(m).origin))])"

    assert docker("run", "--rm", IMAGE, "python", "-c", text) == "[]"


def test_its_labels_tell_what_it_is_made_of(manifest: dict[str, Any]):
    labels = inspect(IMAGE, ".Config.Labels")

    assert labels["org.opencontainers.image.version"] == manifest["version"]
    assert labels["model.data.sha256"] == manifest["manifest"]["data"]["sha256"]
    assert labels["org.opencontainers.image.revision"] not in {"", "unknown"}


def test_what_the_run_made_is_exported_beside_the_image(manifest: dict[str, Any]):
    bundle = ROOT / "dist/models" / manifest["version"]

    assert (ROOT / "dist/models/current").read_text().strip() == manifest["version"]
    assert json.loads((bundle / "golden.json").read_text()) == manifest["golden"]
    assert (bundle / "reports/report.html").exists()


def test_it_is_not_large():
    """What stands on the base: packages, app, model."""
    history = docker("history", "--human=false", "--no-trunc", "--format={{.Size}} {{.CreatedBy}}", IMAGE).splitlines()
    (first,) = [
        number for number, line in enumerate(history) if "WORKDIR /srv" in line
    ]  # the newest layer stands first

    assert 0 < sum(int(line.split()[0]) for line in history[: first + 1]) / 1e6 <= MOST_MB


def test_sigterm_ends_it_at_once_and_in_peace():
    with running(IMAGE) as container:
        time.sleep(2)  # as long as nothing was served, a start is what is stopped
        container.ask("/healthz")
        began = time.monotonic()
        docker("stop", "--time=20", container.name)

        assert time.monotonic() - began < 5
        assert inspect(container.name, ".State.ExitCode") == 0


def test_a_bundle_that_fails_verification_keeps_it_unready():
    often = ["--health-interval=1s", "--health-start-period=1s"]
    with broken_image() as image, running(image, *often) as container:
        status, body = container.ask("/readyz")
        wait_for(lambda: container.health() == "unhealthy", 30, "unhealthy")

        assert status == 503
        assert "model.pkl" in json.loads(body)["detail"]
        assert container.ask("/predict", [{}])[0] == 503
        assert container.ask("/healthz")[0] == 200


def test_a_release_is_told_by_readyz():
    with running(IMAGE, "--env=RELEASE=sha256:abc") as container:
        assert json.loads(container.ask("/readyz")[1])["release"] == "sha256:abc"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the build reads, to change."""
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in files.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith(("tests/", "terraform/", "docs/")):
            target = tmp_path / "checkout" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
            target.chmod((ROOT / name).stat().st_mode)
    return tmp_path / "checkout"


def test_a_change_in_the_app_neither_installs_nor_trains_again(checkout: Path):
    with (checkout / "app/pages.py").open("a") as file:
        file.write("# changed\n")

    done = build(checkout, "--tag=house-prices-changed")
    assert done.returncode == 0, done.stderr
    before, after = inspect(IMAGE, ".RootFS.Layers"), inspect("house-prices-changed", ".RootFS.Layers")
    docker("rmi", "house-prices-changed")

    assert len(before) == len(after)
    changed = [number for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert changed
    assert len(changed) <= 2  # the app and what is compiled of it; not the packages, not the model


def test_newer_data_may_come_from_an_address_and_a_failing_cell_fails_the_build(checkout: Path, tmp_path: Path):
    """Fetched in the build; a broken file ends it with the notebook, the cell and what is wrong on the log."""
    table = (ROOT / "data/house_prices.csv").read_text().replace("RL,", "XX,", 1)
    with serving_file(table.encode()) as url:
        done = build(
            checkout, f"--build-arg=DATA_URL={url}", "--target=artefacts", f"--output=type=local,dest={tmp_path}/d"
        )

    assert done.returncode != 0
    assert "is now what http://127.0.0.1" in done.stderr
    assert "02_preprocess failed: " in done.stderr
    assert "MSZoning" in done.stderr
    assert not (tmp_path / "d").exists()

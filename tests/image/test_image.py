"""What the image does when it runs as in production: read-only, without capabilities, as a user that is nobody."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.image.conftest import IMAGE, Container, docker, inspect, running, wait_for

if TYPE_CHECKING:
    pass

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


def test_it_answers_by_the_compiled_plan(service: Container):
    model = json.loads(service.ask("/model")[1])

    assert (model["served_by"], model["why"].endswith("; modelbundle.plan.compiled is installed")) == ("plan", True)


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
    bundle = ROOT / "dist/models/bundles" / manifest["version"]

    assert (ROOT / "dist/models/channels/local/current").read_text().strip() == manifest["version"]
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


def test_a_release_is_told_by_readyz():
    with running(IMAGE, "--env=RELEASE=sha256:abc") as container:
        assert json.loads(container.ask("/readyz")[1])["release"] == "sha256:abc"

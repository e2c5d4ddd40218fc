"""`make serve` for real: gunicorn on a port, the README's request by curl, and what stops it from starting."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.helpers.asking import wait_for
from tests.helpers.serving import answers, environment, free_port, serving

if TYPE_CHECKING:
    from tests.conftest import Project

pytestmark = pytest.mark.run


def refused(registry: Path, port: int | str) -> str:
    """Start the server where it cannot run; returns what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "app"], cwd=ROOT, env=environment(registry, port), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_served_bundle_answers_and_stops_when_told(smoke: Project):
    port = free_port()
    with serving(smoke.folder / "runs/smoke/models", port) as server:
        url = f"http://127.0.0.1:{port}/report"
        with urllib.request.urlopen(url) as page:
            assert b"How far off is the best model?" in page.read()
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) == 0


def test_a_port_in_use_is_named_with_the_way_out(smoke: Project):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert f"port {port} of 127.0.0.1 cannot be used" in refused(smoke.folder / "runs/smoke/models", port)


@pytest.mark.parametrize("port", ["http", "0", "70000"])
def test_a_port_that_is_none_is_named(smoke: Project, port: str):
    registry = smoke.folder / "runs/smoke/models"

    assert f"PORT should be a number from 1 to 65535; found '{port}'" in refused(registry, port)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="the README's command is a curl, and there is none here")
def test_the_readmes_request_gets_the_answer_that_the_readme_shows(full: Project):
    """The command as it stands there, run by a shell, against the default bundle on the default port's stand-in."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = re.search(r"^curl .*$", readme, re.MULTILINE).group()
    shown = json.loads(re.search(r'^\{"model".*\}$', readme, re.MULTILINE).group())
    port = free_port()
    with serving(full.folder / "models", port):
        here = command.replace("127.0.0.1:5000", f"127.0.0.1:{port}")
        answer = json.loads(subprocess.run(here, shell=True, capture_output=True, check=True).stdout)  # noqa: S602

    (price,), (shown_price,) = ([it["prediction"] for it in body["predictions"]] for body in (answer, shown))
    assert price == pytest.approx(shown_price, abs=1)  # other processors: a few cents
    assert (answer["model"], answer["unit"]) == (shown["model"], shown["unit"])


def served_by_make(port: int, **given: str) -> str:
    """The version that `make serve` serves, with variables as a person gives them."""
    command = ["make", "--silent", "--old-file=env", "serve", f"PORT={port}", f"BIN={Path(sys.executable).parent}"]
    environment = {name: value for name, value in os.environ.items() if name not in ("MODELS", "CONF")}
    variables = [f"{name}={value}" for name, value in given.items()]
    with subprocess.Popen([*command, *variables], cwd=ROOT, env=environment, start_new_session=True) as server:
        try:
            wait_for(lambda: answers(port, "/readyz"), 60)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
                return json.loads(answer.read())["version"]
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def test_make_serves_the_registry_of_the_configuration_unless_another_is_given(smoke: Project, tmp_path: Path):
    registry, empty = smoke.folder / "runs/smoke/models", tmp_path / "empty"
    conf = tmp_path / "a conf.yaml"
    conf.write_text(f"extends: {ROOT / 'conf/smoke.yaml'}\nregistry: {registry}\n")
    other = tmp_path / "other.yaml"
    other.write_text(f"extends: {ROOT / 'conf/smoke.yaml'}\nregistry: {empty}\n")

    assert served_by_make(free_port(), CONF=str(conf)) == smoke.version()
    assert served_by_make(free_port(), CONF=str(other), MODELS=str(registry)) == smoke.version()


def test_make_serves_nothing_for_a_configuration_that_is_none(tmp_path: Path):
    command = ["make", "--silent", "--old-file=env", "serve", f"BIN={Path(sys.executable).parent}"]
    done = subprocess.run(
        [*command, f"CONF={tmp_path / 'absent.yaml'}", "MODELS="], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip

    assert done.returncode != 0
    assert "there is no configuration" in done.stderr
    assert "Serving" not in done.stderr

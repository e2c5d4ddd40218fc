"""The app alone: it runs where nothing but its own requirements is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.helpers.asking import ask, listens, wait_for
from tests.helpers.serving import free_port

pytestmark = pytest.mark.run


ABSENT = ("training", "papermill", "matplotlib", "nbconvert", "IPython", "pytest")
LOOK = f"""
import importlib.util, sys
import app
assert not set(sys.modules) & set({ABSENT}), "loaded"
found = [name for name in {ABSENT} if importlib.util.find_spec(name)]
assert not found, found
"""


def apps_own_environment(folder: Path) -> str:
    """Make an environment of what the app needs; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = str(folder / "bin/python")
    command = [Path(sys.executable).with_name("uv"), "pip", "install", "--quiet", "--python", python]
    done = subprocess.run(
        [*command, "--require-hashes", "-r", ROOT / "requirements/app.txt"], capture_output=True, text=True, check=False
    )
    if "Failed to fetch" in done.stderr and "CI" not in os.environ:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    return python


@pytest.mark.slow
def test_the_app_runs_where_nothing_but_its_own_requirements_is_installed(
    registry: Path, records: list[dict[str, Any]], prices: list[float], tmp_path: Path
):
    python = apps_own_environment(tmp_path / "environment")
    alone_here, port = tmp_path / "srv", free_port()
    ours = [(ROOT / "app", "app"), *((ROOT / "lib" / name, name) for name in ("modelbundle", "registry"))]
    for source, name in [*ours, (registry, "models")]:
        shutil.copytree(source, alone_here / name, ignore=shutil.ignore_patterns("__pycache__"))
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {"PORT": str(port)}

    subprocess.run([python, "-c", LOOK], cwd=alone_here, env=bare, check=True)
    with subprocess.Popen([python, "-m", "app"], cwd=alone_here, env=bare, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: listens(port) and ask(port, "/readyz").status == 200, 60)
            reply = ask(port, "/predict", records[0])
        finally:
            server.terminate()

    assert reply.json["predictions"][0]["prediction"] == prices[0]
    assert server.returncode == 0

"""The README's steps for real, below a folder with a blank, a quote and an umlaut, and by a person with settings."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import yaml

from tests.conftest import ROOT, Project, copy_checkout, made_once, shared_folder
from tests.helpers.asking import ask, wait_for
from tests.helpers.personal import latin_1, personal_settings
from tests.helpers.serving import answers, free_port
from tests.repo.test_verbs import ODD_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.run, pytest.mark.slow]

CSV, TARGET, IDENTIFIER = "my data (1).csv", "price [€]", "the id"


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout below such a folder, with its environment."""
    base = shared_folder(tmp_path_factory) / "odd folder"
    return made_once(base, lambda: make_checkout(base / ODD_FOLDER)) / ODD_FOLDER


def make_checkout(folder: Path) -> None:
    """By a user whose settings say that packages go elsewhere."""
    copy_checkout(folder)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    elsewhere = folder.parent / "elsewhere"
    theirs = {"PIP_USER": "1", "PIP_TARGET": str(elsewhere), "VIRTUAL_ENV": str(elsewhere)}
    done = make(folder, "env", **theirs)
    assert done.returncode == 0, done.stderr.decode()
    assert not elsewhere.exists()


def make(folder: Path, verb: str, *given: str, umask: int = 0o022, **theirs: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["make", "--no-print-directory", verb, *given],
        cwd=folder,
        env=bare() | theirs,
        umask=umask,
        capture_output=True,
        timeout=1800,
        check=False,
    )


def bare() -> dict[str, str]:
    """Without what these tests' own environment tells, and make of these tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "MAKE"))}


def strange(folder: Path, tmp_path: Path) -> dict[str, str]:
    """Personal settings, a terminal in Latin-1, no home that could be written; and packages that shadow ours."""
    shadows = tmp_path / "shadows"
    shadows.mkdir()
    for name in ("numpy", "papermill", "sitecustomize"):
        (shadows / f"{name}.py").write_text("raise SystemExit('a stranger was imported')\n", encoding="utf-8")
    settings = personal_settings(tmp_path / "home", folder) | latin_1(tmp_path)
    return settings | {"HOME": "/dev/null/home", "PYTHONPATH": str(shadows)}


def test_the_job_does_the_same_there_whatever_the_user_has_set(checkout: Path, smoke: Project, tmp_path: Path):
    shutil.copy(checkout / "conf/smoke.yaml", checkout / "conf/my smoke [1].yaml")
    done = make(checkout, "run", "CONF=conf/my smoke [1].yaml", umask=0o077, **strange(checkout, tmp_path))

    assert (done.returncode, done.stderr) == (0, b""), done.stdout.decode("latin-1") + done.stderr.decode("latin-1")
    made = [*(checkout / "runs/smoke/models").rglob("*"), checkout / "runs/smoke/models", checkout / "runs/smoke"]
    assert all(path.stat().st_mode & 0o055 == 0o055 for path in made if path.is_dir())
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in made)

    # Timings stand apart, so that equal work leaves equal files, and equal files are one version.
    recorded = sorted(smoke.folder.glob("runs/smoke/*/results.json"))
    assert len(recorded) == 8  # data, preprocessing, four candidates, comparison, bundle
    for path in recorded:
        again = checkout / path.relative_to(smoke.folder)
        assert json.loads(again.read_bytes()) == json.loads(path.read_bytes()), path.parent.name
    assert Project(checkout).version() == smoke.version()


@pytest.fixture
def served(checkout: Path, smoke: Project, tmp_path: Path) -> Iterator[int]:
    """The port of a server that make serve started there, with what the run published."""
    port = free_port()
    theirs = latin_1(tmp_path) | {"HOME": "/dev/null/home", "MODELS": str(smoke.folder / "runs/smoke/models")}
    command = ["make", "serve", f"PORT={port}"]
    with subprocess.Popen(
        command, cwd=checkout, env=bare() | theirs, start_new_session=True, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_for(lambda: answers(port, "/readyz"), 120)
            yield port
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)


def test_the_app_serves_there(served: int, smoke: Project):
    golden = smoke.json(f"runs/smoke/models/bundles/{smoke.version()}/golden.json")["requests"][0]
    price = ask(served, "/predict", golden["record"]).json["predictions"][0]["prediction"]

    assert price == pytest.approx(golden["prediction"], rel=1e-6)
    assert [ask(served, path).status for path in ("/", "/report", "/metrics")] == [200] * 3


def test_a_contract_is_drafted_there_of_names_as_people_give_them(checkout: Path, tmp_path: Path):
    table = pd.DataFrame(
        {IDENTIFIER: range(60), "größe": range(60, 120), TARGET: [float(10 + row) for row in range(60)]}
    )
    table.to_csv(checkout / CSV, index=False)
    given = [f"CSV={CSV}", f"TARGET={TARGET}", f"ID={IDENTIFIER}"]
    done = make(checkout, "contract", *given, **personal_settings(tmp_path / "home", checkout), LC_ALL="C.UTF-8")
    drafted = yaml.safe_load(done.stdout.decode("utf-8"))

    assert (done.returncode, done.stderr) == (0, b"")
    assert {name: column.get("role") for name, column in drafted["contract"]["columns"].items()} == {
        IDENTIFIER: "identifier", "größe": None, TARGET: "target",
    }  # fmt: skip
    assert drafted["data"]["path"] == CSV

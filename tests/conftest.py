"""What tests share: the default problem, and copies of the checkout in which the real job runs."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
SMOKE = "conf/smoke.yaml"
collect_ignore = ["delivery"]  # has an environment of its own: make delivery-test
COPIED = ("app", "conf", "data", "lib", "notebooks", "requirements", "benchmarks", "dodo.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that look at a shared run, so that one worker makes it and no other has to wait for it."""
    shared = ("full", "smoke")
    items.sort(key=lambda item: next((at for at, name in enumerate(shared) if name in item.fixturenames), len(shared)))


@dataclass(frozen=True)
class Project:
    """A copy of the checkout; its lib/ comes before the installed packages, in kernels too."""

    folder: Path

    def python(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run Python in the copy, or with the copy's code from another folder."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd or self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def environment(self, **more: str) -> dict[str, str]:
        path = os.pathsep.join([str(self.folder / "lib"), str(self.folder), str(ROOT)])
        return os.environ | {"PYTHONPATH": path} | more

    def run(self, conf: str = SMOKE) -> subprocess.CompletedProcess[str]:
        """Run the main job."""
        return self.python("-m", "training.run", conf)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that must stand in a file."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def json(self, file: str) -> Any:
        return json.loads((self.folder / file).read_bytes())

    def results(self, node: str, conf: str = "smoke") -> Any:
        return self.json(f"runs/{conf}/{node}/results.json")

    def version(self, registry: str = "runs/smoke/models") -> str:
        """The version that the registry serves."""
        return (self.folder / registry / "channels/local/current").read_text().strip()


def copy_checkout(folder: Path) -> Project:
    """Copy what a run reads; what earlier runs made stays behind."""
    folder.mkdir(parents=True, exist_ok=True)
    ignored = shutil.ignore_patterns("__pycache__", "downloads", ".ipynb_checkpoints")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, folder / name)
    return Project(folder)


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the workers of one test session have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(folder: Path, make: Callable[[], None]) -> Path:
    """Make something below a folder of all workers; the second one that asks waits for the first and finds it there."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "finished").exists():
            make()
            (folder / "finished").touch()
    return folder


def run_once(folder: Path, conf: str) -> Project:
    """Run the job in a fresh copy, once for all workers."""

    def run() -> None:
        done = copy_checkout(folder / "checkout").run(conf)
        assert done.returncode == 0, done.stdout + done.stderr

    return Project(made_once(folder, run) / "checkout")


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy in which the job has run on the smoke configuration; tests only look at it."""
    return run_once(shared_folder(tmp_path_factory) / "smoke", SMOKE)


@pytest.fixture
def project(smoke: Project, tmp_path: Path) -> Project:
    """A copy of the smoke run, for a test to change and run again."""
    shutil.copytree(smoke.folder, tmp_path / "checkout")
    return Project(tmp_path / "checkout")


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy in which the job has run on the default configuration; tests only look at it."""
    return run_once(shared_folder(tmp_path_factory) / "full", "conf/house_prices.yaml")

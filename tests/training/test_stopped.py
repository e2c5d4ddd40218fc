"""A run that is stopped half-way takes its kernels with it: none works on, unseen, for nobody."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.conftest import SMOKE, Project, copy_checkout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.run

TO_ITSELF, TO_ALL = os.kill, os.killpg  # as `kill` does; as a terminal does, to all that it started


def alive(folder: Path) -> list[psutil.Process]:
    """Processes that work in a folder or below; those that have ended and wait to be counted are none."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kernels(folder: Path) -> list[psutil.Process]:
    """Each works where its notebook's results will be."""
    return alive(folder / "runs")


def happens(condition: Callable[[], bool], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while not (true := condition()) and time.monotonic() < limit:
        time.sleep(0.1)
    return true


def interruptible() -> None:
    """Whoever starts the tests in the background hands on that Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Project]]:
    """A run whose first two notebooks are being executed."""
    project = copy_checkout(tmp_path.resolve() / "checkout")
    command = [sys.executable, "-m", "training.run", SMOKE]
    process = subprocess.Popen(
        command,
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=interruptible,
    )
    try:
        assert happens(lambda: len(kernels(project.folder)) >= 2, 60)
        yield process, project
    finally:
        for left in alive(project.folder):
            left.kill()
        process.wait()


@pytest.mark.parametrize(
    ("send", "number"),
    [(TO_ITSELF, signal.SIGTERM), (TO_ITSELF, signal.SIGINT), (TO_ALL, signal.SIGINT), (TO_ITSELF, signal.SIGKILL)],
    ids=["TERM", "INT", "Ctrl-C", "KILL"],
)
def test_a_run_that_is_stopped_leaves_no_kernel_behind(
    run: tuple[subprocess.Popen[bytes], Project], send: Callable[[int, int], None], number: int
):
    process, project = run
    send(process.pid, number)

    assert process.wait(30) != 0
    assert happens(lambda: not alive(project.folder), 10), [left.cmdline() for left in alive(project.folder)]
    left = [json.loads(path.read_bytes()) for path in project.folder.glob("runs/history/smoke/*/run.json")]
    assert [record["status"] for record in left] == ([] if number == signal.SIGKILL else ["interrupted"])
    assert {node["outcome"] for record in left for node in record["nodes"].values()} <= {"ran", "stopped", "left out"}
    assert process.returncode == -number

"""The tests of a copy of the checkout, run in a process of their own: which lines they reach, and whether they pass."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any

import coverage
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUICK = "not run and not image and not slow"
# Loaded once: each process of tests is forked where these are there already.
LIBRARIES = (
    "flask hypothesis matplotlib.pyplot nbformat optuna pandas pandera.pandas pydantic scipy.stats sklearn.ensemble"
)
OUT_OF_TIME = -1
PYTEST = 100  # added to pytest's exit status, to tell it from that of a process that never came to pytest


class Reach:
    """A plugin of pytest: tells coverage which test runs, and notes how long each takes and what fixtures it asks for.

    What a fixture of more than one test does counts for the fixture, under `@` and its name.
    """

    def __init__(self, measured: coverage.Coverage) -> None:
        self.measured, self.seconds, self.fixtures = measured, {}, {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self.now = item.nodeid
        self.measured.switch_context(self.now)
        self.fixtures[item.nodeid] = sorted(item.fixturenames)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: pytest.FixtureRequest) -> Any:
        shared = fixturedef.scope != "function"
        if shared:
            self.measured.switch_context(f"@{fixturedef.argname}")
        try:
            return (yield)
        finally:
            if shared:
                self.measured.switch_context(self.now)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration


class Chosen:
    """A plugin of pytest: of what was collected, only the chosen tests run, in the order in which they are given."""

    def __init__(self, tests: list[str]) -> None:
        self.rank = {test: number for number, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((it for it in items if it.nodeid in self.rank), key=lambda it: self.rank[it.nodeid])


def processes() -> Any:
    """Where processes of tests are started: forked by a server in which the libraries are loaded."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", *LIBRARIES.split()])
    return context


def measure(checkout: Path) -> int:
    """Run all quick tests and leave what they reach in `.coverage`, and what is known of each in `tests.json`."""
    os.environ["COVERAGE_CORE"] = "ctrace"  # the one that knows contexts on every Python
    measured = coverage.Coverage(data_file=checkout / ".coverage", source=[str(checkout / it) for it in ("lib", "app")])
    reach = Reach(measured)
    measured.start()
    status = _pytest(["-m", QUICK], reach)
    measured.stop()
    measured.save()
    (checkout / "tests.json").write_text(json.dumps({"seconds": reach.seconds, "fixtures": reach.fixtures}))
    return status


def try_tests(checkout: Path, tests: list[str]) -> int:
    """Run tests until one fails; returns pytest's exit status."""
    return _pytest(["-x", *dict.fromkeys(test.partition("::")[0] for test in tests)], Chosen(tests))


def run(context: Any, checkout: Path, function: Callable[..., int], *arguments: Any, seconds: float) -> int:
    """Call a function in a process that sees the checkout's code alone; what it started ends with it.

    Returns the status of pytest, or one less than 0 where a signal or the time ended it. Raises RuntimeError if it
    broke before pytest began.
    """
    process = context.Process(target=_inside, args=(checkout, int(seconds) + 5, function, *arguments))
    process.start()
    process.join(seconds)
    status = process.exitcode if process.exitcode is not None else OUT_OF_TIME
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # with whatever the tests started
    process.join()
    if 0 <= status < PYTEST:
        raise RuntimeError(f"a process of tests broke: {(checkout / 'pytest.log').read_text(encoding='utf-8')[-2000:]}")
    return status - PYTEST if status > 0 else status


def _inside(checkout: Path, most_seconds: int, function: Callable[..., int], *arguments: Any) -> None:
    os.setsid()
    signal.alarm(most_seconds)  # should whoever waits for it be gone
    os.chdir(checkout)
    sys.path[:0] = [str(checkout / "lib"), str(checkout)]
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
    sys.dont_write_bytecode = False  # what is not turned is compiled once
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # theirs want to be imported first, and no unit test needs them
    with (checkout / "pytest.log").open("wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    status = function(checkout, *arguments)
    sys.stdout.flush()
    os._exit(PYTEST + status)


def _pytest(arguments: list[str], plugin: Any) -> int:
    try:
        return int(pytest.main(["-q", "--tb=short", *arguments], plugins=[plugin]))
    except Exception:  # what a turned line leaves open may break pytest at its very end: that is noticed too
        traceback.print_exc()
        return int(pytest.ExitCode.INTERNAL_ERROR)

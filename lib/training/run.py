"""The main job: run what changed, say what came out. `make run` is `python -m training.run`."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.cmd_base import DodoTaskLoader
from doit.doit_cmd import DoitMain
from doit.reporter import ZeroReporter

from modelbundle.digests import digest_file
from training import headless
from training.bundle.registry import require_own
from training.bundle.service import served_version, tell_refusal
from training.config.conf import Conf, load_conf, tuned_file
from training.cores import CORES
from training.data.source import location
from training.files import make_folder
from training.graph import graph, ledger
from training.paths import ROOT, from_root, to_root
from training.problems import RunProblem, status_of
from training.tracking.recording import recorded

if TYPE_CHECKING:
    from doit.exceptions import BaseFail
    from doit.task import Task


# What each verb asks doit for; a run asks for what dodo.py has by default.
TASKS = {"run": (), "tune": ("tuned", "search"), "audit": ("audit",)}


class Reporter(ZeroReporter):
    """Tells while doit runs when a step starts or ends, and keeps what failed; of skipped steps it says nothing."""

    def __init__(self) -> None:
        super().__init__(sys.stdout, {})
        self.start = time.monotonic()
        self.started: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.executed: list[str] = []
        self.skipped: list[str] = []
        self.failures: list[tuple[str, str]] = []
        self.status = 0
        self.asked: list[str] = []
        self.tasks: dict[str, Task] = {}

    def initialize(self, tasks: dict[str, Task], _selected: list[str]) -> None:
        """Called before the first step."""
        self.tasks = tasks

    def get_status(self, task: Task) -> None:
        """Called before doit looks whether a step is up to date."""
        self.asked.append(task.name)

    def skip_uptodate(self, task: Task) -> None:
        """Called when a step is up to date."""
        self.skipped.append(task.name)

    def execute_task(self, task: Task) -> None:
        """Called when a step starts."""
        if task.actions:
            self.started[task.name] = time.monotonic()
            if task.name.startswith("notebook:"):
                self._say(f"▶ {_shown(task.name)}")

    def add_success(self, task: Task) -> None:
        """Called when a step has ended well."""
        if task.actions:
            self.executed.append(task.name)
            self.ended[task.name] = time.monotonic()
            self._say(f"✓ {_shown(task.name):32} {self.ended[task.name] - self.started[task.name]:5.1f} s")

    def add_failure(self, task: Task, fail: BaseFail) -> None:
        """Called when a step has failed, or was left out since another one failed."""
        if task.name in self.started:
            self.ended[task.name] = time.monotonic()
            self._say(f"✗ {_shown(task.name)}")
            self.failures.append((task.name, fail.get_msg().strip()))

    def runtime_error(self, msg: str) -> None:
        """Called for errors of doit itself."""
        self.failures.append(("doit", msg))

    def notebooks(self) -> dict[str, dict[str, Any] | None]:
        """The notebooks that were asked for, each with what graph.reasons left of it."""
        return {name: self.tasks[name].meta for name in self.asked if name.startswith("notebook:")}

    def _say(self, text: str) -> None:
        # one write, so that lines of steps that end at the same time do not run into each other
        sys.stdout.write(f"{time.monotonic() - self.start:6.1f} s  {text}\n")
        sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run the job for one configuration; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make run", description="Run what changed, then say what came out.")
    parser.add_argument(
        "conf", nargs="?", default="conf/house_prices.yaml", help="configuration file (default: %(default)s)"
    )
    parser.add_argument("--jobs", type=int, default=0, help="notebooks side by side (default: one more than the cores)")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--tune",
        action="store_true",
        help="search parameters and blends instead, and write them beside the configuration",
    )
    instead.add_argument(
        "--audit",
        action="store_true",
        help="try instead, on random parts of the data, whether the quoted error can be believed",
    )
    options = parser.parse_args(arguments)
    try:
        return status_of("make run", lambda: _start(options))
    except headless.Terminated:
        return headless.end()


def _start(options: argparse.Namespace) -> int:
    conf, jobs = load_conf(options.conf), options.jobs or CORES + 1
    graph.require_known_parameters(conf)
    location(conf.data)
    with _only_run():
        if options.tune:
            return _tune(options.conf, jobs)
        return _audit(conf, options.conf, jobs) if options.audit else _run(conf, options.conf, jobs)


def _do(conf: Conf, conf_path: str, jobs: int, verb: str = "run") -> Reporter:
    """Let doit run what a verb asks for, and keep a record of it; failures are printed. Returns its reporter."""
    headless.settle()  # before the first thread: from here on nothing changes what all of them share
    os.environ["CONF"] = conf_path
    make_folder(graph.runs_folder(conf))  # a registry may be in it
    _forget_if_damaged(graph.memory_file(conf))
    reporter = Reporter()
    config = {"GLOBAL": {"reporter": reporter, "num_process": jobs, "par_type": "thread", "continue": True}}
    doit = DoitMain(DodoTaskLoader(), config_filenames=(), extra_config=config)
    with recorded(verb, conf, conf_path, reporter):
        status = doit.run(["-f", str(ROOT / "dodo.py"), "run", *TASKS[verb]])
        reporter.status = status or int(bool(reporter.failures))
    for name, message in reporter.failures:
        print(f"\n{_shown(name)} failed: {message}", file=sys.stderr)
    return reporter


def _run(conf: Conf, conf_path: str, jobs: int) -> int:
    require_own(from_root(conf.registry), conf.name)  # before minutes of work, and not only after
    registry = from_root(conf.registry)
    before = served_version(registry)
    reporter = _do(conf, conf_path, jobs)
    if reporter.status:
        if served_version(registry) == before:
            print(f"\nNothing was published; {to_root(registry)} serves what it served.", file=sys.stderr)
        return reporter.status
    if not reporter.executed:
        print("Nothing to do: code, configuration and data are those of the last run.")
    print(summary(conf))
    return 0


def _tune(conf_path: str, jobs: int) -> int:
    conf, target = load_conf(conf_path, tuned=False), tuned_file(conf_path)
    trials = conf.notebooks.get("tune", {}).get("trials", "the notebook's number of")
    print(f"Searching {', '.join(search[1] or search[0] for search in graph.searches(conf))}: {trials} trials each")
    reporter = _do(conf, conf_path, jobs, "tune")
    if not reporter.status:
        pages = to_root(graph.reports_folder(conf) / "report")
        print(f"\nFound: {to_root(target)}; review it as a diff (git diff), commit it, then make run")
        print(f"Pictures of the searches: {pages}/tune-*.html and {pages}/blend.html")
    return reporter.status


def _audit(conf: Conf, conf_path: str, jobs: int) -> int:
    reporter = _do(conf, conf_path, jobs, "audit")
    if not reporter.status:
        sentence = json.loads((graph.runs_folder(conf) / "audit" / "results.json").read_bytes())["told"]
        print(f"\n{sentence}\nReport: {to_root(graph.reports_folder(conf) / 'report' / 'audit.html')}")
    return reporter.status


def _forget_if_damaged(memory: Path) -> None:
    """Remove what a full disk or a kill left of doit's memory: steps then run again, with their fits remembered."""
    try:
        json.loads(memory.read_bytes())
    except FileNotFoundError:
        return
    except ValueError:
        print(f"{to_root(memory)} is damaged and was removed: every notebook runs again", file=sys.stderr)
        memory.unlink()


def summary(conf: Conf) -> str:
    """Tell the outcome of the last run: the ranking, the winner and why, and where bundle and report are."""
    results = json.loads((graph.runs_folder(conf) / "04_compare" / "results.json").read_bytes())
    version = digest_file(graph.runs_folder(conf) / "05_publish" / "bundle" / "manifest.json")
    lines = ["", results["warning"]] if results["warning"] else []
    lines += ["", f"{conf.title}: ranking, mean over the folds", *(f"  {line}" for line in results["ranking_lines"])]
    lines += ["", f"Winner: {results['reason']}", f"On the hold-out: {results['holdout_text']}"]
    lines += [*filter(None, [ledger.tell_times(graph.runs_folder(conf))]), ""]
    report = to_root(graph.reports_folder(conf) / "report.html")
    lines += [f"Bundle: {conf.registry}/bundles/{version}", f"Report: {report}"]
    return "\n".join([*lines, *tell_refusal(from_root(conf.registry), version)])


@contextmanager
def _only_run() -> Iterator[None]:
    """Hold the checkout's lock; it ends with the process, however that ends. Raises RunProblem if it is taken."""
    path = ROOT / "runs" / ".lock"
    make_folder(path.parent)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise RunProblem(
                f"another run (process {file.read().strip() or 'unknown'}) is at work in this checkout; "
                "wait for it, or stop it, then run again"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _shown(task: str) -> str:
    kind, _, node = task.partition(":")
    page = f"page {node or kind}"
    return {"notebook": node, "report": page, "search": page, "audit": page}.get(kind, kind)


if __name__ == "__main__":
    sys.exit(main())

"""A run ends alike whoever starts it, from whatever terminal; and while it is at work it changes nothing for others."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.helpers.personal import latin_1, personal_settings
from training import headless

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Project


def test_an_environment_without_people_has_the_projects_settings_and_nobodys_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    theirs = personal_settings(tmp_path / "home", _folder(tmp_path / "project")) | {"PYTHONPATH": "/code", "TZ": "UTC"}
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    found = headless.environment(tmp_path)

    kept = {name for name, value in theirs.items() if found.get(name) == value}
    assert kept == {"HOME", "TMPDIR", "TZ", "PYTHONPATH"}, "where code is stays: it is no setting"
    assert {found[f"{library}_NUM_THREADS"] for library in ("OMP", "OPENBLAS", "MKL")} == {"1"}
    assert found["PYTHONHASHSEED"] == "0", "or sets would have another order in each run"
    assert found["PATH"] == os.environ["PATH"]
    assert found["IPYTHONDIR"].startswith(str(tmp_path))


def _folder(path: Path) -> Path:
    (path / "notebooks").mkdir(parents=True)
    return path


def again(project: Project, environment: dict[str, str], umask: int = 0o022) -> subprocess.CompletedProcess[bytes]:
    """Execute all notebooks of a copy again, with the fits remembered."""
    (project.folder / "runs/smoke/.doit.json").unlink()
    return subprocess.run(
        [sys.executable, "-m", "training.run", "conf/smoke.yaml"],
        cwd=project.folder,
        env=project.environment(**environment),
        umask=umask,
        capture_output=True,
        timeout=600,
        check=False,
    )


@pytest.mark.run
def test_personal_settings_a_narrow_terminal_and_a_strict_umask_change_nothing(
    smoke: Project, project: Project, tmp_path: Path
):
    """The same results, the same bundle to the byte, the same page, and no word of complaint."""
    page = (project.folder / "reports/smoke/report.html").read_bytes()
    settings = personal_settings(tmp_path / "home", project.folder)
    done = again(project, settings | latin_1(tmp_path), umask=0o077)

    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    assert b"? 05_publish" in done.stdout
    assert project.version() == smoke.version()
    # but for the number of the scoring, which is another run's
    again_told = page.replace(b"scored for the 1st time", b"scored for the 2nd time")
    assert (project.folder / "reports/smoke/report.html").read_bytes() == again_told != page
    recorded = [path.relative_to(smoke.folder) for path in smoke.folder.glob("runs/smoke/*/results.json")]
    assert len(recorded) == 8  # data, preprocessing, four candidates, comparison, bundle
    for path in recorded:  # timings stand apart, so that equal work leaves equal files
        assert (project.folder / path).read_bytes() == (smoke.folder / path).read_bytes(), path


@pytest.mark.run
@pytest.mark.parametrize("home", [None, "/dev/null/home", "/proc"], ids=["none", "impossible", "unwritable"])
def test_no_home_is_needed(smoke: Project, project: Project, home: str | None):
    """One notebook and its page tell; the whole job runs without one in tests/repo/test_odd_folder.py."""
    environment = project.environment()
    environment.pop("HOME")
    environment |= {"HOME": home} if home else {}
    made = [project.folder / "runs/smoke/01_eda/results.json", project.folder / "reports/smoke/report/01_eda.html"]
    before = [path.read_bytes() for path in made]
    for path in made:
        path.unlink()
    command = [sys.executable, "-m", "training.run", "conf/smoke.yaml"]
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"01_eda" in done.stdout
    assert [path.read_bytes() for path in made] == before
    assert project.version() == smoke.version()


# Beside the steps of a run, one thread asks again and again for a warning, which raises if any other has made an error
# of warnings, and looks at what all threads share.
WATCHED = """
import locale, os, signal, sys, threading, warnings
from training import headless, run

def state():
    with open("/proc/self/status") as file:
        umask = next(line for line in file if line.startswith("Umask"))
    return {
        "folder": os.getcwd(), "environment": dict(os.environ), "locale": locale.setlocale(locale.LC_ALL),
        "umask": umask, "signals": [signal.getsignal(number) for number in (2, 15)],
        "errors": [each for each in warnings.filters if each[0] == "error"], "path": list(sys.path),
        "output": (sys.stdout, sys.stderr),
    }

def watch(before):
    while not ended.is_set():
        looks.append(1)
        try:
            warnings.warn("asked for", DeprecationWarning)
        except Warning:
            seen.add("a warning was an error")
        seen.update(name for name, value in state().items() if value != before[name])

seen, looks, threads, ended, lock = set(), [], [], threading.Event(), threading.Lock()
execute_task = run.Reporter.execute_task

def begin(self, task):
    with lock:
        if not threads:
            threads.append(threading.Thread(target=watch, args=(state(),)))
            threads[0].start()
    execute_task(self, task)

run.Reporter.execute_task = begin
status = run.main(["conf/smoke.yaml"])
ended.set()
threads[0].join()
print("looks:", len(looks))
print("changed:", sorted(seen))
print("loaded:", sorted({"sklearn", "pandas", "numpy", "matplotlib", "scipy"} & set(sys.modules)))
sys.exit(status)
"""


@pytest.mark.run
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the umask is read from /proc")
def test_a_damaged_memory_costs_a_rerun_in_which_nothing_that_threads_share_is_changed(
    smoke: Project, project: Project
):
    """A full disk or a kill leaves such a memory of finished steps; their fits are remembered apart.

    What a configuration names is imported elsewhere: a class's module may do anything to the process it is in.
    """
    memory = project.folder / "runs/smoke/.doit.json"
    memory.write_bytes(memory.read_bytes()[:2000])
    done = project.python("-W", "ignore", "-c", WATCHED)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "runs/smoke/.doit.json is damaged" in done.stderr
    assert done.stdout.count("✓ 0") == 8  # data, preprocessing, four candidates, comparison, bundle
    assert project.version() == smoke.version()
    assert {path.name for path in (project.folder / "runs/smoke/models").iterdir()} == {"current", smoke.version()}

    assert "changed: []" in done.stdout
    assert "loaded: []" in done.stdout
    assert int(done.stdout.split("looks: ")[1].split()[0]) > 1000


@pytest.mark.run
def test_a_draft_is_written_in_utf_8_whatever_the_terminal(tmp_path: Path):
    lines = ["größe;preis", *(f"{number}.5;{number * 7 % 60}" for number in range(60))]
    (tmp_path / "häuser.csv").write_text("\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "training.draft_conf", "häuser.csv", "--sep", ";", "--target", "preis"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "größe" in done.stdout.decode("utf-8")

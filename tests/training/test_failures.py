"""What bad input gets: a sentence, a failing exit status, nothing half-written, the previous bundle still current."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from modelbundle.bundle import current_folder, load_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Project

pytestmark = pytest.mark.run


@pytest.fixture
def served(project: Project) -> Iterator[Project]:
    """A checkout that serves a bundle; whatever the test does to the next run, it must still serve that one."""
    version = project.version()
    yield project
    assert project.version() == version
    assert load_bundle(current_folder(project.folder / "runs/smoke/models")).version == version
    assert not list(project.folder.rglob(".new-*")), "half a bundle was left"


def configure(project: Project, **changes: object) -> None:
    """Change top-level keys of the smoke configuration."""
    path = project.folder / "conf/smoke.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode != 0, done.stdout
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ruel": "best_mean"}, ["ruel: unknown key; did you mean rule?"]),
        ({"rule": "best"}, ["rule", "'best_mean'", "'simplest_within_one_standard_error'", "(found 'best')"]),
        ({"metric": "accurracy"}, ["no scorer accurracy; allowed are", "neg_root_mean_squared_error"]),
        ({"metric": "accuracy"}, ["accuracy does not score regressions"]),
        ({"candidates": {"svr": {"estimator": "sklearn.svm.SVRR"}}}, ["candidates.svr.estimator", "sklearn.svm.SVRR"]),
        ({"candidates": {"svr": {"parameters": {"c": 1}}}}, ["SVR has no parameter c; it has", "epsilon"]),
        (
            {"notebooks": {"01_eda": {"odd_rows": 3}}},
            ["01_eda has no parameter odd_rows; did you mean odd_rows_shown?"],
        ),
        ({"notebooks": {"05_x": {"rows": 3}}}, ["there is no notebook 05_x", "01_eda"]),
        ({"data": {"path": "data/absent.csv", "download": None}}, ["data/absent.csv does not exist"]),
    ],
)
def test_a_mistake_in_the_configuration_is_named_with_what_is_allowed(
    served: Project, change: dict[str, object], words: list[str]
):
    configure(served, **change)

    assert_refused(served.run(), *words)


def test_another_problem_does_not_take_over_the_registry(served: Project):
    """It is told before any notebook runs."""
    configure(served, name="flats")
    done = served.run()

    assert_refused(done, "runs/smoke/models is the registry of 'smoke'", "'flats'", "registry: models/flats")
    assert not (served.folder / "runs/flats").exists()


def test_a_configuration_that_does_not_exist_is_answered_with_those_that_do(served: Project):
    assert_refused(served.run("conf/absent.yaml"), "conf/absent.yaml", "house_prices.yaml")


def test_every_fault_of_the_data_is_named_before_anything_is_fitted(served: Project):
    path = served.folder / "data/house_prices.csv"
    head, first, second, third, *rest = path.read_text().splitlines()
    broken = [first.replace(",60,", ",61,", 1), second.replace(",9600,", ",many,", 1), third, third, *rest]
    path.write_text("\n".join([head, *broken]))
    fits = sorted(served.folder.glob(".cache/**/output.pkl"))
    done = served.run()

    assert_refused(
        done,
        "MSSubClass: must be one of the categories",
        "in 1 row (first: Id 1: 61)",
        "LotArea: must be a finite number, in 1 row (first: Id 2: many)",
        "Id: must be unique, in 2 rows (first: Id 3: 3; Id 3: 3)",
        "Nothing was fitted",
    )
    assert "03_train" not in done.stdout
    assert sorted(served.folder.glob(".cache/**/output.pkl")) == fits


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["data/house_prices.csv is empty"]),
        (b"Id;SalePrice\n1;2\n", ["lacks", "sep is ','"]),
        ("Id,MSSubClass,LotArea,YearBuilt,SalePrice\n1,60,1,1,Zürich\n".encode("utf-16"), ["is not utf-8"]),
    ],
    ids=["empty", "separator", "encoding"],
)
def test_a_file_that_is_no_such_csv_is_refused(served: Project, content: bytes, words: list[str]):
    (served.folder / "data/house_prices.csv").write_bytes(content)

    assert_refused(served.run(), *words)


@pytest.mark.slow
def test_fewer_rows_than_the_folds_need_are_refused(served: Project):
    path = served.folder / "data/house_prices.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:6]))

    assert_refused(served.run(), "5 rows are too few for 3 folds")


def test_failing_candidates_are_shown_and_the_others_go_on(served: Project):
    helpers = "tests.helpers.broken_estimators"
    broken = {
        "raises": {"estimator": f"{helpers}.RaisesInFit"},
        "predicts_nan": {"estimator": f"{helpers}.PredictsNaN"},
    }
    configure(served, candidates=yaml.safe_load((served.folder / "conf/smoke.yaml").read_text())["candidates"] | broken)
    done = served.run()
    page = (served.folder / "reports/smoke/report.html").read_text()

    assert_refused(
        done,
        "raises: its fit raised ValueError: this estimator never fits",
        "predicts_nan: predicted NaN or infinity",
        "Nothing was published",
    )
    assert "failed: its fit raised ValueError" in page
    assert "failed: predicted NaN" in page
    assert served.json("runs/smoke/04_compare/results.json")["winner"] not in ("raises", "predicts_nan")


def test_a_cell_that_fails_is_shown_and_its_notebook_is_kept(served: Project):
    served.edit("notebooks/04_compare.ipynb", "choice = compare.choose(", "choice = 1 / 0  # compare.choose(")
    done = served.run()

    assert done.returncode != 0
    assert "of notebooks/04_compare.ipynb raised ZeroDivisionError" in done.stderr
    assert "choice = 1 / 0" in done.stderr
    assert (served.folder / "runs/smoke/04_compare/notebook.ipynb").is_file()


@pytest.mark.slow
def test_an_independent_branch_finishes_after_a_failure(served: Project):
    served.edit("notebooks/02_preprocess.ipynb", "parts = split.split_rows(", "parts = 1 / 0  # split.split_rows(")
    served.edit("notebooks/01_eda.ipynb", "frame, y = explore", "frame, y  = explore")
    done = served.run()

    assert done.returncode != 0
    assert "✓ 01_eda" in done.stdout


@pytest.mark.slow
def test_after_a_kill_the_previous_bundle_is_served_and_the_next_run_publishes(project: Project):
    project.edit("conf/smoke.yaml", "n_estimators: 10", "n_estimators: 11")
    before = project.version()
    with start(project) as killed:
        wait_for(killed, "▶ 04_compare")
        killed.send_signal(signal.SIGKILL)
    after_kill = project.version()
    again = project.run()

    assert after_kill == before
    assert again.returncode == 0, again.stderr
    assert project.version() != before
    assert load_bundle(current_folder(project.folder / "runs/smoke/models"))


def test_a_second_run_at_the_same_time_is_refused(served: Project):
    served.edit("conf/smoke.yaml", "n_estimators: 10", "n_estimators: 11")
    with start(served) as first:
        wait_for(first, "▶ 03_train-random_forest")
        second = served.run()
        first.kill()

    assert_refused(second, "another run", f"process {first.pid}")


def start(project: Project) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "training.run", "conf/smoke.yaml"],
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def wait_for(process: subprocess.Popen[str], text: str, seconds: float = 120) -> None:
    """Read a process's output up to a text; fails if it ends or takes too long."""
    limit = time.monotonic() + seconds
    for line in process.stdout:
        if text in line:
            return
        assert time.monotonic() < limit, f"{text!r} did not come in {seconds} s"
    raise AssertionError(f"the process ended without {text!r}")

"""Notebooks as a person runs them: from any folder, by Jupyter's or nbval's hand, and never publishing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import papermill
import pytest
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from training.graph.graph import RUN

if TYPE_CHECKING:
    from tests.conftest import Project

pytestmark = pytest.mark.run

# One notebook from elsewhere tells what all do; the others follow in make test-all.
OTHERS = [name for name in RUN if name != "02_preprocess"]
SMOKE = {"conf": "conf/smoke.yaml"}


def state(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_nbval_finds_every_notebook_running(project: Project):
    """With the smoke configuration, from the notebooks' folder, as nbval starts them."""
    (project.folder / "notebooks/blend.ipynb").unlink()  # it reads what make tune leaves: see test_tune.py
    few = {"tune": {"trials": 2}, "audit": {"splits": 1, "trials": 1, "fewest_held": 0.0}}
    for path in (project.folder / "notebooks").glob("*.ipynb"):
        parameters = SMOKE | few.get(path.stem, {})
        papermill.iorw.write_ipynb(parameterize_notebook(load_notebook_node(str(path)), parameters), str(path))
    published, runs = state(project.folder / "runs/smoke/models"), state(project.folder / "runs/smoke/05_publish")
    done = project.python("-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env", "notebooks")

    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert {path.name for path in (project.folder / "scratch/smoke").iterdir()} == {
        *("01_eda", "02_preprocess", "03_train-svr", "04_compare", "05_publish", "tune-svr", "audit")
    }
    assert state(project.folder / "runs/smoke/models") == published
    assert state(project.folder / "runs/smoke/05_publish") == runs


@pytest.mark.parametrize(
    "notebook", ["02_preprocess", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
)
def test_papermill_runs_it_from_another_folder(project: Project, tmp_path: Path, notebook: str):
    """It reads what the run left, records the same results, and publishes nothing."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    source = project.folder / "notebooks" / f"{notebook}.ipynb"
    arguments = ["-m", "papermill", str(source), "out.ipynb", "-k", "python3", "-p", "conf", SMOKE["conf"]]
    done = project.python(*arguments, cwd=elsewhere)
    node = "03_train-svr" if notebook == "03_train" else notebook

    assert done.returncode == 0, done.stderr
    assert project.json(f"scratch/smoke/{node}/results.json") == project.results(node)
    assert not (project.folder / "models").exists()


@pytest.mark.slow
def test_the_notebooks_run_one_after_another_before_any_run(smoke: Project, project: Project):
    for made in ("runs", "reports"):
        shutil.rmtree(project.folder / made)
    arguments = ["-m", "papermill", "-k", "python3", "-p", "conf", SMOKE["conf"]]
    prepared = project.python(*arguments, "notebooks/02_preprocess.ipynb", "out.ipynb")
    trained = project.python(*arguments, "notebooks/03_train.ipynb", "out.ipynb")

    assert prepared.returncode == trained.returncode == 0, prepared.stderr + trained.stderr
    assert project.json("scratch/smoke/03_train-svr/results.json") == smoke.results("03_train-svr")


@pytest.mark.slow
def test_a_notebook_that_lacks_its_input_says_what_to_run_first(project: Project):
    shutil.rmtree(project.folder / "runs/smoke/02_preprocess")
    done = project.python(
        "-m", "papermill", "-k", "python3", "-p", "conf", SMOKE["conf"], "notebooks/03_train.ipynb", "x"
    )

    assert done.returncode != 0
    assert "run make run first, or 02_preprocess by hand" in done.stderr

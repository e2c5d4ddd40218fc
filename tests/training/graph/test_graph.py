"""What runs again, and what does not: decided by content."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Project


pytestmark = pytest.mark.run


def executed(output: str) -> set[str]:
    """Names of the notebooks that a run says it executed."""
    return set(re.findall(r"✓ (0\S+)", output))


def rendered(output: str) -> set[str]:
    return set(re.findall(r"✓ page (\S+)", output))


def remembered_fits(project: Project) -> set[str]:
    return {str(path) for path in (project.folder / ".cache").rglob("output.pkl")}


def test_a_second_run_has_nothing_to_do(project: Project):
    done = project.run()

    assert executed(done.stdout) == set()
    assert "Nothing to do" in done.stdout
    assert "Winner:" in done.stdout


def test_a_candidates_parameters_run_that_candidate_and_the_comparison(project: Project):
    project.edit("conf/smoke.yaml", "n_estimators: 10", "n_estimators: 11")
    done = project.run()

    assert executed(done.stdout) == {"03_train-random_forest", "04_compare", "05_publish"}


@pytest.mark.slow
def test_another_deciding_metric_refits_nothing(project: Project):
    others = "[neg_root_mean_squared_error, neg_root_mean_squared_log_error, r2]"
    deciding = f"name: smoke\nmetric: neg_mean_absolute_error\nalso_report: {others}"
    project.edit("conf/smoke.yaml", "name: smoke", deciding)
    done = project.run()

    assert executed(done.stdout) == {"04_compare", "05_publish"}
    assert "lowest mean MAE" in done.stdout


def test_a_comment_in_the_configuration_runs_nothing(project: Project):
    project.edit("conf/smoke.yaml", "name: smoke", "name: smoke  # a remark")

    assert "Nothing to do" in project.run().stdout


def test_saving_a_notebook_with_outputs_runs_nothing(project: Project):
    path = project.folder / "notebooks" / "03_train.ipynb"
    notebook = json.loads(path.read_bytes())
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["by hand\n"]}]
    path.write_text(json.dumps(notebook, indent=4))

    assert "Nothing to do" in project.run().stdout


def test_a_changed_sentence_is_rendered_and_executes_nothing(project: Project):
    project.edit("notebooks/04_compare.ipynb", "Would more data help?", "Would some more records help?")
    done = project.run()
    page = "reports/smoke/report.html"
    published = f"runs/smoke/models/bundles/{project.version()}/reports/report.html"

    assert executed(done.stdout) == set()
    assert rendered(done.stdout) == {"04_compare"}
    assert "Would some more records help?" in (project.folder / page).read_text()
    assert "Would some more records help?" in (project.folder / published).read_text()


def test_a_changed_plotting_helper_refits_nothing(project: Project):
    fits, version = remembered_fits(project), project.version()
    project.edit("lib/training/reporting/plots_why.py", "Which features does it rest on?", "What does it rest on?")
    done = project.run()

    assert executed(done.stdout) == {"04_compare"}
    assert "What does it rest on?" in (project.folder / "reports/smoke/report.html").read_text()
    assert remembered_fits(project) == fits
    assert project.version() == version


@pytest.mark.slow
def test_changed_fitting_code_fits_again(project: Project):
    fits = remembered_fits(project)
    project.edit("lib/training/models/preprocess.py", "RARE_BELOW_ROWS = 10", "RARE_BELOW_ROWS = 12")
    done = project.run()

    assert {"02_preprocess", "03_train-svr", "04_compare"} <= executed(done.stdout)
    assert remembered_fits(project) > fits


@pytest.mark.slow
def test_an_output_that_was_changed_by_hand_is_made_again(project: Project):
    changed = ["03_train-svr/results.json", "03_train-linear_regression/out_of_fold.csv",
               "03_train-random_forest/candidate.pkl"]  # fmt: skip
    paths = [project.folder / "runs/smoke" / each for each in changed]
    before = [path.read_bytes() for path in paths]
    for path, content in zip(paths, before, strict=True):
        path.write_bytes(content + b" ")
    done = project.run()

    assert executed(done.stdout) >= {each.partition("/")[0] for each in changed}
    assert [path.read_bytes() for path in paths] == before


def test_a_damaged_bundle_is_published_again(project: Project):
    model = project.folder / "runs/smoke/models/bundles" / project.version() / "model.pkl"
    before = model.read_bytes()
    model.write_bytes(before[:-1] + b"x")
    done = project.run()

    assert executed(done.stdout) == set()
    assert model.read_bytes() == before

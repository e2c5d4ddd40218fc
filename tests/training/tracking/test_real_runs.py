"""Records of real runs: they say what the runs' files say, and why each notebook ran."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from modelbundle.digests import digest_bytes, digest_file
from tests.conftest import Project

pytestmark = pytest.mark.run


def records(project: Project) -> list[dict[str, Any]]:
    """All records of the smoke problem, oldest first."""
    return [json.loads(path.read_bytes()) for path in sorted(project.folder.glob("runs/history/smoke/*/run.json"))]


def test_a_record_says_what_the_files_of_the_run_say(smoke: Project):
    (record,) = records(smoke)
    prepared, facts = smoke.results("02_preprocess"), smoke.json("runs/smoke/04_compare/facts.json")
    split = smoke.json("runs/smoke/02_preprocess/split.json")

    assert (record["status"], record["failures"], record["winner"]) == ("finished", {}, facts["winner"])
    assert record["metrics"] == facts["metrics"]
    assert record["ranking"] == facts["ranking"]
    assert record["bundle"] == smoke.version()
    assert record["data"]["sha256"] == prepared["data_sha256"]
    assert record["data"]["file_sha256"] == digest_file(smoke.folder / "data/house_prices.csv")
    assert [record["data"][key] for key in ("rows", "training_rows", "holdout_rows")] == [1460, 1168, 292]
    assert record["folds"]["score"] == [len(fold["score"]) for fold in split["folds"]]
    assert record["candidates"].keys() == {"median", "linear_regression", "svr", "random_forest"}
    for name, told in record["candidates"].items():
        results = smoke.results(f"03_train-{name}")
        assert {key: told[key] for key in ("scores", "parameters", "failed", "size_bytes")} == {
            key: results[key] for key in ("scores", "parameters", "failed", "size_bytes")
        }
        assert told["seconds"] == smoke.json(f"runs/smoke/03_train-{name}/timings.json")


def test_predictions_notebooks_and_pages_are_kept(smoke: Project):
    (record,) = records(smoke)
    (folder,) = (path.parent for path in smoke.folder.glob("runs/history/smoke/*/run.json"))

    for told in record["candidates"].values():
        kept = smoke.folder / f"runs/history/smoke/arrays/{told['out_of_fold']}.csv.gz"
        assert digest_bytes(gzip.decompress(kept.read_bytes())) == told["out_of_fold"]
    assert {name.partition("/")[0] for name in record["kept"]} == {"notebooks", "reports"}
    assert len(record["kept"]) == 16  # 8 notebooks, each with its page
    for name, digest in record["kept"].items():
        assert digest_file(folder / name) == digest
    assert (folder / "run.json").stat().st_size < 200_000


def test_a_first_run_ran_everything_and_is_the_first_scoring(smoke: Project):
    (record,) = records(smoke)

    assert {node["outcome"] for node in record["nodes"].values()} == {"ran"}
    assert {tuple(node["why"]) for node in record["nodes"].values()} == {("no finished execution is remembered",)}
    assert record["holdout"]["times"] == 1
    assert "scored for the 1st time" in (smoke.folder / "reports/smoke/report.html").read_text()


def test_nothing_that_is_verified_tells_how_often(smoke: Project):
    verified = [*smoke.folder.glob("runs/smoke/*/results.json"), *smoke.folder.glob("runs/smoke/*/bundle/*.json")]

    assert verified
    assert not [path for path in verified if b"scored for the" in path.read_bytes()]


def test_each_reason_is_told_and_a_second_scoring_is_counted(project: Project):
    project.edit("conf/smoke.yaml", "{n_estimators: 10}", "{n_estimators: 9}")
    (project.folder / "runs/smoke/01_eda/results.json").unlink()
    done = project.run()
    assert done.returncode == 0, done.stderr
    first, second = records(project)
    why = {name: node.get("why") for name, node in second["nodes"].items()}

    assert why["03_train-random_forest"] == ["conf.candidate"]
    assert why["04_compare"] == ["conf.candidates", "results of 03_train-random_forest"]
    assert why["01_eda"] == ["its results are gone"]
    assert second["nodes"]["03_train-svr"]["outcome"] == "up to date"
    assert second["holdout"] == first["holdout"] | {key: second["holdout"][key] for key in ("times", "by")}
    assert (second["holdout"]["times"], second["changed"]) == (
        2, ["configuration: candidates.random_forest.parameters.n_estimators"],
    )  # fmt: skip
    page = (project.folder / "reports/smoke/report.html").read_text()
    assert "This hold-out has been scored for the 2nd time." in page
    assert "This hold-out has been scored for the 2nd time." in done.stdout

    again = project.run()
    assert "Nothing to do" in again.stdout
    assert len(records(project)) == 2
    assert "2nd time" in again.stdout
    compared = project.python("-m", "training.runs", "compare", "conf/smoke.yaml").stdout
    assert re.search(r"svr .* the same", compared)
    assert re.search(r"parameters\.n_estimators +10 +9", compared)
    assert (project.folder / "reports/smoke/compare.html").is_file()


def test_a_run_that_fails_leaves_a_record_of_what_failed(project: Project):
    project.edit("notebooks/01_eda.ipynb", "plots.use_style()", "raise ValueError('at https://u:p@h/x')")
    done = project.run()
    record = records(project)[-1]

    assert done.returncode != 0
    assert record["status"] == "failed"
    assert record["nodes"]["01_eda"]["outcome"] == "failed"
    assert record["nodes"]["01_eda"]["why"] == ["code"]
    assert "raised ValueError: at https://h/x" in record["failures"]["notebook:01_eda"]
    assert record["bundle"] is None
    assert "notebooks/01_eda.ipynb" in record["kept"]
    assert "reports/report/01_eda.html" not in record["kept"]

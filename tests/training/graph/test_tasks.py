"""The graph as doit's tasks: what each is made from, so that only what changed runs again."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from doit.exceptions import TaskFailed

from training.config.conf import Conf, Download, load_conf
from training.graph import tasks
from training.paths import ROOT
from training.problems import DataProblem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DATA = ROOT / "data/house_prices.csv"


@pytest.fixture(scope="module")
def conf() -> Conf:
    return load_conf("conf/smoke.yaml")


@pytest.fixture
def decides(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], Any]:
    """What decides whether a task runs again, as doit would remember it."""
    monkeypatch.setattr(tasks, "config_changed", lambda values: ("decides", values))

    def of(task: dict[str, Any]) -> Any:
        (values,) = [it[1] for it in task["uptodate"] if isinstance(it, tuple) and it[0] == "decides"]
        return values

    return of


def node(conf: Conf, notebook: str, candidate: str = "") -> dict[str, Any]:
    return tasks.node_task(conf, "conf/smoke.yaml", notebook, candidate, DATA)


def test_a_fit_is_made_from_data_and_split_after_the_check(conf: Conf):
    task = node(conf, "03_train", "svr")

    assert (task["basename"], task["name"]) == ("notebook", "03_train-svr")
    assert task["file_dep"] == ["data/house_prices.csv", "runs/smoke/02_preprocess/results.json"]
    assert task["targets"] == ["runs/smoke/03_train-svr/notebook.ipynb", "runs/smoke/03_train-svr/results.json"]
    assert task["task_dep"] == ["check"]
    assert task["io"] == {"capture": False}
    assert [node(conf, name)["task_dep"] for name in ("01_eda", "02_preprocess", "04_compare", "audit")] == [
        [],
        [],
        [],
        ["check"],
    ]


def test_a_node_runs_again_for_its_code_parameters_parts_of_the_configuration_and_environment(conf: Conf, decides: Any):
    set_ = conf.model_copy(update={"notebooks": {"01_eda": {"odd_rows_shown": 3}}})
    svr = conf.candidates["svr"].model_copy(update={"parameters": {"C": 7.0}})
    other = conf.model_copy(update={"candidates": conf.candidates | {"svr": svr}})
    own = decides(node(conf, "03_train", "svr"))

    assert own["parameters"] == {"conf": "conf/smoke.yaml", "inputs": "runs", "output": "runs", "candidate": "svr"}
    assert own["conf"].keys() >= {"candidate", "contract", "scorers"}
    assert decides(node(set_, "01_eda"))["parameters"] == {
        "conf": "conf/smoke.yaml", "inputs": "runs", "output": "runs", "odd_rows_shown": 3
    }  # fmt: skip
    assert decides(node(other, "03_train", "svr"))["conf"] != own["conf"]
    assert decides(node(other, "03_train", "random_forest")) == decides(node(conf, "03_train", "random_forest"))
    assert {key: decides(node(conf, "01_eda"))[key] == own[key] for key in ("code", "environment")} == {
        "code": False, "environment": True
    }  # fmt: skip


def test_a_node_whose_results_were_changed_by_hand_is_not_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tasks, "ROOT", tmp_path)
    folder, savers = tmp_path / "runs/x", []
    (folder / "bundle").mkdir(parents=True)
    (folder / "results.json").write_text("{}")
    (folder / "bundle/model.pkl").write_text("m")
    unchanged = tasks._outputs_unchanged(folder)
    doit = SimpleNamespace(value_savers=savers)

    assert not unchanged(doit, {}), "nothing is known of a first run"
    remembered = savers[0]()
    assert unchanged(doit, remembered)
    (folder / ".half-written").write_text("x")
    assert unchanged(doit, remembered)
    (folder / "bundle/model.pkl").write_text("n")
    assert not unchanged(doit, remembered)


def test_data_are_fetched_only_where_they_are_missing_and_somebody_said_from_where(conf: Conf, tmp_path: Path):
    absent = tmp_path / "absent.csv"
    download = Download(url="https://example.org/houses.csv")
    told = conf.model_copy(update={"data": conf.data.model_copy(update={"download": download})})
    nowhere = conf.model_copy(update={"data": conf.data.model_copy(update={"download": None})})

    assert tasks.data_task(told, DATA) is None
    assert tasks.data_task(nowhere, absent) is None
    assert (task := tasks.data_task(told, absent))["basename"] == "data"
    assert task["targets"] == [str(absent)]


def test_what_the_configuration_names_is_checked_again_when_it_or_the_code_changes(conf: Conf, decides: Any):
    file = "conf/house_prices.yaml"
    task, other = (tasks.check_task(it, file) for it in (conf, conf.model_copy(update={"metric": "r2"})))
    named = decides(task)

    assert task["basename"] == "check"
    assert named.keys() == {"candidates", "engineered", "scorers", "code", "environment"}
    assert named["scorers"] != decides(other)["scorers"]


@pytest.mark.run  # a process of its own each
@pytest.mark.parametrize("change", [{"metric": "no_scorer"}, {"candidates": {"a": {"estimator": "sklearn.svm.SVRR"}}}])
def test_a_name_that_does_not_exist_fails_the_check_with_its_sentence(
    conf: Conf, change: dict[str, Any], tmp_path: Path
):
    file = tmp_path / "conf.yaml"
    file.write_text(json.dumps({"extends": str(ROOT / "conf/house_prices.yaml")} | change), encoding="utf-8")
    failed = tasks.check_task(conf, str(file))["actions"][0]()

    assert isinstance(failed, TaskFailed)
    assert "no_scorer" in failed.get_msg() or "SVRR" in failed.get_msg()


def test_a_page_is_rendered_again_when_the_prose_the_look_or_the_pages_change(
    conf: Conf, decides: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from training.graph import render

    (tmp_path / "partials").mkdir()
    (tmp_path / "partials/head.j2").write_text("one")
    monkeypatch.setattr(render, "TEMPLATES", tmp_path)
    before = decides(tasks.report_task(conf, "04_compare"))
    (tmp_path / "partials/head.j2").write_text("two")
    after = decides(tasks.report_task(conf, "04_compare"))

    assert {key for key in before if before[key] != after[key]} == {"templates"}
    assert before["title"] == conf.title
    assert before["pages"]["04_compare"] == "report.html"
    assert before["source"] != decides(tasks.report_task(conf, "01_eda"))["source"]


def test_pages_are_made_from_what_the_notebooks_left(conf: Conf):
    report, card, search, audit = (
        tasks.report_task(conf, name) for name in ("03_train-svr", "05_publish", "tune-svr", "audit")
    )

    assert [it["basename"] for it in (report, card, search, audit)] == ["report", "report", "search", "audit"]
    assert report["file_dep"] == ["runs/smoke/03_train-svr/notebook.ipynb"]
    assert report["targets"] == ["reports/smoke/report/03_train-svr.html"]
    assert card["file_dep"] == ["runs/smoke/05_publish/notebook.ipynb"]
    assert card["targets"] == ["reports/smoke/report/model_card.html"]


def test_publishing_waits_for_the_bundle_and_every_page(conf: Conf):
    task = tasks.publish_task(conf)

    assert task["basename"] == "publish"
    assert task["file_dep"][0] == "runs/smoke/05_publish/results.json"
    assert set(task["file_dep"][1:]) == {
        f"reports/smoke/{page}"
        for page in ["report.html", *(f"report/{name}.html" for name in ("01_eda", "02_preprocess", "model_card"))]
        + [f"report/03_train-{name}.html" for name in conf.candidates]
    }


def test_what_was_found_is_written_after_every_search_and_each_time(conf: Conf):
    task = tasks.tuned_task(conf, "conf/smoke.yaml")

    assert task["basename"] == "tuned"
    assert task["file_dep"] == [f"runs/smoke/tune-{name}/results.json" for name in ("svr", "random_forest")]
    assert task["uptodate"] == [False]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DataProblem("mend the data"), "mend the data"),
        (OSError(28, "No space left on device", "/x"), "/x cannot be written: No space left on device"),
    ],
)
def test_an_action_fails_with_a_sentence_where_a_person_can_mend_it(error: Exception, message: str):
    def act() -> None:
        raise error

    failed = tasks._action(act)()
    assert isinstance(failed, TaskFailed)
    assert message in failed.get_msg()
    assert tasks._action(lambda: 3)() is None, "what it returns is no failure"


def test_any_other_exception_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        tasks._action(lambda: 1 / 0)()

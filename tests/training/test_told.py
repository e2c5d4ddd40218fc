"""What a run says in the terminal, without a run."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from modelbundle.digests import digest_bytes
from training import run
from training.config.conf import load_conf
from training.graph import graph
from training.models import check
from training.problems import RunProblem

if TYPE_CHECKING:
    from pathlib import Path

RESULTS = {
    "warning": "",
    "ranking_lines": ["candidate  RMSE", "ridge         3"],
    "reason": "ridge has the lowest mean RMSE.",
    "holdout_text": "RMSE 4",
}


def told(folder: Path, monkeypatch: pytest.MonkeyPatch, **results: Any) -> list[str]:
    monkeypatch.setattr(graph, "ROOT", folder)
    bundle = folder / "runs" / "smoke" / "05_publish" / "bundle"
    bundle.mkdir(parents=True)
    (bundle / "manifest.json").write_bytes(b"{}")
    compared = folder / "runs" / "smoke" / "04_compare"
    compared.mkdir()
    (compared / "results.json").write_text(json.dumps(RESULTS | results))
    return run.summary(load_conf("conf/smoke.yaml")).splitlines()


def test_a_run_ends_with_the_ranking_the_winner_and_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lines = told(tmp_path, monkeypatch)

    assert [line for line in lines if line] == [
        f"{load_conf('conf/smoke.yaml').title}: ranking, mean over the folds",
        "  candidate  RMSE",
        "  ridge         3",
        "Winner: ridge has the lowest mean RMSE.",
        "On the hold-out: RMSE 4",
        f"Bundle: runs/smoke/models/bundles/{digest_bytes(b'{}')}",
        f"Report: {tmp_path}/reports/smoke/report.html",
    ]


def test_a_warning_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert told(tmp_path, monkeypatch, warning="Do not rely on this model.")[:2] == ["", "Do not rely on this model."]


@pytest.mark.parametrize(
    ("task", "shown"),
    [("notebook:03_train-svr", "03_train-svr"), ("report:04_compare", "page 04_compare"), ("report", "page report"),
     ("search:blend", "page blend"), ("audit", "page audit"), ("publish", "publish")],
)  # fmt: skip
def test_a_step_is_called_by_what_it_makes(task: str, shown: str):
    assert run._shown(task) == shown


def test_a_step_is_told_when_it_starts_and_ends_and_a_failure_with_its_reason(capsys: pytest.CaptureFixture[str]):
    reporter, step = run.Reporter(), SimpleNamespace(name="notebook:01_explore", actions=["it"])
    reporter.execute_task(step)
    reporter.add_success(step)
    reporter.execute_task(SimpleNamespace(name="report:01_explore", actions=["it"]))
    reporter.execute_task(SimpleNamespace(name="report", actions=[]))
    reporter.add_success(SimpleNamespace(name="report", actions=[]))
    reporter.add_failure(step, SimpleNamespace(get_msg=lambda: "no such file\n"))
    reporter.add_failure(SimpleNamespace(name="notebook:left out"), SimpleNamespace(get_msg=lambda: "unmet"))
    lines = capsys.readouterr().out.splitlines()

    assert [line.split(" s  ")[1].split()[:2] for line in lines] == [
        ["▶", "01_explore"], ["✓", "01_explore"], ["✗", "01_explore"],
    ]  # fmt: skip
    assert float(lines[1].split()[-2]) < 10, "seconds that the step took"
    assert reporter.executed == ["notebook:01_explore"]
    assert reporter.failures == [("notebook:01_explore", "no such file")]


def test_a_damaged_memory_is_removed_and_a_sound_one_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    sound, damaged = tmp_path / "sound", tmp_path / "damaged"
    sound.write_text("{}")
    damaged.write_text('{"half')
    for memory in (sound, damaged, tmp_path / "none"):
        run._forget_if_damaged(memory)

    assert (sound.exists(), damaged.exists()) == (True, False)
    assert capsys.readouterr().err == f"{damaged} is damaged and was removed: every notebook runs again\n"


@pytest.mark.parametrize(
    ("estimator", "status", "said"),
    [("sklearn.linear_model.Ridge", 0, ""), ("sklearn.linear_model.Rigde", 1, "Rigde")],
)
def test_the_check_of_a_configuration_says_what_is_wrong(
    estimator: str, status: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
):
    conf = tmp_path / "mine.yaml"
    conf.write_text(f"extends: {graph.ROOT}/conf/smoke.yaml\ncandidates:\n  mine:\n    estimator: {estimator}\n")
    monkeypatch.setattr("sys.argv", ["check", str(conf)])

    assert check.main() == status
    told = capsys.readouterr().out
    assert said in told
    assert bool(told) == bool(status)


@pytest.mark.parametrize(("asked", "job"), [([], "_run"), (["--tune"], "_tune"), (["--audit"], "_audit")])
def test_the_exit_status_is_that_of_what_was_asked_for(asked: list[str], job: str, monkeypatch: pytest.MonkeyPatch):
    for status, each in enumerate(("_run", "_tune", "_audit"), 5):
        monkeypatch.setattr(run, each, lambda *_, status=status: status)

    assert run.main(["conf/smoke.yaml", *asked]) == {"_run": 5, "_tune": 6, "_audit": 7}[job]


def test_a_second_run_in_the_same_checkout_is_told_which_process_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run, "ROOT", tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / ".lock").write_text("an earlier one")

    with run._only_run():
        pass
    with run._only_run(), pytest.raises(RunProblem, match=rf"\(process {os.getpid()}\)"), run._only_run():
        pass


@pytest.mark.parametrize(("status", "shown"), [(0, True), (1, False)])
def test_a_search_or_an_audit_that_went_well_says_what_it_found(
    status: int, shown: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(graph, "ROOT", tmp_path)
    (tmp_path / "runs/house_prices/audit").mkdir(parents=True)
    (tmp_path / "runs/house_prices/audit/results.json").write_text('{"told": "It held in 9 of 10."}')
    monkeypatch.setattr(run, "_do", lambda *_: SimpleNamespace(status=status))

    conf = "conf/house_prices.yaml"

    assert run._tune(conf, 1) == run._audit(load_conf(conf), conf, 1) == status
    told = capsys.readouterr().out
    assert ("Found: conf/house_prices.tuned.yaml; review it" in told) == shown
    assert (f"It held in 9 of 10.\nReport: {tmp_path}/reports/house_prices/report/audit.html" in told) == shown

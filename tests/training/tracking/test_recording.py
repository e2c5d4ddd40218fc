"""A run leaves its record whatever becomes of it, and never fails for the sake of one."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import Any

import pytest

from tests.training.tracking.conftest import History, content
from training import files
from training.config.conf import Conf
from training.problems import ConfigProblem
from training.tracking import gather, recording, store

PATH = "conf/smoke.yaml"


def reporter(**more: Any) -> Any:
    nothing = {"status": 0, "started": {}, "ended": {}, "executed": [], "skipped": [], "failures": []}
    return SimpleNamespace(**nothing | {"notebooks": dict} | more)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a reporter saw of a run that did something; what its files say is made up."""

    def made_up(_conf: Conf, seen: recording.Seen) -> dict[str, Any]:
        return content(verb=seen.verb, status=seen.status, started=seen.started, command=seen.command)

    monkeypatch.setattr(gather, "content", made_up)
    monkeypatch.setattr(gather, "pages", lambda *_: {})
    monkeypatch.setattr(gather, "out_of_fold", lambda *_: [])
    return reporter(started={"check": 1.0})


def statuses(history: History) -> list[str]:
    return [history.read(name).status for name in history.names()]


def test_a_run_that_ended_well_is_finished_and_says_where_its_record_is(
    history: History, conf: Conf, done: Any, capsys: pytest.CaptureFixture[str]
):
    with recording.recorded("run", conf, PATH, done):
        pass
    (name,) = history.names()

    assert statuses(history) == ["finished"]
    assert history.read(name).command == "make run CONF=conf/smoke.yaml"
    assert capsys.readouterr().out == f"\nRecord: {history.folder / name}\n"


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "interrupted"), (ValueError, "failed"), (SystemExit, "failed")]
)
def test_a_run_that_is_stopped_leaves_its_record_and_goes_on_to_stop(
    history: History, conf: Conf, done: Any, error: type[BaseException], status: str
):
    with pytest.raises(error), recording.recorded("run", conf, PATH, done):
        raise error
    assert statuses(history) == [status]


def test_a_run_with_failures_is_failed(history: History, conf: Conf, done: Any):
    with recording.recorded("run", conf, PATH, done):
        done.status = 1
    assert statuses(history) == ["failed"]


@pytest.mark.parametrize(("verb", "count"), [("run", 0), ("tune", 1), ("audit", 1)])
def test_with_nothing_to_do_a_search_and_an_audit_are_recorded_and_a_run_is_not(
    history: History, conf: Conf, done: Any, verb: str, count: int
):
    with recording.recorded(verb, conf, PATH, reporter()):
        pass
    assert len(history.names()) == count


def test_what_differs_from_the_run_of_this_kind_before_is_told(
    history: History, conf: Conf, done: Any, monkeypatch: pytest.MonkeyPatch
):
    before = history.add(1, configuration={"title": "Other"})
    history.add(2, verb="tune")
    with recording.recorded("run", conf, PATH, done):
        pass
    record = history.read(history.names()[0])

    assert record.before == before
    assert record.changed == ["configuration: title, candidates.svr.parameters.C"]


def full(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("module", "name", "act"),
    [(files.os, "fsync", full), (store.tempfile, "mkdtemp", full), (gather, "content", lambda *_: {}["x"])],
)
@pytest.mark.parametrize("status", [0, 1])
def test_a_record_that_cannot_be_kept_costs_one_sentence(
    history: History, conf: Conf, done: Any, module: Any, name: str, act: Any, status: int,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    monkeypatch.setattr(module, name, act)
    with recording.recorded("run", conf, PATH, done):
        done.status = status
    told = capsys.readouterr()
    monkeypatch.undo()

    assert told.err.count("make run: no record of this run was kept: ") == 1
    assert told.out == ""
    assert not list(history.root.glob("runs/history/smoke/*/run.json"))


def test_a_folder_that_cannot_be_made_costs_one_sentence(
    history: History, conf: Conf, done: Any, capsys: pytest.CaptureFixture[str]
):
    (history.root / "runs").write_text("a file where the folder should be")
    with recording.recorded("run", conf, PATH, done):
        pass
    assert "no record of this run was kept" in capsys.readouterr().err


def test_a_problem_that_is_called_history_is_refused_before_it_runs(history: History, conf: Conf):
    named = conf.model_copy(update={"name": "history"})

    with pytest.raises(ConfigProblem, match="another name"), recording.recorded("run", named, PATH, reporter()):
        pytest.fail("it ran")

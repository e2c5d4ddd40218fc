"""A record says what was written, and no more; it stays short, and what does not fit stands beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.training.tracking.conftest import RMSE, History, content
from training.problems import ConfigProblem, RunProblem
from training.tracking import record, store


def test_a_record_is_named_by_its_time_and_its_content(history: History):
    name, other = history.add(1), history.add(1, winner="ridge")

    assert name.startswith("20260301T100100Z-")
    assert name != other
    assert history.read(other).winner == "ridge"


def test_a_record_is_read_as_it_was_written(history: History):
    written = record.Record.model_validate(content(started="2026-03-01T10:03:00.000Z"))

    assert history.read(history.add(3)) == written


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.replace(b'"winner": "svr"', b'"winner": "svm"'), "is not what the run wrote"),
        (lambda data: data[:200], "is not what the run wrote"),
        (None, "cannot be read: No such file"),
    ],
    ids=["altered", "cut short", "missing"],
)
def test_what_is_not_what_was_written_is_refused(history: History, change: Any, said: str):
    path = history.folder / history.add() / "run.json"
    data = path.read_bytes()
    path.unlink()
    if change:
        path.write_bytes(change(data))

    with pytest.raises(RunProblem, match=said):
        record.read_record(path.parent)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"schema_version": 2}, "newer version"), ({"strange": 1}, "no record of a run"), ({"nodes": 3}, "no record")],
)
def test_what_is_no_record_of_this_schema_is_refused(history: History, changes: dict[str, Any], said: str):
    with pytest.raises(RunProblem, match=said):
        history.read(history.add(**changes))


def test_a_record_with_many_candidates_and_trials_is_short_and_read_whole(history: History):
    one = {"failed": None, "parameters": {"C": 1.0, "gamma": 0.1}, "scores": {RMSE: [-20_000.123456789] * 30}}
    candidates = {f"candidate_{number}": one for number in range(300)}
    searches = {"blend": {"table": [{"members": ["svr"] * 5, "score": -1 / (3 + at)} for at in range(5000)]}}
    name = history.add(candidates=candidates, searches=searches)
    found, head = history.read(name), record.read_record(history.folder / name, whole=False)

    assert (history.folder / name / "run.json").stat().st_size < 200_000
    assert found.candidates == candidates
    assert found.searches == searches
    assert (head.candidates, head.winner) == ({}, "svr")


def test_a_short_record_stands_alone(history: History):
    history.add()

    assert not (history.folder / "arrays").exists()


def test_an_array_that_is_gone_is_told(history: History):
    name = history.add(searches={"tune-svr": {"table": [{"score": -1 / (3 + at)} for at in range(20_000)]}})
    for path in (history.folder / "arrays").iterdir():
        path.unlink()

    with pytest.raises(RunProblem, match=r"arrays/\w+\.json\.gz cannot be read"):
        history.read(name)
    assert record.read_record(history.folder / name, whole=False).winner == "svr"


def test_the_folder_of_the_records_is_no_problem_s_own(history: History):
    with pytest.raises(ConfigProblem, match="give the problem another name"):
        record.history_folder("history")


def test_equal_tables_are_kept_once(history: History):
    digests = {store.keep_array(history.folder, b"row,predicted\n", "csv") for _ in range(2)}
    (path,) = (history.folder / "arrays").iterdir()

    assert digests == {path.name.partition(".")[0]}


def test_a_record_is_json_with_its_schema_version(history: History):
    assert json.loads((history.folder / history.add() / "run.json").read_bytes())["schema_version"] == 1

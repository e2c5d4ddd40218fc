"""A notebook's session: what it reads and from where, what it leaves, and the card that it shows."""

from __future__ import annotations

import json
import pickle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from modelbundle.digests import digest_bytes
from tests.conftest import ROOT
from training.config.conf import load_conf
from training.graph import session
from training.graph.session import Session
from training.problems import ConfigProblem, RunProblem

if TYPE_CHECKING:
    from pathlib import Path

SMOKE = "conf/smoke.yaml"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the session displays."""
    found: list[str] = []
    monkeypatch.setattr(session, "display", lambda html: found.append(html.data))
    monkeypatch.setattr(session, "git_commit", lambda: "c0mm1t")
    return found


@pytest.fixture
def by_hand(tmp_path: Path, shown: list[str]) -> Session:
    """A session whose last run left something, beside notebooks that were run by hand."""
    return Session("04_compare", SimpleNamespace(), tmp_path / "runs/x", tmp_path / "scratch/x/04_compare")


def leave(folder: Path, **files: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / f"{name}.json").write_text(json.dumps(value))


def test_results_come_from_the_last_run_or_else_from_what_was_run_by_hand(by_hand: Session):
    leave(by_hand.inputs / "02_preprocess", results={"rows": 1}, split=[1])
    leave(by_hand.folder.parent / "02_preprocess", results={"rows": 2}, split=[2])
    leave(by_hand.folder.parent / "03_train-svr", results={"rows": 3})

    assert by_hand.read("02_preprocess") == {"rows": 1}
    assert by_hand.read_file("02_preprocess", "split.json") == [1]
    assert by_hand.read("03_train", "svr") == {"rows": 3}
    assert by_hand.path_of("03_train", "candidate.pkl", "svr") == by_hand.folder.parent / "03_train-svr/candidate.pkl"


def test_results_that_are_nowhere_are_told_with_what_makes_them(by_hand: Session):
    for read in (lambda: by_hand.read("03_train", "svr"), lambda: by_hand.read_file("03_train", "x.json")):
        with pytest.raises(
            RunProblem, match=r"03_train.* has left no results in .*: run make run first, or 03_train by"
        ):
            read()


def test_a_candidate_is_unpickled_if_it_is_the_file_that_was_recorded(by_hand: Session):
    data, folder = pickle.dumps({"a": 1}), by_hand.inputs / "03_train-svr"
    leave(folder, results={"files": {"candidate.pkl": digest_bytes(data)}})
    (folder / "candidate.pkl").write_bytes(data)

    assert by_hand.load_candidate("svr") == {"a": 1}

    (folder / "candidate.pkl").write_bytes(pickle.dumps({"a": 2}))
    with pytest.raises(
        RunProblem, match=r"candidate\.pkl is not the file that its results\.json records; run 03_train"
    ):
        by_hand.load_candidate("svr")


def test_the_record_names_every_other_file_by_its_digest_and_keeps_timings_apart(by_hand: Session, shown: list[str]):
    by_hand.write("split.json", b"[1]")
    by_hand.write("bundle/model.pkl", b"m")
    (by_hand.folder / "notebook.ipynb").write_text("{}")
    by_hand.record({"rows": 7}, fit_seconds=3.0)
    timings = json.loads((by_hand.folder / "timings.json").read_bytes())

    assert json.loads((by_hand.folder / "results.json").read_bytes()) == {
        "rows": 7,
        "files": {"bundle/model.pkl": digest_bytes(b"m"), "split.json": digest_bytes(b"[1]")},
    }
    assert timings.keys() == {"notebook_seconds", "fit_seconds"}
    assert 0 < timings["notebook_seconds"] < 60
    assert timings["fit_seconds"] == 3.0
    assert "Recorded in" in shown[0]
    assert "results.json" in shown[0]

    before = (by_hand.folder / "results.json").read_bytes()
    by_hand.record({"rows": 7})
    assert (by_hand.folder / "results.json").read_bytes() == before, "a record is no part of the next one"


def test_a_result_that_is_no_number_is_refused(by_hand: Session):
    with pytest.raises(ValueError, match="JSON compliant"):
        by_hand.record({"score": float("nan")})


def test_a_session_begins_with_an_empty_folder_and_its_parts_of_the_configuration(tmp_path: Path, shown: list[str]):
    folder = tmp_path / "out/smoke/03_train-svr"
    leave(folder, results={}, left={})
    (folder / "notebook.ipynb").write_text("{}")
    (folder / "bundle").mkdir()
    begun = session.start("03_train", SMOKE, str(tmp_path / "in"), str(tmp_path / "out"), "svr")

    assert {path.name for path in folder.iterdir()} == {"notebook.ipynb", "bundle"}
    assert (begun.node, begun.inputs, begun.folder) == ("03_train-svr", tmp_path / "in/smoke", folder)
    assert begun.conf.candidate == load_conf(SMOKE).candidates["svr"]
    assert not hasattr(begun.conf, "title"), "not among the parts that 03_train reads"
    data = load_conf(SMOKE).data.path
    assert f"{data}, SHA-256 {digest_bytes((ROOT / data).read_bytes())[:12]}" in shown[0]
    for told in ("03_train-svr", SMOKE, "c0mm1t", "scikit-learn", "pandas", "numpy", "Python"):
        assert told in shown[0]


def test_a_search_starts_from_what_people_wrote_and_a_fit_from_what_a_search_found(
    tmp_path: Path, shown: list[str], monkeypatch: pytest.MonkeyPatch
):
    asked: list[bool] = []
    monkeypatch.setattr(session, "load_conf", lambda conf, tuned: asked.append(tuned) or load_conf(conf, tuned=tuned))
    for notebook, candidate in [("tune", "svr"), ("blend", ""), ("audit", ""), ("03_train", "svr"), ("04_compare", "")]:
        session.start(notebook, SMOKE, str(tmp_path), str(tmp_path), candidate)

    assert asked == [False, False, False, True, True]


def test_an_unknown_candidate_is_refused(tmp_path: Path, shown: list[str]):
    with pytest.raises(ConfigProblem, match="there is no candidate 'svm'"):
        session.start("03_train", SMOKE, str(tmp_path), str(tmp_path), "svm")

"""Which run is meant, and tags: unique, beside the records, and never like an id."""

from __future__ import annotations

import pytest

from tests.training.tracking.conftest import History
from training.bundle import service
from training.config.conf import Conf
from training.problems import RunProblem
from training.tracking import find


def test_a_run_is_found_by_id_name_beginning_and_tag(history: History, conf: Conf):
    name, _ = history.add(1), history.add(2)
    find.tag(conf, name, "good")
    identity = name.rpartition("-")[2]

    assert {find.find(conf, each) for each in (name, identity, identity[:5], "good", name[:14])} == {name}


@pytest.mark.parametrize(
    ("named", "said"), [("20260301", "is the beginning of 2 runs"), ("zzzz", "there is no run zzzz of smoke"),
                        ("2", "there is no run 2"), ("goood", "did you mean good?")],
)  # fmt: skip
def test_what_is_no_run_or_several_is_refused(history: History, conf: Conf, named: str, said: str):
    name, _ = history.add(1), history.add(2)
    find.tag(conf, name, "good")

    with pytest.raises(RunProblem, match=said):
        find.find(conf, named)


def test_the_served_run_is_the_one_that_made_the_bundle(history: History, conf: Conf, monkeypatch: pytest.MonkeyPatch):
    made = history.add(1, bundle="v1")
    history.add(2, bundle="v1", verb="run", winner="ridge")
    history.add(3, bundle="v2")
    with pytest.raises(RunProblem, match="serves no bundle yet"):
        find.find(conf, "served")
    monkeypatch.setattr(service, "served_version", lambda registry: "v1")

    assert find.find(conf, "served") == find.made_by(conf.name, "v1") == made
    monkeypatch.setattr(service, "served_version", lambda registry: "v0")
    with pytest.raises(RunProblem, match="older than the records"):
        find.find(conf, "served")


def test_the_bundles_of_tagged_runs_are_known(history: History, conf: Conf):
    tagged = history.add(1, bundle="v1")
    history.add(2, bundle="v2")
    find.tag(conf, tagged, "good")

    assert find.tagged_versions(conf.name) == ["v1"]


def test_the_last_runs_are_those_of_make_run(history: History, conf: Conf):
    first, second = history.add(1), history.add(2)
    history.add(3, verb="tune")

    assert find.last_runs(conf, 2) == [second, first]
    with pytest.raises(RunProblem, match="smoke has 2 records of make run, and 3 are needed"):
        find.last_runs(conf, 3)


def test_a_tag_belongs_to_one_run_and_is_taken_away(history: History, conf: Conf):
    one, two = history.add(1), history.add(2)
    find.tag(conf, one, "good")
    find.tag(conf, one, "good")
    find.tag(conf, one, "better")

    with pytest.raises(RunProblem, match=f"good is the tag of {one}"):
        find.tag(conf, two, "good")
    assert find.tags("smoke") == {"better": one, "good": one}
    assert find.tag(conf, "good", "") == f"{one}: no longer good"
    assert find.tags("smoke") == {"better": one}
    find.tag(conf, two, "good")
    find.tag(conf, two, "best")
    find.tag(conf, two, "")
    assert find.tags("smoke") == {"better": one}
    assert find.tag(conf, two, "") == f"{two}: it had no tag"


def test_records_are_not_touched_by_a_tag(history: History, conf: Conf):
    name = history.add(1)
    before = (history.folder / name / "run.json").read_bytes()
    find.tag(conf, name, "good")

    assert (history.folder / name / "run.json").read_bytes() == before
    assert {path.name for path in (history.folder / name).iterdir()} == {"run.json"}


def test_of_two_who_give_a_tag_at_once_one_is_refused(history: History, conf: Conf, monkeypatch: pytest.MonkeyPatch):
    one, two = history.add(1), history.add(2)
    find.tag(conf, one, "good")
    monkeypatch.setattr(find, "tags", lambda _problem: {})  # as the slower one saw them

    with pytest.raises(RunProblem, match="has just become the tag of another run"):
        find.tag(conf, two, "good")


def test_the_tag_of_a_run_that_is_gone_may_be_given_again(history: History, conf: Conf):
    one, two = history.add(1), history.add(2)
    find.tag(conf, one, "good")
    (history.folder / one / "run.json").unlink()
    (history.folder / one).rmdir()
    find.tag(conf, two, "good")

    assert find.tags("smoke") == {"good": two}


@pytest.mark.parametrize("name", ["Good", "a b", "../x", "served", "beef", "1st", "x" * 41, "ü", "-x", "a/b", "good\n"])
def test_a_bad_name_is_refused(history: History, conf: Conf, name: str):
    run = history.add(1)

    with pytest.raises(RunProblem, match="cannot be a tag"):
        find.tag(conf, run, name)
    assert not (history.folder / "tags").exists()

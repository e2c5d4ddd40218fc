"""The index is a convenience: the list tells what the records say, whatever becomes of it."""

from __future__ import annotations

import json
import shutil
import time
from typing import Any

import pytest

from tests.training.tracking.conftest import History
from training.files import write_atomically
from training.graph import ledger
from training.tracking import index


def spoil_with(text: str) -> Any:
    return lambda path: path.write_text(text)


@pytest.mark.parametrize(
    "spoil",
    [lambda path: path.unlink(), spoil_with('{"half'), spoil_with("[]"), spoil_with('{"shape": 0, "heads": {"x": 1}}')],
    ids=["gone", "half", "strange", "of another version"],
)
def test_an_index_that_is_gone_or_damaged_is_made_again(history: History, spoil: Any):
    names = [history.add(minute) for minute in range(3)]
    before = index.heads("smoke")
    spoil(history.folder / "index.json")

    assert index.heads("smoke") == before
    assert history.names() == names[::-1]
    assert json.loads((history.folder / "index.json").read_bytes())["shape"] == index.SHAPE


def test_records_are_read_once(history: History, monkeypatch: pytest.MonkeyPatch):
    history.add(1)
    before = index.heads("smoke")
    monkeypatch.setattr(index, "read_record", None)

    assert index.heads("smoke") == before


def test_a_record_that_was_altered_since_is_listed_as_unreadable_and_a_deleted_one_not_at_all(history: History):
    altered, deleted = history.add(1), history.add(2)
    index.heads("smoke")
    for name in (altered, deleted):
        (history.folder / name / "run.json").unlink()
    (history.folder / altered / "run.json").write_text("{}")
    (head,) = index.heads("smoke")

    assert (head["name"], head["status"], head["winner"]) == (altered, "unreadable", None)
    assert head["started"] == "2026-03-01T10:01:00"
    assert "is not what the run wrote" in head["why"]


def test_a_folder_that_cannot_be_written_is_listed_all_the_same(history: History):
    name = history.add(1)
    (history.folder / "index.json").mkdir()  # as root, rights refuse nothing

    assert history.names() == [name]


def test_a_head_tells_what_the_record_says(history: History):
    history.add(1, commit={"name": "abc", "changed": 2, "files": []}, changed=["code: 03_train"])
    (head,) = index.heads("smoke")
    told = {key: head[key] for key in ("commit", "dirty", "winner", "metric", "unit", "folds", "holdout", "changed")}

    assert told == {
        "commit": "abc", "dirty": True, "winner": "svr", "metric": "RMSE", "unit": "USD", "folds": 20.0,
        "holdout": 21.0, "changed": ["code: 03_train"],
    }  # fmt: skip


def test_the_ledger_counts_executions_over_all_problems_in_their_order(history: History):
    def scored(identity: str, by: str) -> dict[str, Any]:
        return {"holdout": {"id": identity, "rows": 20, "times": 1, "by": by}}

    history.add(2, **scored("h", "b"))
    history.add(3, **scored("h", "b"), winner="ridge")  # compared nothing anew
    history.add(4, **scored("other", "c"))
    history.add(5, holdout=None)
    elsewhere = History(history.root)
    elsewhere.folder = history.folder.parent / "houses"
    elsewhere.add(1, **scored("h", "a"), problem="houses")
    index.write_ledger()

    assert ledger.read_ledger() == {"h": ["a", "b"], "other": ["c"]}


def test_a_ledger_that_says_something_else_than_the_records_is_made_again(history: History):
    history.add(1)
    write_atomically(ledger.ledger_file(), b'{"h": ["x", "y"]}')
    index.write_ledger()

    assert ledger.read_ledger() == {"h": ["first"]}


@pytest.mark.parametrize("change", ["a record went", "a record came", "the ledger went", "the ledger is damaged"])
def test_scorings_are_counted_again_when_something_has_changed_and_not_otherwise(
    history: History, change: str, monkeypatch: pytest.MonkeyPatch
):
    name = history.add(1)
    index.require_ledger()
    with monkeypatch.context() as patched:
        patched.setattr(index, "write_ledger", None)  # is not called
        index.require_ledger()
    time.sleep(0.02)  # the clock of a file system has coarse ticks
    {
        "a record went": lambda: shutil.rmtree(history.folder / name),
        "a record came": lambda: history.add(2, holdout={"id": "h", "rows": 20, "times": 2, "by": "second"}),
        "the ledger went": lambda: ledger.ledger_file().unlink(),
        "the ledger is damaged": lambda: ledger.ledger_file().write_text('{"h'),
    }[change]()
    index.require_ledger()

    counted = {"a record went": {}, "a record came": {"h": ["first", "second"]}}
    assert ledger.read_ledger() == counted.get(change, {"h": ["first"]})


def test_without_records_there_is_no_ledger(history: History):
    index.require_ledger()

    assert ledger.read_ledger() == {}
    assert not history.folder.parent.exists()

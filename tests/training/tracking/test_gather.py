"""What goes into a record of texts that may hold secrets, and of a run that came half-way."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from training.config.conf import Download, load_conf
from training.graph import graph, ledger
from training.tracking import gather
from training.tracking.record import Record
from training.tracking.recording import Seen


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://me:pass@example.org/a.csv?token=1#x", "https://example.org/a.csv"),  # pragma: allowlist secret
        ("from s3://key@bucket/x?versionId=3 in 4 tries: timeout", "from s3://bucket/x in 4 tries: timeout"),
        ("('https://u:p@h/x?k=v')", "('https://h/x')"),
        ("https://example.org/a@b.csv", "https://example.org/a@b.csv"),
        ("https://me:p@s's@example.org", "https://example.org"),
        ("https://example.org/a?key=it's a 'secret'", "https://example.org/a"),
        ("what is this? me@example.org #1", "what is this? me@example.org #1"),
    ],
)
def test_addresses_lose_what_may_be_secret(text: str, said: str):
    assert gather.without_secrets({"a": [text, 1, None]}) == {"a": [said, 1, None]}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that ended after the first candidate; old results of others lie about."""
    for module in (graph, ledger):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    folder = tmp_path / "runs/smoke"
    results = {"baseline": False, "preprocessing": "scaled", "parameters": {"C": 1}, "failed": None, "size_bytes": 3}
    for name in ("svr", "median"):
        one = results | {"scores": {"r2": [0.5]}, "files": {"out_of_fold.csv": name}}
        write(folder / f"03_train-{name}", one, {"fit_seconds": 0.5})
    write(folder / "04_compare", {"winner": "median"}, {})
    return folder


def write(folder: Path, results: dict[str, Any], timings: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "timings.json").write_text(json.dumps(timings))


def seen(**changes: Any) -> Seen:
    happened = {
        "verb": "run", "command": "make run", "status": "failed", "started": "s", "ended": "e",
        "ran": ["notebook:03_train-svr", "report:03_train-svr"], "skipped": [],
        "failures": [("notebook:03_train-random_forest", "no data at https://u:p@h/x?k")],
        "notebooks": {
            "notebook:03_train-svr": {"code": "c", "why": ["conf.candidate"]},
            "notebook:03_train-random_forest": {"code": "c", "why": []},
            "notebook:03_train-median": {"code": "c", "why": ["code"]},
            "notebook:04_compare": {},
        },
        "seconds": {"notebook:03_train-svr": 1.0, "report:03_train-svr": 0.1, "notebook:03_train-random_forest": 2.0,
                    "notebook:03_train-median": 3.0},
    }  # fmt: skip
    return Seen(**happened | changes)


def test_results_of_what_did_not_end_well_are_not_told(runs: Path):
    record = Record.model_validate(gather.content(load_conf("conf/smoke.yaml"), seen()))

    assert {name: node.outcome for name, node in record.nodes.items()} == {
        "03_train-svr": "ran", "03_train-random_forest": "failed", "03_train-median": "stopped",
        "04_compare": "left out",
    }  # fmt: skip
    assert record.nodes["03_train-svr"].why == ["conf.candidate"]
    assert record.nodes["03_train-random_forest"].why == ["its results were changed"]
    assert record.candidates["random_forest"] == {"failed": "its notebook failed"}
    assert record.candidates["svr"]["seconds"] == {"fit_seconds": 0.5}
    assert record.candidates["svr"]["out_of_fold"] == "svr"
    assert record.candidates.keys() == {"svr", "random_forest"}
    assert (record.winner, record.holdout, record.bundle, record.folds) == (None, None, None, None)
    assert record.failures == {"notebook:03_train-random_forest": "no data at https://h/x"}
    assert record.steps == {"report:03_train-svr": 0.1}


def test_a_configuration_is_told_as_it_was_read_without_its_secrets(runs: Path):
    conf = load_conf("conf/smoke.yaml")
    download = Download(url="https://me:secret@example.org/houses.csv?key=secret")
    conf = conf.model_copy(update={"data": conf.data.model_copy(update={"download": download})})
    record = gather.content(conf, seen())

    assert "secret" not in json.dumps(record)
    assert record["configuration"]["data"]["download"]["url"] == "https://example.org/houses.csv"
    assert record["configuration"]["candidates"]["svr"]["parameters"] == conf.candidates["svr"].parameters


def test_data_that_are_missing_are_told_so(runs: Path):
    conf = load_conf("conf/smoke.yaml")
    nowhere = conf.model_copy(update={"data": conf.data.model_copy(update={"path": "data/none.csv", "download": None})})

    assert gather.content(nowhere, seen())["data"] == {"missing": True}


def test_a_user_without_a_name_is_told_by_number(monkeypatch: pytest.MonkeyPatch):
    def unknown() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(gather, "getpass", SimpleNamespace(getuser=unknown))

    assert gather._user().startswith("user ")

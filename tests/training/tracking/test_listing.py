"""The list of runs: newest first, filtered, in a table that a person reads and JSON that a program reads."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from modelbundle.digests import canonical_json
from tests.training.tracking.conftest import History, content
from training import runs
from training.config.conf import Conf
from training.tracking import find, listing
from training.tracking.record import run_name

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def three(history: History, conf: Conf) -> list[str]:
    """A good run with a tag, a failed one of other data, and a search; oldest first."""
    nothing = {"winner": None, "metrics": {}, "holdout": None, "bundle": None}
    names = [
        history.add(1, commit={"name": "0123456789abc", "changed": 3, "files": []}),
        history.add(2, status="failed", data={"sha256": "e" * 64}, changed=["data: values", "code: tune"], **nothing),
        history.add(3, verb="tune", winner="ridge"),
    ]
    find.tag(conf, names[0], "good")
    return names


@pytest.mark.parametrize(
    ("wanted", "found"),
    [({}, [2, 1, 0]), ({"winner": "svr"}, [0]), ({"status": "failed"}, [1]), ({"tag": "good"}, [0]),
     ({"data": "eee"}, [1]), ({"last": 2}, [2, 1]), ({"winner": "svr", "status": "failed"}, []), ({"tag": "goo"}, [])],
)  # fmt: skip
def test_runs_are_listed_newest_first_and_filtered(three: list[str], wanted: dict[str, Any], found: list[int]):
    assert [head["name"] for head in listing.listed("smoke", listing.Wanted(**wanted))] == [three[at] for at in found]


def test_a_line_says_what_a_person_looks_for(three: list[str]):
    head, tune, failed, good = listing.table(listing.listed("smoke", listing.Wanted()), NOW)
    identity = three[0].rpartition("-")[2]

    assert head.split()[:6] == ["run", "age", "what", "status", "commit", "winner"]
    assert good.split() == [
        *(identity, "1", "h", "run", "finished", "01234567+", "svr", "RMSE", "20", "USD", "RMSE", "21", "USD"),
        *("(no.", "1)", "good"),
    ]
    assert failed.split("failed")[1].split() == ["abc123", "data:", "values;", "code:", "tune"]
    assert " tune " in tune


def test_an_unreadable_record_is_listed_with_its_reason(history: History):
    path = history.folder / history.add(1) / "run.json"
    path.chmod(0o644)
    path.write_text("{}")
    _, line, why = listing.table(listing.listed("smoke", listing.Wanted()), NOW)

    assert "unreadable" in line
    assert "is not what the run wrote" in why


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "0 s"), (0.5, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (86_399, "23 h"), (86_400 * 40, "40 d")],
)
def test_an_age_has_one_unit(seconds: float, said: str):
    assert listing.age(seconds) == said


def test_the_verb_prints_a_table_or_json_and_says_where_there_is_nothing(
    history: History, capsys: pytest.CaptureFixture[str]
):
    assert runs.main(["list", "conf/smoke.yaml"]) == 0
    assert "is of such a run of smoke" in capsys.readouterr().out
    name = history.add(1)
    assert runs.main(["list", "conf/smoke.yaml", "--json"]) == 0
    (head,) = json.loads(capsys.readouterr().out)
    assert (head["name"], head["tags"]) == (name, [])
    assert runs.main(["list", "conf/smoke.yaml"]) == 0
    assert name.rpartition("-")[2] in capsys.readouterr().out
    assert runs.main(["list", "conf/smoke.yaml", "--last=some"]) == 1
    assert "LAST=some is no number of runs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "said"), [([], "say which run"), (["--run=x"], "say which run"), (["--name=x"], "say which run")]
)
def test_a_tag_needs_a_run_and_a_name(asked: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert runs.main(["tag", "conf/smoke.yaml", *asked]) == 1
    assert said in capsys.readouterr().err


def test_a_thousand_records_are_listed_in_less_than_a_second(history: History):
    for number in range(1000):
        data = canonical_json(content(started=f"2026-03-01T{number // 60:02}:{number % 60:02}:00.000Z"))
        folder = history.folder / run_name(json.loads(data)["started"], data)
        folder.mkdir(parents=True)
        (folder / "run.json").write_bytes(data)
    history.names()
    before = time.process_time()
    lines = listing.table(listing.listed("smoke", listing.Wanted(last=1000)), NOW)

    assert time.process_time() - before < 0.5
    assert len(lines) == 1001


def test_to_list_runs_loads_nothing_that_is_slow():
    slow = ("numpy", "scipy", "pandas", "sklearn", "matplotlib")
    code = f"import sys, training.runs; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"

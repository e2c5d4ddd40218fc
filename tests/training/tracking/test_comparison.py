"""Two runs side by side: what differs is told key by key, and a difference is paired only where the folds are one."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.training.tracking.conftest import RMSE, SHOWN, History, content
from training import runs
from training.graph import graph
from training.tracking import comparison, differences, page, paired
from training.tracking.record import Record

R2 = "r2"


def record(**changes: Any) -> Record:
    return Record.model_validate(content(**changes))


def scored(name: str, values: list[float], scorer: str = RMSE, **more: Any) -> dict[str, Any]:
    return {name: {"failed": None, "scores": {scorer: values}} | more}


def told(old: Record, new: Record) -> str:
    return "\n".join(comparison.lines(comparison.compare(("one", "two"), old, new)))


def test_a_difference_is_that_of_nadeau_and_bengio():
    old, new = record(candidates=scored("svr", [-9.0, -11.0, -10.0, -8.0])), record(
        candidates=scored("svr", [-10.0, -14.0, -11.0, -8.5])
    )  # fmt: skip
    (pair,) = paired.pairs(old, new)
    apart = np.array([1.0, 3.0, 1.0, 0.5])
    half = stats.t.ppf(0.975, 3) * np.sqrt(apart.var(ddof=1) * (1 / 4 + 25 / 75))

    assert (pair.old, pair.new) == (9.5, 10.875)
    assert (pair.difference, pair.low, pair.high) == pytest.approx((1.375, 1.375 - half, 1.375 + half))
    assert pair.told == "not told apart"


@pytest.mark.parametrize(
    ("scorer", "old", "new", "said"),
    [
        (RMSE, [-9, -9, -9, -9.1], [-12, -12, -12, -12], "worse"),
        (RMSE, [-12, -12, -12, -12.1], [-9, -9, -9, -9], "better"),
        (R2, [0.5, 0.5, 0.5, 0.51], [0.8, 0.8, 0.8, 0.8], "better"),
        (R2, [0.8, 0.8, 0.8, 0.81], [0.5, 0.5, 0.5, 0.5], "worse"),
        (RMSE, [-9, -8, -7, -6], [-9, -8, -7, -6], "the same"),
    ],
)
def test_better_and_worse_are_told_for_errors_and_for_scores(scorer: str, old: Any, new: Any, said: str):
    (pair,) = paired.pairs(*(record(metric=scorer, candidates=scored("svr", it, scorer)) for it in (old, new)))

    assert pair.told == said


@pytest.mark.parametrize(
    ("changes", "name", "said"),
    [
        ({"folds": {"id": "g", "fit": [75] * 4, "score": [25] * 4}}, "svr", "not comparable: other folds"),
        ({"folds": None}, "svr", "not comparable: other folds"),
        ({"candidates": scored("lasso", [-1.0] * 4)}, "lasso", "not in the old run"),
        ({"candidates": scored("lasso", [-1.0] * 4)}, "svr", "not in the new run"),
        ({"candidates": {"svr": {"failed": "it broke"}}}, "svr", "failed in the new run"),
        ({"candidates": scored("svr", [0.5] * 4, R2)}, "svr", f"not scored by {RMSE} in both"),
    ],
)
def test_where_nothing_can_be_paired_it_is_said(changes: dict[str, Any], name: str, said: str):
    pair = next(each for each in paired.pairs(record(), record(**changes)) if each.name == name)

    assert (pair.difference, pair.low, pair.high) == (None, None, None)
    assert pair.told == said


def test_other_folds_and_another_hold_out_are_told():
    other = record(folds={"id": "g", "fit": [70], "score": [30]}, holdout={"id": "i", "rows": 2, "times": 3, "by": "x"})
    text = told(record(), other)

    assert "The folds are not the same" in text
    assert "They scored different hold-outs" in text
    assert re.search(r"scoring of the hold-out +no\. 1 +no\. 3", text)


def test_a_run_that_was_interrupted_is_compared_as_far_as_it_came():
    text = told(record(), record(status="interrupted", folds=None, holdout=None, winner=None, metrics={}, candidates={},
                                 data={}, bundle=None))  # fmt: skip

    for said in (
        "One of them scored no hold-out.",
        "One of the runs left no folds",
        "One of the runs did not read them.",
    ):
        assert said in text


def test_what_differs_is_told_by_key_by_notebook_and_by_part():
    configuration = {"title": "Houses", "candidates": {"svr": {"parameters": {"C": 2.0}}}, "seed": 1}
    new = record(
        configuration=configuration,
        nodes={"03_train-svr": {"outcome": "ran", "code": "other"}, "04_compare": {"outcome": "ran", "code": "x"}},
        data={"file": "data/x.csv", "sha256": "e" * 64, "rows": 120},
        environment={"digest": "f", "lock": "l", "python": "3.12.1", "machine": "linux x86_64"},
        commit={"name": "def456", "changed": 2, "files": []},
    )
    text = told(record(), new)

    assert differences.configuration(record(), new) == [("candidates.svr.parameters.C", 1.0, 2.0), ("seed", "—", 1)]
    assert differences.code(record(), new) == ["03_train-svr"]
    assert differences.environment(record(), new) == [("python", "3.11.9", "3.12.1")]
    assert [name for name, *_ in differences.data(record(), new)] == ["values", "rows"]
    assert "The code of 03_train-svr differs" in text
    assert "The commit was abc123; it is def456 (files changed: 2)." in text
    assert differences.in_short(record(), new) == [
        "configuration: candidates.svr.parameters.C, seed", "code: 03_train", "data: values, rows",
        "environment: python",
    ]  # fmt: skip


def test_what_one_run_does_not_know_is_no_difference():
    assert differences.in_short(record(), record(data={"file": "data/x.csv"}, nodes={})) == []


def test_equal_runs_are_the_same_in_everything():
    assert differences.in_short(record(), record()) == []
    assert told(record(), record()).count("The same.") == 3


def test_a_long_list_of_keys_is_cut_in_short():
    new = record(configuration={"a": 1, "b": 2, "c": 3, "title": "Houses",
                                "candidates": {"svr": {"parameters": {"C": 1.0}}}})  # fmt: skip

    assert differences.in_short(record(), new) == ["configuration: a, b and 1 more"]


def test_the_page_shows_the_same_and_a_picture_of_what_is_paired():
    evil = scored("<svr>", [-9.0, -9.0, -9.0, -9.5])
    old, new = record(candidates=evil), record(candidates=scored("<svr>", [-10.0, -14.0, -11.0, -8.5]))
    html = page.page(comparison.compare(("one", "two"), old, new)).decode()

    assert html.count("<circle") == 1
    assert "<svr>" not in html
    assert "&lt;svr&gt;" in html
    assert "color-scheme" in html
    assert "--accent" in html
    assert not re.search(r"(src|href)=|@import|url\(", html), "it loads nothing"
    assert "<svg" not in page.page(comparison.compare(("one", "two"), old, record(folds=None))).decode()


def test_the_verb_compares_the_last_two_and_writes_the_page(
    history: History, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(graph, "ROOT", history.root)
    first = history.add(1)
    assert runs.main(["compare", "conf/smoke.yaml"]) == 1
    assert "smoke has 1 record of make run, and 2 are needed" in capsys.readouterr().err
    second, third = history.add(2), history.add(3, winner="ridge", metrics={RMSE: SHOWN | {"holdout": 22.0}})

    def compared(*named: str) -> list[str]:
        assert runs.main(["compare", "conf/smoke.yaml", *named]) == 0
        return re.search(r"^  run +(\S+) +(\S+)$", capsys.readouterr().out, re.MULTILINE).groups()

    assert [*compared()] == [second, third]
    assert [*compared(f"--a={first}")] == [first, third]
    assert [*compared(f"--b={first[-8:]}")] == [third, first]
    assert first in (history.root / "reports/smoke/compare.html").read_text()

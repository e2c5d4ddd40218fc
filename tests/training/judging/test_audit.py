"""The audit: what it puts aside is used by nothing, and its range is held against just that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.config.conf import Split
from training.config.recipe import Candidate
from training.data.reading import features_and_target
from training.judging import audit, quoted
from training.judging.audit import Audited, audit_once, held, record
from training.models import evaluate
from training.models.metrics import describe
from training.reporting.tables import audits_table
from training.reporting.words_result import tell_audits

if TYPE_CHECKING:
    from pathlib import Path

    from modelbundle.contract import Contract

compare = audit._compare
RMSE = "neg_root_mean_squared_error"
USD = describe(RMSE, "USD")
RIDGE = {"estimator": "sklearn.linear_model.Ridge", "search": {"alpha": {"low": 0.1, "high": 10.0}}}
CANDIDATES = {
    "median": {"estimator": "sklearn.dummy.DummyRegressor", "parameters": {"strategy": "median"}, "baseline": True},
    "ridge": RIDGE,
    "tree": {"estimator": "sklearn.tree.DecisionTreeRegressor", "parameters": {"max_depth": 3}},
    "blend": {"members": ["ridge", "tree"]},
}


@pytest.fixture
def conf(contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(evaluate, "CACHE", tmp_path)
    monkeypatch.setattr(quoted, "RESAMPLES", 50)
    return SimpleNamespace(
        contract=contract, engineered={}, target_transform="log", split=Split(folds=3, repeats=1), scorers=[RMSE, "r2"],
        rule="best_mean", candidates={name: Candidate(**each) for name, each in CANDIDATES.items()},
    )  # fmt: skip


@pytest.mark.run
def test_nothing_but_the_last_score_sees_the_records_that_are_put_aside(
    conf: Any, contract: Contract, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
):
    X, y = features_and_target(table, contract)
    aside = np.random.default_rng(5).permutation(len(X))[:12]
    spoilt = y.copy()
    spoilt.iloc[aside] *= 3
    published = []
    score = evaluate.score

    def scored(fitted: Any, *arguments: Any) -> dict[str, float]:
        published.append(fitted.predict(X).tolist())
        return score(fitted, *arguments)

    monkeypatch.setattr(evaluate, "score", scored)
    before, after = (audit_once(conf, X, target, 5, 0.2, 2, RMSE) for target in (y, spoilt))

    assert (before.winner, before.quoted) == (after.winner, after.quoted)
    assert published[0] == published[1]
    assert before.holds(RMSE)
    assert after.unused[RMSE] > 3 * before.unused[RMSE]
    assert not after.holds(RMSE)


@pytest.mark.run
def test_no_record_that_is_put_aside_is_equal_to_one_that_is_used(
    conf: Any, contract: Contract, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
):
    twice = pd.concat([table, table], ignore_index=True)
    X, y = features_and_target(twice, contract)
    seen: list[set[tuple[Any, ...]]] = []

    def remember(X: pd.DataFrame, y: pd.Series) -> None:
        seen.append(set(X.assign(y=y).itertuples(index=False, name=None)))

    monkeypatch.setattr(
        audit,
        "_compare",
        lambda conf, searched, shared: (remember(shared.X, shared.y), compare(conf, searched, shared))[1],
    )
    score = evaluate.score
    monkeypatch.setattr(
        evaluate, "score", lambda fitted, X, y, scorers: (remember(X, y), score(fitted, X, y, scorers))[1]
    )
    audit_once(conf, X, y, 5, 0.2, 1, RMSE)
    used, aside = seen

    assert (len(used), len(aside)) == (48, 12)
    assert not used & aside


@pytest.mark.run
def test_a_candidate_that_fails_is_left_out(conf: Any, contract: Contract, table: pd.DataFrame):
    X, y = features_and_target(table, contract)
    broken = Candidate(estimator="tests.helpers.broken_estimators.RaisesInFit")
    only = {name: conf.candidates[name] for name in ("median", "ridge")}
    blend = Candidate(members=["ridge", "ridge"])

    assert audit_once(with_candidates(conf, conf.candidates | {"broken": broken}), X, y, 1, 0.2, 1, RMSE)
    assert audit_once(with_candidates(conf, only | {"blend": blend}), X, y, 1, 0.2, 1, RMSE).winner in (
        "ridge",
        "blend",
    )


def with_candidates(conf: Any, candidates: dict[str, Candidate]) -> Any:
    return SimpleNamespace(**vars(conf) | {"candidates": candidates})


@pytest.mark.run
def test_another_seed_puts_others_aside(conf: Any, contract: Contract, table: pd.DataFrame):
    X, y = features_and_target(table, contract)
    one, other = (audit_once(conf, X, y, seed, 0.2, 1, RMSE) for seed in (0, 1))

    assert one.unused != other.unused


def test_it_counts_how_often_the_range_held():
    quoted = {RMSE: {"value": 10.0, "low": 8.0, "high": 13.0}}
    audits = [Audited(seed, "svr", quoted, {RMSE: error}) for seed, error in enumerate((7.9, 8.0, 12.0, 14.1))]

    assert held(audits, RMSE) == 2
    assert tell_audits(audits, [describe(RMSE, "USD")]) == (
        "By RMSE the quoted range held the error on the unused records in **2 of 4** re-splits. "
        "On average that error was 5.0% above the quoted one."
    )


def test_the_table_says_of_each_re_split_whether_the_range_held():
    quoted = {RMSE: {"value": 10.0, "low": 8.0, "high": 13.0}}
    table = audits_table([Audited(7, "svr", quoted, {RMSE: 13.0}), Audited(9, "ridge", quoted, {RMSE: 13.5})], USD)

    assert table.loc[7].tolist() == ["svr", "10 USD", "8 to 13 USD", "13 USD", "yes"]
    assert table.loc[9].tolist() == ["ridge", "10 USD", "8 to 13 USD", "13.5 USD", "no"]
    assert list(table)[1] == "RMSE quoted"


def test_the_record_counts_what_held_by_each_scorer():
    quoted = {RMSE: {"value": 10.0, "low": 8.0, "high": 13.0}, "r2": {"value": 0.5, "low": 0.4, "high": 0.6}}
    audits = [Audited(seed, "svr", quoted, {RMSE: 9.0, "r2": r2}) for seed, r2 in enumerate((0.5, 0.7))]
    found = record(audits, [USD, describe("r2", "USD")])

    assert (found["splits"], found["held"]) == (2, {RMSE: 2, "r2": 1})
    assert found["audits"][1] == {"seed": 1, "winner": "svr", "quoted": quoted, "unused": {RMSE: 9.0, "r2": 0.7}}
    assert tell_audits(audits, [USD, describe("r2", "USD")]) == (
        "By RMSE the quoted range held the error on the unused records in **2 of 2** re-splits (R² 1). "
        "On average that error was 10.0% below the quoted one."
    )

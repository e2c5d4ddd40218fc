"""make tune: what it searches, what it writes, and that the next run goes by it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from training.config.conf import load_conf
from training.config.recipe import Candidate, Range, Searched, Tuning
from training.models.evaluate import Shared
from training.models.metrics import describe
from training.models.search import Found, best_blend, blend_scores, search_parameters, summary, try_each
from training.problems import CandidateFailed
from training.reporting.words_result import tuning_table
from training.reporting.words_search import tell_search

if TYPE_CHECKING:
    import pandas as pd

    from modelbundle.contract import Contract
    from tests.conftest import Project

RMSE = "neg_root_mean_squared_error"
FOLDS = [{"fit": list(range(20, 60)), "score": list(range(20))}, {"fit": list(range(40)), "score": list(range(40, 60))}]


def ridge(alpha: float, space: Range) -> Candidate:
    parameters, search = {"alpha": alpha}, {"alpha": space}
    return Candidate(estimator="sklearn.linear_model.Ridge", parameters=parameters, search=search)


@pytest.fixture
def searched_with(contract: Contract, table: pd.DataFrame, tmp_path, monkeypatch: pytest.MonkeyPatch):
    from training.data.reading import features_and_target
    from training.models import evaluate
    from training.models.candidates import Design, builder

    monkeypatch.setattr(evaluate, "CACHE", tmp_path)
    X, y = features_and_target(table, contract)
    build = builder("ridge", Design(contract))
    return lambda search, what, *more: search(what, build, Shared(X, y, FOLDS), RMSE, *more)


@pytest.fixture
def searched(searched_with):
    return lambda candidate, trials=12: searched_with(search_parameters, candidate, trials, 0)


@pytest.mark.run
def test_it_starts_from_the_present_setting_and_finds_a_better_one(searched):
    found = searched(ridge(1000.0, Range(low=0.001, high=1000.0, log=True)))
    told = summary(found)

    assert found.tried[0] == {"alpha": 1000.0}
    assert told["after"] > told["before"] == found.scores[0]
    assert told["parameters"]["alpha"] < 100
    assert len(found.tried) == told["trials"] == 12


@pytest.mark.run
def test_it_proposes_the_same_again(searched):
    candidate = ridge(1.0, Range(low=0.001, high=1000.0, log=True))

    assert searched(candidate) == searched(candidate)


@pytest.mark.run
def test_an_optimum_at_the_end_of_its_range_is_named(searched):
    assert searched(ridge(300.0, Range(low=300.0, high=1000.0))).at_edge == ["alpha"]


def test_models_that_err_apart_are_better_together(table: pd.DataFrame):
    y = table["Price"].astype(float)
    off = 0.1 * np.where(np.arange(60) % 2, 1, -1)
    predicted = {
        name: [(y * np.exp(sign * off)).iloc[fold["score"]].tolist() for fold in FOLDS]
        for name, sign in (("high", 1), ("low", -1), ("higher", 2))
    }
    scores = blend_scores(predicted, Shared(None, y, FOLDS), RMSE, log=True, most=3)

    assert next(iter(scores)) == ("high", "low")
    assert scores["high", "low"] == pytest.approx(0, abs=1e-6)


def test_a_blend_that_would_lose_the_comparison_is_not_chosen(table: pd.DataFrame):
    """Of two blends the second beats each candidate by the metric that decides, too."""
    y = table["Price"]
    error = np.where(np.arange(60) % 2, 9_000.0, -9_000.0)
    predicted = {
        name: [(y.iloc[fold["score"]] + shift[fold["score"]]).tolist() for fold in FOLDS]
        for name, shift in {"one": error, "other": -error + 1_000, "far": error * 30}.items()
    }
    scores = {("one", "far"): -1.0, ("one", "other"): -2.0}

    assert best_blend(scores, predicted, Shared(None, y, FOLDS), RMSE, log=False) == ("one", "other")
    assert best_blend({("one", "far"): -1.0}, predicted, Shared(None, y, FOLDS), RMSE, log=False) == ("one", "far")


def test_a_blend_that_cannot_be_scored_is_left_out(table: pd.DataFrame):
    """One of these predicts so much that the average is no number: e to the power of 500, twice."""
    y = table["Price"]
    predicted = {
        name: [(y.iloc[fold["score"]] * factor).tolist() for fold in FOLDS]
        for name, factor in {"one": 1.1, "other": 0.9, "far": 1e250}.items()
    }
    scores = blend_scores(predicted, Shared(None, y, FOLDS), RMSE, log=False, most=2)

    assert list(scores) == [("one", "other")]
    assert best_blend(scores, predicted, Shared(None, y, FOLDS), RMSE, log=False) == ("one", "other")
    with pytest.raises(CandidateFailed, match="no blend of these candidates could be scored"):
        best_blend({}, predicted, Shared(None, y, FOLDS), RMSE, log=False)


@pytest.mark.run
def test_a_candidate_that_fails_joins_no_blend_and_ends_no_search(searched_with, contract: Contract):
    candidates = {
        "ridge": ridge(1.0, Range(low=0.1, high=1.0)),
        "tree": Candidate(estimator="sklearn.tree.DecisionTreeRegressor"),
        "broken": Candidate(estimator="tests.helpers.broken_estimators.PredictsNaN"),
    }
    alone, predicted = searched_with(try_each, candidates)

    assert list(alone) == list(predicted) == ["ridge", "tree"]
    with pytest.raises(CandidateFailed, match=r"a blend needs two candidates .*; broken: predicted NaN"):
        searched_with(try_each, {name: candidates[name] for name in ("ridge", "broken")})


def test_a_present_setting_that_fails_is_told_as_such():
    found = Found([{"alpha": 1.0}, {"alpha": 2.0}], [math.nan, -5.0])
    told = summary(found)

    assert (told["before"], told["after"]) == (None, -5.0)
    assert "could not be scored; trial 2 gave **5**" in tell_search("ridge", found, describe(RMSE, ""))
    tuning = Tuning(scorer=RMSE, searched_on="x", candidates={"ridge": Searched(trials=2, before=None, after=-5.0)})
    assert tuning_table(tuning, ["ridge"]).loc["ridge", "RMSE before"] == "failed"


@pytest.mark.run
@pytest.mark.slow
def test_what_it_writes_is_what_the_next_run_goes_by(project: Project):
    project.edit("conf/smoke.yaml", "name: smoke", "name: smoke\ntuned: smoke.tuned.yaml")
    project.edit("conf/smoke.yaml", "blend: null", "blend: {members: [svr, random_forest]}")
    project.edit("conf/smoke.yaml", "learning_curve", "notebooks: {tune: {trials: 2}}\nlearning_curve")
    done = project.python("-m", "training.run", "conf/smoke.yaml", "--tune")
    conf = load_conf(project.folder / "conf/smoke.yaml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "conf/smoke.tuned.yaml" in done.stdout
    assert set(conf.tuning.candidates) >= {"svr", "random_forest", "blend"}
    assert 2 <= len(conf.candidates["blend"].members) <= 4  # most_members in conf/house_prices.yaml
    assert set(conf.candidates["blend"].members) <= {"linear_regression", "svr", "random_forest"}
    assert conf.candidates["svr"].parameters["C"] == project.results("tune-svr")["parameters"]["C"]
    assert (project.folder / "reports/smoke/report/tune-svr.html").is_file()
    record = json.loads(max(project.folder.glob("runs/history/smoke/*/run.json")).read_bytes())
    tables = {name: search["table"] for name, search in record["searches"].items()}
    assert (record["verb"], record["status"]) == ("tune", "finished")
    assert {name: len(table) for name, table in tables.items()} == {
        name: project.results(name)["trials"] for name in ("tune-svr", "tune-random_forest", "blend")
    }
    assert max(trial["score"] for trial in tables["tune-svr"]) == project.results("tune-svr")["after"]
    assert tables["blend"][0]["members"] == list(conf.candidates["blend"].members)

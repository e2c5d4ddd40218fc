"""What the manifest tells of how the model was made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelbundle.contract import Contract
from modelbundle.contributions import Typical
from modelbundle.intervals import Intervals
from training.config.recipe import Candidate, Tuning
from training.judging import facts
from training.judging.compare import Choice, Ranked
from training.models.diagnose import Curve
from training.models.metrics import describe

RMSE, R2 = describe("neg_root_mean_squared_error", "USD"), describe("r2", "USD")
RANKING = (
    Ranked("mix", False, None, 200.0, 50.0, 0.0, 0.0, 0.0, True),
    Ranked("ridge", False, None, 210.0, 60.0, 10.0, 5.0, 15.0, True),
    Ranked("lost", True, "it raised"),
    Ranked("median", True, None, 900.0, 70.0, 700.0, 650.0, 750.0),
)
CHOICE = Choice("mix", RANKING, "its RMSE is best")
PREPARED = {
    "data_sha256": "d4t4", "rows": 100, "holdout_rows": 20, "folds": 15, "missing_cells": 3,
    "left_out_columns": ["note"], "target_median": 1000.0, "equal_rows": 0,
}  # fmt: skip


def conf(**changes: Any) -> Any:
    columns = {"Area": {"kind": "numeric"}, "Price": {"role": "target", "kind": "numeric", "unit": "USD"}}
    candidates = {
        "ridge": Candidate(estimator="a.Ridge"),
        "tree": Candidate(estimator="a.Tree"),
        "mix": Candidate(members=["ridge", "tree"]),
    }
    parts = {
        "name": "houses", "title": "Houses", "metric": RMSE.scorer, "candidates": candidates, "tuning": None,
        "contract": Contract.model_validate({"columns": columns}),
    }  # fmt: skip
    return SimpleNamespace(**parts | changes)


def told(**changes: Any) -> dict[str, Any]:
    asked, scores = conf(**changes), {RMSE.scorer: [-150.0, -250.0], R2.scorer: [0.6, 0.8]}
    quoted = {
        RMSE.scorer: {"value": 220.0, "low": 180.0, "high": 300.0},
        R2.scorer: {"value": 0.65, "low": 0.5, "high": 0.75},
    }
    baseline = {"name": "median", "holdout": 950.0}
    return facts.manifest_facts(
        facts.choice_facts(CHOICE, {"parameters": {"C": 1}}, asked.candidates["mix"].members),
        facts.error_facts(scores, [RMSE, R2], quoted, baseline),
        facts.problem_facts(asked, PREPARED),
        {"search": None, "intervals": {}, "coverage": {}, "typical": {}},
    )


def test_the_winner_is_told_with_its_errors_on_folds_and_hold_out():
    found = told()

    assert found["metrics"] == {
        RMSE.scorer: {
            "label": "RMSE", "unit": "USD", "folds_mean": 200.0, "folds_spread": pytest.approx(np.sqrt(5000)),
            "holdout": 220.0, "holdout_low": 180.0, "holdout_high": 300.0,
        },
        R2.scorer: {
            "label": "R²", "unit": "", "folds_mean": pytest.approx(0.7), "folds_spread": pytest.approx(np.sqrt(0.02)),
            "holdout": 0.65, "holdout_low": 0.5, "holdout_high": 0.75,
        },
    }  # fmt: skip
    assert (found["name"], found["title"], found["target_unit"]) == ("houses", "Houses", "USD")
    assert (found["winner"], found["members"], found["parameters"]) == ("mix", ["ridge", "tree"], {"C": 1})
    assert (found["reason"], found["metric"]) == ("its RMSE is best", RMSE.scorer)
    assert found["baseline"].items() >= {"name": "median", "holdout": 950.0}.items()
    assert [(entry["name"], entry["failed"], entry["ties_with_winner"]) for entry in found["ranking"]] == [
        ("mix", None, True), ("ridge", None, False), ("lost", "it raised", False), ("median", None, False)
    ]  # fmt: skip


def test_the_data_are_told_by_counts_and_their_digest():
    assert told()["data"].items() >= {
        "rows": 100, "holdout_rows": 20, "folds": 15, "missing_cells": 3, "left_out_columns": ["note"],
        "target_median": 1000.0, "sha256": "d4t4",
    }.items()  # fmt: skip


def test_the_digest_of_the_inputs_is_of_what_decides_and_not_of_what_it_is_called():
    same = told(name="other", title="Other")
    other = told(metric="r2")
    reordered = told(candidates=dict(reversed(conf().candidates.items())))

    assert same["inputs_sha256"] == told()["inputs_sha256"]
    assert len({told()["inputs_sha256"], other["inputs_sha256"], reordered["inputs_sha256"]}) == 3


def test_certainty_is_told_by_shares_inside_and_widths():
    intervals = Intervals(level=0.9, scale="linear", at=(1,), below=(2,), above=(3,))
    typical = Typical(scale="linear", record={"Area": 3.0})
    folds = pd.DataFrame({"row": [0, 1, 2, 3], "actual": [1.0, 2, 3, 40], "low": 0.0, "high": [10.0, 10, 20, 20]})
    kept = pd.DataFrame({"rows": [2, 2], "coverage": [1.0, 0.5], "mean_width": [10.0, 20.0]}, index=["low", "high"])
    found = facts.certainty_facts(intervals, typical, folds, folds[:3], {"fifth": kept})

    assert found["coverage"] == {
        "folds": 0.75,
        "holdout": 1.0,
        "mean_width": 15.0,
        "by": {
            "fifth": [
                {"group": "low", "rows": 2, "coverage": 1.0, "mean_width": 10.0},
                {"group": "high", "rows": 2, "coverage": 0.5, "mean_width": 20.0},
            ]
        },
    }
    assert found["intervals"] == {"level": 0.9, "scale": "linear", "at": [1], "below": [2], "above": [3]}
    assert found["typical"] == {"scale": "linear", "record": {"Area": 3.0}}


def test_a_search_is_told_by_settings_and_blends_of_the_candidates_that_there_are():
    each = {"before": 0.0, "after": 0.0}
    tuning = Tuning.model_validate(
        {
            "scorer": "r2",
            "searched_on": "rows",
            "candidates": {
                "ridge": each | {"trials": 40}, "tree": each | {"trials": 20}, "mix": each | {"trials": 300},
                "gone": each | {"trials": 7},
            },
        }
    )  # fmt: skip

    assert facts.search_facts(conf(), "rows") is None
    assert facts.search_facts(conf(tuning=tuning), "rows") == {
        "scorer": "r2", "settings": 60, "blends": 300, "on_these_rows": True
    }  # fmt: skip
    assert facts.search_facts(conf(tuning=tuning), "others")["on_these_rows"] is False


def test_the_record_names_failures_and_the_hold_outs_errors():
    ranking = [{"name": "best", "failed": None}, {"name": "broken", "failed": "it raised"}]
    metrics = {
        RMSE.scorer: {"label": "RMSE", "unit": "USD", "holdout": 35_250.4},
        R2.scorer: {"label": "R²", "unit": "", "holdout": 0.75},
    }
    told = {"winner": "best", "reason": "why", "ranking": ranking, "coverage": {}, "metrics": metrics, "name": "x"}
    record = facts.record(told, Curve([10, 20], [[1.0], [2.0]]), {"Area": [0.5]})

    assert record["failed"] == {"broken": "it raised"}
    assert record["holdout"] == {RMSE.scorer: 35_250.4, R2.scorer: 0.75}
    assert record["holdout_text"] == "RMSE 35,250 USD, R² 0.7500"
    assert record["learning_curve"] == {"rows": [10, 20], "scores": [[1.0], [2.0]], "failed": ""}
    assert record["importance"] == {"Area": [0.5]}
    assert {key: record[key] for key in ("winner", "reason", "coverage")} == {
        "winner": "best",
        "reason": "why",
        "coverage": {},
    }
    assert "name" not in record

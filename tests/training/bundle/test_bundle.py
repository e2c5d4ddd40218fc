"""Drafting a bundle: what training saw, requests to replay wherever it is loaded, a manifest that vouches for all."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from modelbundle.digests import canonical_json, digest_bytes
from training.bundle.drafting import draft_bundle, golden_requests, with_seen_ranges
from training.config.recipe import Candidate
from training.models.candidates import Design, build_pipeline

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from modelbundle.contract import Contract


@pytest.fixture(scope="module")
def fitted(contract: Contract) -> Pipeline:
    from tests.training.conftest import small_table

    ols = Candidate(estimator="sklearn.linear_model.LinearRegression")
    return build_pipeline("ols", ols, Design(contract)).fit(table := small_table(), table["Price"])


def test_a_feature_tells_the_range_or_the_categories_that_training_saw(contract: Contract, table: pd.DataFrame):
    rows = table[table["Zone"].ne("B")].assign(Cellar=[np.nan, *table["Cellar"][table["Zone"].ne("B")][1:]])
    seen = with_seen_ranges(contract, rows).columns

    assert seen["Zone"].seen_categories == ("A", "C")
    assert seen["Class"].seen_categories == ("20", "30", "60")
    assert (seen["Area"].seen_minimum, seen["Area"].seen_maximum) == (rows["Area"].min(), rows["Area"].max())
    assert (seen["Cellar"].seen_minimum, seen["Cellar"].seen_maximum) == (rows["Cellar"].min(), rows["Cellar"].max())
    assert seen["Zone"].seen_minimum is None
    assert seen["Area"].seen_categories is None
    assert seen["Price"] == contract.columns["Price"]
    assert seen["Id"] == contract.columns["Id"]


def test_golden_requests_are_rows_from_first_to_last_as_a_client_would_write_them(
    fitted: Pipeline, contract: Contract, table: pd.DataFrame
):
    gap = table.assign(Cellar=table["Cellar"].where(table.index != 0))
    golden = golden_requests(fitted, contract, gap)
    records = [request["record"] for request in golden["requests"]]

    assert [record["Area"] for record in records[:5]] == [table["Area"][place] for place in (0, 15, 30, 44, 59)]
    assert records[0].keys() == {"Zone", "Class", "Area"}, "a gap is left out"
    assert records[1].keys() == {"Zone", "Class", "Area", "Cellar"}
    assert golden["relative_tolerance"] == 1e-9
    assert json.loads(canonical_json(golden)) == golden


def test_golden_requests_try_the_least_that_is_allowed_and_categories_that_nobody_knows(
    fitted: Pipeline, contract: Contract, table: pd.DataFrame
):
    records = [request["record"] for request in golden_requests(fitted, contract, table)["requests"]]

    assert records[5] == {name: records[0][name] for name in ("Class", "Area")}
    assert records[6:] == [records[0] | {"Zone": "never seen"}, records[0] | {"Class": "never seen"}]


def test_where_nothing_is_required_a_golden_request_tells_one_feature(
    fitted: Pipeline, contract: Contract, table: pd.DataFrame
):
    columns = {
        name: column.model_copy(update={"required": column.role == "target"})
        for name, column in contract.columns.items()
    }
    free = contract.model_copy(update={"columns": columns})
    records = [request["record"] for request in golden_requests(fitted, free, table)["requests"]]

    assert len(records[5]) == 1
    assert records[5].items() <= records[0].items()


def test_golden_answers_are_the_pipelines(fitted: Pipeline, contract: Contract, table: pd.DataFrame):
    golden = golden_requests(fitted, contract, table)
    rows = fitted.predict(table.iloc[[0, 15, 30, 44, 59]])

    assert [request["prediction"] for request in golden["requests"][:5]] == pytest.approx(list(rows))


@pytest.mark.parametrize("plannable", [True, False])
def test_the_manifest_vouches_for_every_file(contract: Contract, table: pd.DataFrame, plannable: bool):
    estimator = "sklearn.linear_model.LinearRegression" if plannable else "sklearn.neighbors.KNeighborsRegressor"
    pipeline = build_pipeline("it", Candidate(estimator=estimator), Design(contract)).fit(table, table["Price"])
    files = draft_bundle(pickle.dumps(pipeline), with_seen_ranges(contract, table), table, {"name": "x", "title": "X"})
    manifest = json.loads(files.pop("manifest.json"))

    assert files.keys() == {"model.pkl", "preprocessing.pkl", "golden.json"} | ({"plan.npz"} if plannable else set())
    assert manifest["files"] == {
        name: {"sha256": digest_bytes(data), "size": len(data)} for name, data in files.items()
    }
    assert ("without_plan" in manifest) is not plannable
    assert (manifest["name"], manifest["title"], manifest["schema_version"]) == ("x", "X", 1)
    assert manifest["versions"].keys() == {"python", "joblib", "numpy", "pandas", "scikit-learn", "scipy"}
    assert manifest["contract"]["columns"]["Zone"]["seen_categories"] == ["A", "B", "C"]
    assert "seen_minimum" not in manifest["contract"]["columns"]["Zone"], "what is not said is not written"


def test_what_the_comparison_made_is_carried_and_vouched_for(fitted: Pipeline, contract: Contract, table: pd.DataFrame):
    files = draft_bundle(pickle.dumps(fitted), contract, table, {"name": "x"}, {"evidence.npz": b"known"})

    assert files["evidence.npz"] == b"known"
    assert json.loads(files["manifest.json"])["files"]["evidence.npz"] == {"sha256": digest_bytes(b"known"), "size": 5}


def test_the_preprocessing_alone_makes_the_numbers_that_the_model_takes(
    fitted: Pipeline, contract: Contract, table: pd.DataFrame
):
    files = draft_bundle(pickle.dumps(fitted), contract, table, {"name": "x"})
    matrix = pickle.loads(files["preprocessing.pkl"]).transform(table)

    assert np.array_equal(matrix, fitted["preprocess"].transform(table))

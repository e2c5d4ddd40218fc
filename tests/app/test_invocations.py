"""A client of MLflow's scoring protocol gets its numbers from /invocations, in every form that it may send."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from app import create_app
from app.settings import Settings

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.conftest import Project

pytestmark = pytest.mark.run

SPLIT_OF_ONE = {"columns": ["MSSubClass", "LotArea", "YearBuilt"], "data": [[60, 9627, 1993]]}


@pytest.fixture(scope="module")
def client(smoke: Project) -> FlaskClient:
    return create_app(Settings(models=smoke.folder / "runs/smoke/models")).test_client()


@pytest.fixture(scope="module")
def houses(smoke: Project) -> pd.DataFrame:
    """Houses as a data scientist reads them: with gaps, so that columns of whole numbers are floats."""
    table = pd.read_csv(smoke.folder / "data/house_prices.csv").drop(columns="SalePrice").head(40)
    table.loc[3, ["MSZoning", "OverallCond", "BsmtFinSF2"]] = None
    table.loc[7, "Exterior1st"] = "Titanium"
    return table


@pytest.fixture(scope="module")
def prices(client: FlaskClient, houses: pd.DataFrame) -> list[float]:
    """What /predict answers to the same houses."""
    answer = client.post("/predict", json=json.loads(houses.to_json(orient="records")))
    assert answer.status_code == 200, answer.text
    return [entry["prediction"] for entry in answer.json["predictions"]]


def invoke(client: FlaskClient, body: Any, content_type: str = "application/json") -> TestResponse:
    data = body if isinstance(body, str) else json.dumps(body)
    return client.post("/invocations", data=data, content_type=content_type)


def numbers(client: FlaskClient, body: Any, content_type: str = "application/json") -> list[float]:
    answer = invoke(client, body, content_type)
    assert (answer.status_code, answer.mimetype) == (200, "application/json"), answer.text
    assert list(answer.json) == ["predictions"]
    return answer.json["predictions"]


FORMS = {
    "dataframe_split": lambda table: {"dataframe_split": table.to_dict(orient="split")},
    "without index": lambda table: {"dataframe_split": {"columns": [*table], "data": table.to_numpy().tolist()}},
    "dataframe_records": lambda table: {"dataframe_records": table.to_dict(orient="records")},
    "instances": lambda table: {"instances": table.to_dict(orient="records")},
    "inputs": lambda table: {"inputs": table.to_dict(orient="list")},
    "records in inputs": lambda table: {"inputs": table.to_dict(orient="records")},
    "columns in instances": lambda table: {"instances": table.to_dict(orient="list")},
    "params": lambda table: {"dataframe_split": table.to_dict(orient="split"), "params": {"temperature": 0.5}},
}


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_that_a_client_writes_gets_the_prices_of_predict(
    client: FlaskClient, houses: pd.DataFrame, prices: list[float], form: str, content_type: str
):
    """As MLflow's own client does it: json.dumps of what pandas gives, in which a missing cell is NaN."""
    body = json.dumps(FORMS[form](houses))

    assert "NaN" in body
    assert numbers(client, body, content_type) == prices


def test_columns_may_come_in_any_order(client: FlaskClient, houses: pd.DataFrame, prices: list[float]):
    assert numbers(client, FORMS["dataframe_split"](houses[sorted(houses)])) == prices


def test_whole_numbers_may_be_floats(client: FlaskClient, houses: pd.DataFrame, prices: list[float]):
    floats = houses.astype({"MSSubClass": float, "LotArea": float, "YearBuilt": float, "Id": float})

    assert "60.0" in json.dumps(FORMS["dataframe_split"](floats))
    assert numbers(client, FORMS["dataframe_split"](floats)) == prices


@pytest.mark.parametrize("content_type", ["text/csv", "text/csv; charset=utf-8"])
def test_a_csv_gets_the_same_prices(client: FlaskClient, houses: pd.DataFrame, prices: list[float], content_type: str):
    assert numbers(client, houses.to_csv(index=False), content_type) == prices
    assert numbers(client, houses.drop(columns="Id").to_csv(index=False), content_type) == prices


def test_one_record_may_be_the_inputs(client: FlaskClient, houses: pd.DataFrame, prices: list[float]):
    assert numbers(client, {"inputs": houses.iloc[0].to_dict()}) == prices[:1]


def test_the_model_and_its_version_stand_in_the_headers(client: FlaskClient, smoke: Project):
    headers = invoke(client, {"dataframe_split": SPLIT_OF_ONE}).headers

    assert (headers["Model-Name"], headers["Model-Version"]) == ("smoke", smoke.version())


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_ping_says_that_it_can_answer(client: FlaskClient, method: str):
    assert client.open("/ping", method=method).status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("", "application/json", 400),
        ("{", "application/json", 400),
        ([[1, 2]], "application/json", 400),
        ({"MSSubClass": 60}, "application/json", 400),
        ({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "application/json", 400),
        ({"dataframe_split": SPLIT_OF_ONE, "instances": []}, "application/json", 400),
        ({"dataframe_split": SPLIT_OF_ONE | {"data": [[60, 9627, math.inf]]}}, "application/json", 422),
        ({"dataframe_split": SPLIT_OF_ONE | {"data": []}}, "application/json", 422),
        ({"instances": [[60, 9627, 1993]]}, "application/json", 422),
        ({"inputs": [{"MSSubClass": 60}]}, "application/json", 422),
        ({"dataframe_records": [{}] * 10_001}, "application/json", 413),
        ({"dataframe_split": SPLIT_OF_ONE | {"data": [[60, 9627, 1993]] * 10_001}}, "application/json", 413),
        ("", "text/csv", 400),
        ("MSSubClass\n60\n", "text/csv", 422),
        ("MSSubClass\n60\n", "text/csv; charset=klingon", 415),
        ({"dataframe_split": SPLIT_OF_ONE}, "application/x-npy", 415),
        ({"dataframe_split": SPLIT_OF_ONE}, "", 415),
    ],
)
def test_what_cannot_be_answered_is_a_problem(client: FlaskClient, body: Any, content_type: str, status: int):
    answer = invoke(client, body, content_type)

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert json.loads(answer.text)["status"] == status


@pytest.mark.parametrize("query", ["partial=true", "format=csv", "partial"])
def test_it_takes_no_parameters(client: FlaskClient, query: str):
    answer = client.post(f"/invocations?{query}", json={"dataframe_split": SPLIT_OF_ONE})

    assert answer.status_code == 400
    assert json.loads(answer.text)["title"] == "Unknown parameter"


def test_a_fault_is_named_by_the_number_of_its_record(client: FlaskClient, houses: pd.DataFrame):
    table = houses.assign(LotArea=houses["LotArea"].astype(object))
    table.loc[5, "LotArea"] = "large"
    pointers = set()
    for form in FORMS.values():
        pointers |= {fault["pointer"] for fault in json.loads(invoke(client, form(table)).text)["errors"]}

    assert pointers == {"/5/LotArea"}

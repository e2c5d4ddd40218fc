"""A client of MLflow's scoring protocol gets its numbers from /invocations, in every form that it may send."""

from __future__ import annotations

import gzip
import json
import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from app import create_app
from app.settings import Settings
from modelbundle.bundle import current_folder, load_bundle

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


def test_arrays_hold_the_features_in_the_contracts_order(
    client: FlaskClient, smoke: Project, houses: pd.DataFrame, prices: list[float]
):
    features = load_bundle(current_folder(smoke.folder / "runs/smoke/models")).contract.features
    rows = houses[features].astype(object).to_numpy().tolist()
    lines = "\n\n".join(map(json.dumps, rows)) + "\n"
    table = houses[features].to_csv(index=False, header=False)
    with_identifier = houses[["Id", *features]].to_csv(index=False, header=False)

    assert numbers(client, {"instances": rows}) == prices
    assert numbers(client, lines, "application/jsonlines") == prices
    assert numbers(client, table, "text/csv; header=absent") == prices
    assert numbers(client, with_identifier, "text/csv; charset=utf-8; header=absent") == prices


@pytest.mark.parametrize("content_type", ["application/jsonlines", "application/x-ndjson"])
def test_a_line_may_be_a_record(client: FlaskClient, houses: pd.DataFrame, prices: list[float], content_type: str):
    assert numbers(client, houses.to_json(orient="records", lines=True), content_type) == prices


def test_where_a_header_is_missing_it_is_asked_for(client: FlaskClient, houses: pd.DataFrame):
    for path in ("/invocations", "/predict"):
        sent = houses.drop(columns="Id").to_csv(index=False, header=False)
        answer = client.post(path, data=sent, content_type="text/csv")

        assert answer.status_code == 400
        assert json.loads(answer.text)["detail"].startswith("a header is needed: ")
        assert "Content-Type: text/csv; header=absent" in answer.text


@pytest.mark.parametrize(
    ("accept", "kind", "line"),
    [
        ("text/csv", "text/csv", "{}"),
        ("application/jsonlines", "application/jsonlines", '{{"prediction": {}}}'),
        ("application/x-ndjson", "application/x-ndjson", '{{"prediction": {}}}'),
        ("application/jsonlines;q=0.5, text/csv", "text/csv", "{}"),
    ],
)
def test_the_answer_may_be_a_line_for_each_record(
    client: FlaskClient, houses: pd.DataFrame, prices: list[float], accept: str, kind: str, line: str
):
    body = json.dumps(FORMS["instances"](houses))
    answer = client.post("/invocations", data=body, content_type="application/json", headers={"Accept": accept})

    assert (answer.status_code, answer.mimetype) == (200, kind)
    assert answer.text.splitlines() == [line.format(price) for price in prices]


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html, */*;q=0.1", "image/png"])
def test_else_it_is_json(client: FlaskClient, houses: pd.DataFrame, accept: str):
    answer = client.post("/invocations", json=FORMS["instances"](houses), headers={"Accept": accept})

    assert answer.mimetype == "application/json" or answer.status_code == 422


def test_one_record_may_be_the_inputs(client: FlaskClient, houses: pd.DataFrame, prices: list[float]):
    assert numbers(client, {"inputs": houses.iloc[0].to_dict()}) == prices[:1]


def test_the_model_and_its_version_stand_in_the_headers(client: FlaskClient, smoke: Project):
    headers = invoke(client, {"dataframe_split": SPLIT_OF_ONE}).headers

    assert (headers["Model-Name"], headers["Model-Version"]) == ("smoke", smoke.version())


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/ping", "/health", "/version"])
def test_it_says_that_it_can_answer(client: FlaskClient, path: str, method: str):
    assert client.open(path, method=method).status_code == 200


def test_the_version_is_bare_text(client: FlaskClient, smoke: Project):
    assert client.get("/version").text == smoke.version()


def packed(client: FlaskClient, body: bytes, **headers: str) -> TestResponse:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"} | headers
    return client.post("/invocations", data=body, headers=headers)


def test_a_body_may_be_packed(client: FlaskClient, houses: pd.DataFrame, prices: list[float]):
    whole = json.dumps(FORMS["instances"](houses)).encode()
    in_two = gzip.compress(whole[:100]) + gzip.compress(whole[100:])

    assert packed(client, gzip.compress(whole)).json == {"predictions": prices}
    assert packed(client, in_two, **{"Content-Encoding": "GZIP"}).json == {"predictions": prices}


def test_a_packed_body_has_the_same_limit_unpacked(client: FlaskClient):
    most = client.application.config["MAX_CONTENT_LENGTH"]
    answer = packed(client, gzip.compress(b" " * (most + 1)))

    assert packed(client, gzip.compress(b" " * most)).status_code == 400, "no JSON, but not too large"
    assert (answer.status_code, json.loads(answer.text)["title"]) == (413, "The body is too large")


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", gzip.compress(b"{}" * 1000)[:-9], gzip.compress(b"{}") + b"x"],
    ids=["nothing", "none", "broken off", "more"],
)
def test_what_is_no_whole_gzip_is_refused(client: FlaskClient, body: bytes):
    answer = packed(client, body)

    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")


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

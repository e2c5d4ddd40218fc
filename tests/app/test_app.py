"""The plain app, by Flask's test client on a real bundle: prices, faults by pointer, the report."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from app import create_app
from app.settings import Settings
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

    from tests.conftest import Project

pytestmark = pytest.mark.run

HOUSE = {
    "MSSubClass": 60, "MSZoning": "RL", "LotArea": 9627, "LotConfig": "Inside", "BldgType": "1Fam", "OverallCond": 5,
    "YearBuilt": 1993, "YearRemodAdd": 1994, "Exterior1st": "HdBoard", "BsmtFinSF2": 0.0, "TotalBsmtSF": 996.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def registry(smoke: Project) -> Path:
    return smoke.folder / "runs/smoke/models"


@pytest.fixture(scope="module")
def client(registry: Path) -> FlaskClient:
    return create_app(Settings(models=registry)).test_client()


def price(client: FlaskClient, record: dict[str, Any]) -> float:
    answer = client.post("/predict", json=record)
    assert answer.status_code == 200, answer.text
    return answer.json["predictions"][0]["prediction"]


def page(client: FlaskClient, path: str) -> str:
    with client.get(path) as answer:
        assert answer.status_code == 200
        assert answer.mimetype == "text/html"
        return answer.text


def test_one_record_and_a_list_of_it_get_the_same_price(client: FlaskClient):
    one = client.post("/predict", json=HOUSE).json
    several = client.post("/predict", json=[HOUSE, HOUSE]).json

    assert several["predictions"] == one["predictions"] * 2


def test_the_answer_names_the_model_its_version_and_the_unit(client: FlaskClient, smoke: Project):
    answer = client.post("/predict", json=HOUSE).json

    assert answer["version"] == smoke.version()
    assert (answer["model"], answer["target"], answer["unit"]) == ("smoke", "SalePrice", "USD")


def test_the_price_is_the_pickles_own_to_the_cent(client: FlaskClient, registry: Path, smoke: Project):
    table = pd.read_csv(smoke.folder / "data/house_prices.csv").head(50)
    pickled = pickle.loads((registry / "bundles" / smoke.version() / "model.pkl").read_bytes()).predict(table)
    records = json.loads(table.drop(columns="SalePrice").to_json(orient="records"))
    answers = client.post("/predict", json=records).json["predictions"]

    assert [answer["prediction"] for answer in answers] == [round(float(value), 2) for value in pickled]
    assert [answer["Id"] for answer in answers] == table["Id"].tolist()


@pytest.mark.parametrize("name", ["MSZoning", "OverallCond", "BsmtFinSF2"])
def test_null_and_an_absent_optional_feature_mean_the_same(client: FlaskClient, name: str):
    absent = {key: value for key, value in HOUSE.items() if key != name}
    batch = client.post("/predict", json=[absent, HOUSE, HOUSE | {name: None}]).json["predictions"]

    assert price(client, absent) == price(client, HOUSE | {name: None})
    assert batch[0]["prediction"] == batch[2]["prediction"] == price(client, absent)


@pytest.mark.parametrize("written", [60, 60.0, "60", "60.0"])
def test_a_category_is_the_same_however_it_is_written(client: FlaskClient, written: Any):
    assert price(client, HOUSE | {"MSSubClass": written}) == price(client, HOUSE)


def test_a_category_that_training_never_saw_gets_a_price(client: FlaskClient):
    assert price(client, HOUSE | {"Exterior1st": "Titanium"}) > 0


@pytest.mark.parametrize(
    ("record", "pointer", "words"),
    [
        (HOUSE | {"LotArea": "9627"}, "/LotArea", 'expected a number from 100 to 2,000,000 (sq ft); got "9627"'),
        (HOUSE | {"LotArea": True}, "/LotArea", "(sq ft); got true"),
        (HOUSE | {"LotArea": float("nan")}, "/LotArea", "(sq ft); got NaN"),
        (HOUSE | {"LotArea": float("inf")}, "/LotArea", "(sq ft); got Infinity"),
        (HOUSE | {"LotArea": 10**400}, "/LotArea", "(sq ft); got 1000"),
        (HOUSE | {"LotArea": -1}, "/LotArea", "(sq ft); got -1"),
        (HOUSE | {"OverallCond": 11}, "/OverallCond", "expected a number from 1 to 10 (grade 1-10); got 11"),
        (HOUSE | {"LotArea": None}, "/LotArea", "LotArea is required: expected a number"),
        (HOUSE | {"MSZoning": 1.5}, "/MSZoning", "expected a category, as a string or a whole number; got 1.5"),
        (HOUSE | {"MSSubClass": ""}, "/MSSubClass", 'got "", which means missing'),
        (HOUSE | {"MSZoning": True}, "/MSZoning", "expected a category"),
        (HOUSE | {"LotAera": 1}, "/LotAera", "did you mean LotArea?"),
        (HOUSE | {"lotarea": 1}, "/lotarea", "did you mean LotArea?"),
        (HOUSE | {"Zzzz": 1}, "/Zzzz", '"Zzzz" is no field of this model'),
        (HOUSE | {"SalePrice": 1}, "/SalePrice", "SalePrice is what the model predicts; leave it out"),
        (HOUSE | {"Id": [1]}, "/Id", "expected a string or a finite number; got an array of 1 values"),
        (HOUSE | {"a/b~c": 1}, "/a~1b~0c", "is no field of this model"),
        ({key: HOUSE[key] for key in HOUSE if key != "YearBuilt"}, "/YearBuilt", "YearBuilt is required"),
        (
            HOUSE | {f"x{number}": 1 for number in range(30)},
            "",
            "expected an object of at most 24 fields; got 41 fields",
        ),
        (3, "", "expected an object"),
        ([], "", "expected at least one record"),
        ([HOUSE, None], "/1", "expected an object with the features; got null"),
        ([HOUSE, HOUSE | {"LotArea": []}], "/1/LotArea", "expected a number"),
    ],
)
def test_a_fault_is_named_by_its_pointer(client: FlaskClient, record: Any, pointer: str, words: str):
    answer = client.post("/predict", data=json.dumps(record), content_type="application/json")

    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    (fault,) = json.loads(answer.text)["errors"]
    assert fault["pointer"] == pointer
    assert words in fault["detail"]


def test_all_faults_of_all_records_are_named_at_once(client: FlaskClient):
    answer = client.post("/predict", json=[{"LotArea": "x"}, HOUSE, {"LotArea": 1, "MSSubClass": 20}])
    pointers = [fault["pointer"] for fault in json.loads(answer.text)["errors"]]

    assert pointers == ["/0/MSSubClass", "/0/LotArea", "/0/YearBuilt", "/2/LotArea", "/2/YearBuilt"]


@pytest.mark.parametrize("body", [b"", b"{", b"nul", b"\xff\xfe", b"[" * 100_000, b'{"a": 1, "a": 2}'])
def test_what_is_not_json_gets_a_400(client: FlaskClient, body: bytes):
    answer = client.post("/predict", data=body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/predict", 405), ("GET", "/absent", 404), ("GET", "/report/../run.json", 404)],
)
def test_other_errors_are_problems_too(client: FlaskClient, method: str, path: str, status: int):
    answer = client.open(path, method=method)

    assert answer.status_code == status
    assert json.loads(answer.text)["status"] == status


def test_a_body_that_is_too_large_is_refused(client: FlaskClient):
    answer = client.post("/predict", data=b" " * (8 * 1024 * 1024 + 1), content_type="application/json")

    assert answer.status_code == 413
    assert "expected at most 8,388,608 bytes" in json.loads(answer.text)["detail"]


def test_it_is_alive_and_ready(client: FlaskClient, smoke: Project):
    assert client.get("/healthz").json == {"status": "alive"}
    promotion = {"channel": "local", "number": 1}
    assert client.get("/readyz").json == {"status": "ready", "version": smoke.version(), "promotion": promotion}


def test_a_release_is_told_so_that_a_deployment_sees_what_answers(smoke: Project):
    settings = Settings(models=smoke.folder / "runs/smoke/models", release="sha256:abc")

    assert create_app(settings).test_client().get("/readyz").json["release"] == "sha256:abc"


def test_the_report_and_every_page_that_it_links_to_are_served(client: FlaskClient):
    links = set(re.findall(r'href="(report/[^"#]+\.html)"', page(client, "/report")))

    assert len(links) == 7  # data, preprocessing, four candidates, model card
    for link in links:
        assert "<h1" in page(client, f"/{link}")


def test_the_pages_lead_back_to_the_front_page(client: FlaskClient):
    assert 'href="../report.html"' in page(client, "/report/01_eda.html")
    assert page(client, "/report.html") == page(client, "/report")


def test_without_a_bundle_it_is_alive_but_not_ready_and_says_what_makes_one(tmp_path: Path):
    client = create_app(Settings(models=tmp_path)).test_client()

    assert client.get("/healthz").status_code == 200
    for method, path in [("GET", "/readyz"), ("GET", "/ping"), ("GET", "/model"), ("POST", "/predict"), ("GET", "/")]:
        answer = client.open(path, method=method, json=HOUSE if method == "POST" else None)
        assert answer.status_code == 503
        assert "no model was published yet; make run makes one" in json.loads(answer.text)["detail"]


def test_it_needs_nothing_that_makes_models(registry: Path):
    """With `training` and the notebook tools out of reach it still answers."""
    program = f"""
import sys
for name in ("training", "papermill", "matplotlib", "nbconvert", "IPython", "doit", "pandera", "pooch"):
    sys.modules[name] = None
from app import create_app
from app.settings import Settings
answer = create_app(Settings(models={str(registry)!r})).test_client().post("/predict", json={HOUSE!r})
assert answer.status_code == 200, answer.text
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_importing_it_reads_no_file_and_loads_no_pandas():
    program = "import sys, app; assert 'pandas' not in sys.modules and 'sklearn' not in sys.modules"
    environment = os.environ | {"MODELS": "/nowhere"}

    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=False).returncode == 0

"""The pages as the server makes them, for a problem whose names are as odd as names can be."""

from __future__ import annotations

import io
import json
import pickle
import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pandas as pd
import pytest
from markupsafe import escape

from app import create_app
from app.settings import Settings
from modelbundle.contract import Contract
from modelbundle.digests import digest_bytes
from tests.helpers.stand_in import service_of
from tests.modelbundle.conftest import write_bundle
from training.bundle.drafting import draft_bundle, with_seen_ranges
from training.config.recipe import Candidate
from training.models.candidates import Design, build_pipeline

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

AREA, KIND, YEAR, HTML = 'the "area" <b>', "x/y[]", "é ~ 1", {"Accept": "text/html"}
OLD = "old &  <i>\nthing"
COLUMNS = {
    AREA: {"kind": "numeric", "required": True, "unit": "m²", "minimum": 0, "maximum": 9000, "example": 3},
    KIND: {
        "kind": "categorical",
        "categories": [OLD, "new", "items"],
        "description": "Whether it is <u>new</u>",
        "labels": {"new": "<s>built</s> lately"},
    },
    YEAR: {"kind": "numeric"},
    "Price": {"role": "target", "kind": "numeric", "unit": "USD"},
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    models = tmp_path_factory.mktemp("models")
    areas = [float(area) for area in range(20)]
    table = pd.DataFrame({AREA: areas, KIND: [OLD, "new"] * 10, YEAR: areas[::-1]})
    table["Price"] = [1000 + area for area in areas]
    contract = Contract.model_validate({"columns": COLUMNS})
    candidate = Candidate(estimator="sklearn.linear_model.LinearRegression")
    pipeline = build_pipeline("linear", candidate, Design(contract)).fit(table, table["Price"])
    facts = {"name": "odd", "title": "<script>alert(1)</script>", "winner": "linear"}
    files = draft_bundle(pickle.dumps(pipeline), with_seen_ranges(contract, table), table, facts)
    folder = write_bundle(models, files)
    (folder / "reports/report").mkdir(parents=True)
    (folder / "reports/report.html").write_text('<nav aria-label="Reports"></nav><script>alert(2)</script>')
    (folder / "secret.html").write_text("not for reading")
    (models / "current").write_text(folder.name)
    return create_app(Settings(models=models, max_records=3, max_body_bytes=100_000)).test_client()


def ask(client: FlaskClient, **values: str) -> TestResponse:
    return client.post("/", data={AREA: "3", KIND: "new", YEAR: "16"} | values, headers=HTML)


def upload(client: FlaskClient, text: str, name: str = "table.csv") -> TestResponse:
    return client.post("/table", data={"table": (io.BytesIO(text.encode()), name)}, headers=HTML)


def field(page: str, name: str) -> str:
    """The tag of a field, by its name as a browser reads it."""
    tags = re.findall(r"<(?:input|select)[^>]*>", page)
    (tag,) = [tag for tag in tags if f'name="{name}"' in unescape(tag)]
    return tag


def test_a_category_with_blanks_and_lines_goes_through_the_form_as_it_is(client: FlaskClient):
    options = re.findall(r'<option value="([^"]*)"', client.get("/").text)

    assert unescape(options[1]) == OLD, "an option without a value is sent with its blanks run together"
    assert "never seen" in ask(client, **{KIND: "other"}).text
    assert "never seen" not in ask(client, **{KIND: OLD.replace("\n", "\r\n")}).text


def test_every_feature_has_a_labelled_field_with_its_limits_and_its_example(client: FlaskClient):
    page = client.get("/").text

    assert all(part in field(page, AREA) for part in ['min="0.0"', 'max="9000.0"', 'value="3"', " required"])
    assert "required" not in field(page, YEAR)
    for name in (AREA, KIND, YEAR):
        id_ = re.search(r'id="([^"]+)"', field(page, name))[1]
        assert f'<label for="{id_}">{escape(name)}' in page
    assert '<option value="">not known</option>' in page
    assert "0 to 19 in training" in page


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_categories_are_shown_with_what_they_mean(client: FlaskClient, path: str):
    page = unescape(client.get(path, headers=HTML).text)

    assert ">new: <s>built</s> lately</option>" in page or "<code>new</code> <s>built</s> lately</li>" in page
    assert ">items</option>" in page or "<code>items</code> </li>" in page


def test_the_address_carries_the_form_and_its_answer(client: FlaskClient):
    address = f"/?{urlencode({AREA: '4', KIND: 'new', YEAR: '16', 'from': 'a friend'})}"
    page, posted = client.get(address, headers=HTML), ask(client, **{AREA: "4"})

    assert "1,004 USD" in page.text
    assert page.text == posted.text
    assert '<form id="one" method="get"' in page.text
    assert client.get("/?from=a+friend").text == client.get("/").text


def test_an_address_may_be_wrong_as_a_form_may(client: FlaskClient):
    wrong = client.get(f"/?{urlencode({AREA: 'many'})}", headers=HTML)

    assert wrong.status_code == 422
    assert 'value="many"' in field(wrong.text, AREA)
    assert 'aria-invalid="true"' in field(wrong.text, AREA)


def test_a_form_that_is_too_much_for_an_address_is_posted(tmp_path: Path):
    columns = {f"measurement {number} of the series": {"kind": "numeric", "example": 1} for number in range(100)}
    columns |= {"Price": COLUMNS["Price"]}
    app = create_app(Settings(models=tmp_path))
    app.extensions["service"] = service_of(
        Contract.model_validate({"columns": columns}), lambda records: [1.0] * len(records)
    )

    assert '<form id="one" method="post"' in app.test_client().get("/").text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/predict", 405)])
def test_people_get_a_page_and_programs_a_problem_where_there_is_nothing(
    client: FlaskClient, method: str, path: str, status: int
):
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    page, problem = client.open(path, method=method, headers=browser), client.open(path, method=method)

    assert [(each.status_code, each.mimetype) for each in (page, problem)] == [
        (status, "text/html"), (status, "application/problem+json"),
    ]  # fmt: skip
    assert f"<h1>{json.loads(problem.text)['title']}</h1>" in page.text
    assert page.headers.get("Allow") == problem.headers.get("Allow")
    assert bool(page.headers.get("Allow")) == (status == 405)


def test_the_form_is_answered_with_the_price_and_keeps_what_was_sent(client: FlaskClient):
    answer = ask(client, **{AREA: "4"})

    assert answer.status_code == 200
    assert re.search(r'class="price">1,00\d USD<', answer.text)
    assert 'value="4"' in field(answer.text, AREA)


def test_what_is_left_open_is_told(client: FlaskClient):
    assert f"{YEAR} was missing and filled in by the model" in unescape(ask(client, **{YEAR: ""}).text)


@pytest.mark.parametrize("value", ["-1", "much", "", "1e999"])
def test_a_fault_stands_at_its_field_and_the_value_stays(client: FlaskClient, value: str):
    answer = ask(client, **{AREA: value})

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in field(answer.text, AREA)
    assert f'value="{value}"' in field(answer.text, AREA)
    assert "Expected a number from 0 to 9000 (m²)" in answer.text
    assert 'class="price"' not in answer.text


def test_nothing_that_was_sent_or_named_is_taken_for_markup(client: FlaskClient):
    sent = ask(client, **{KIND: "<img src=x>"}).text + client.get("/docs").text + client.get("/").text

    assert not re.search(r"<(img|u|i|b|script>alert)\b", sent)


def test_a_table_comes_back_as_a_file_with_its_prices(client: FlaskClient):
    answer = upload(client, f'"{AREA.replace(chr(34), chr(34) * 2)}",{KIND}\n3,new\nmuch,new\n')

    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert answer.headers["Content-Disposition"] == "attachment; filename=predictions.csv"
    assert (answer.headers["Records-Priced"], answer.headers["Records-Refused"]) == ("1", "1")
    assert len(answer.text.splitlines()) == 3


def test_a_table_says_how_many_of_its_records_have_a_price(client: FlaskClient):
    answer = upload(client, f'"{AREA.replace(chr(34), chr(34) * 2)}"\n3\nmany\n5\n')

    assert (answer.headers["Records-Priced"], answer.headers["Records-Refused"]) == ("2", "1")
    assert answer.headers["Content-Disposition"] == "attachment; filename=predictions.csv"
    assert answer.mimetype == "text/csv"


@pytest.mark.parametrize(
    ("text", "name", "status", "words"),
    [
        ("", "", 400, "No file was chosen"),
        ("", "empty.csv", 400, "got an empty file"),
        (f"{KIND}\n", "header.csv", 422, "expected at least one record"),
        (f"{KIND};x\n1;2\n", "german.csv", 400, "got semicolons"),
        (f"{KIND}\n" + "new\n" * 4, "long.csv", 413, "expected at most 3 records"),
        ("x" * 100_000, "huge.csv", 413, "expected at most 100,000 bytes"),
    ],
)
def test_a_file_that_cannot_be_answered_is_refused_on_the_page(
    client: FlaskClient, text: str, name: str, status: int, words: str
):
    answer = upload(client, text, name)

    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert words in answer.text
    assert 'id="one"' in answer.text


@pytest.mark.parametrize("path", ["/", "/docs", "/healthz", "/static/home.js"])
def test_pages_run_and_load_nothing_but_what_the_app_serves(client: FlaskClient, path: str):
    with client.get(path) as answer:
        policy = answer.headers["Content-Security-Policy"]

        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert {answer.headers[f"Cross-Origin-{it}-Policy"] for it in ("Opener", "Resource")} == {"same-origin"}
        assert not re.search(r"<script>|<style|style=|\son\w+=|https?://(?!localhost)", answer.text.split("<main>")[0])


@pytest.mark.parametrize("path", ["/favicon.ico", "/static/icon.svg"])
def test_the_icon_is_served_under_its_old_name_too(client: FlaskClient, path: str):
    with client.get(path) as answer:
        assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
        assert "<svg" in answer.text


def test_a_report_may_run_nothing_and_leads_back(client: FlaskClient):
    answer = client.get("/report")

    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert '<a href="./">Predict</a>' in answer.text


@pytest.mark.parametrize(
    "path",
    ["/report/../secret.html", "/report/..%2f..%2fsecret.html", "/report/%2e%2e/secret.html",
     "/report/nothing.html", "/static/../__init__.py", "/static/..%2f__init__.py", "/static/nothing"],
)  # fmt: skip
def test_nothing_beside_the_reports_and_the_static_files_is_served(client: FlaskClient, path: str):
    assert client.get(path).status_code == 404


def test_no_link_leads_out_of_a_bundle(client: FlaskClient, tmp_path: Path):
    bundle = Path(client.application.extensions["service"].bundle.folder)
    (tmp_path / "elsewhere.html").write_text("not for reading")
    for name, target in {"out": tmp_path / "elsewhere.html", "up": bundle / "secret.html"}.items():
        (bundle / f"reports/report/{name}.html").symlink_to(target)

        assert client.get(f"/report/{name}.html").status_code == 404


def test_a_report_is_what_was_published_or_is_not_served(client: FlaskClient):
    bundle = Path(client.application.extensions["service"].bundle.folder)
    report = bundle / "reports/report.html"
    digests = {"reports": {"report.html": digest_bytes(report.read_bytes())}}
    (bundle / "run.json").write_text(json.dumps(digests))
    sound, before = client.get("/report"), report.read_bytes()
    report.write_bytes(before + b"<p>and buy mine</p>")
    changed = client.get("/report", headers=HTML)
    in_other_words = [client.get(f"/report/{path}report.html").status_code for path in ("../", "./../", "x/../../")]
    (bundle / "reports/report/added.html").write_text("<p>new</p>")
    added = client.get("/report/added.html").status_code
    (bundle / "reports/report/added.html").unlink()
    (bundle / "run.json").unlink()
    report.write_bytes(before)

    assert sound.status_code == 200
    assert (changed.status_code, b"buy mine" in changed.data) == (404, False)
    assert "The report was changed" in changed.text
    assert (in_other_words, added) == ([404] * 3, 404)


def test_without_a_bundle_people_get_a_page_and_programs_a_problem(tmp_path: Any):
    client = create_app(Settings(models=tmp_path)).test_client()
    page, problem = client.get("/", headers=HTML), client.post("/predict", json={}, headers=HTML)

    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert "no model was published yet; make run makes one" in page.text
    assert "The service begins by itself as soon as there is a model" in page.text
    assert str(tmp_path) not in page.text
    assert (problem.status_code, problem.mimetype) == (503, "application/problem+json")


def test_a_line_of_the_log_tells_when(client: FlaskClient, caplog: pytest.LogCaptureFixture):
    with caplog.at_level("INFO", "app.watching.access"):
        client.get("/healthz")
    line = json.loads(caplog.messages[-1])

    assert datetime.fromisoformat(line["time"]).tzinfo is UTC
    assert (line["method"], line["path"], line["status"]) == ("GET", "/healthz", 200)

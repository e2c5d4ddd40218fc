"""The interface keeps to its description: /openapi.json is tried by schemathesis, its examples get their answers."""

from __future__ import annotations

import copy
import csv
import io
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.engine import events, from_schema

from app import FOR_MACHINES, PRICES, create_app
from app.settings import Settings
from modelbundle.cells import MISSING
from tests.app.conftest import explaining

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.conftest import Project

pytestmark = pytest.mark.run

QUICK, THOROUGH = 50, 300  # examples
SETTINGS = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
COUNTS = [pytest.param(QUICK, id="quick"), pytest.param(THOROUGH, id="thorough", marks=pytest.mark.slow)]
POSTED = pytest.mark.parametrize("path", ["/predict", "/invocations"])


@pytest.fixture(scope="module")
def app(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The app with all that a bundle can make it do."""
    models = explaining(smoke.folder / "runs/smoke/models", tmp_path_factory.mktemp("models"))
    return create_app(Settings(models=models))


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def document(client: FlaskClient) -> dict[str, Any]:
    return client.get("/openapi.json").json


def schema_of(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """A validator of one schema of the document, which may refer to the others."""
    return Draft202012Validator(schema | {"components": document["components"]})


def check(document: dict[str, Any], name: str, value: Any) -> None:
    """A value keeps to one of the document's named schemas."""
    schema_of(document, {"$ref": f"#/components/schemas/{name}"}).validate(value)


def examples(content: dict[str, Any]) -> dict[str, Any]:
    """The examples of one media type, by name."""
    named = {name: example["value"] for name, example in content.get("examples", {}).items()}
    return named | ({"example": content["example"]} if "example" in content else {})


def contents(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that a request or an answer may hold, by the place where it is described."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            bodies = {"request": operation.get("requestBody", {})} | operation["responses"]
            for name, body in bodies.items():
                for media_type, content in body.get("content", {}).items():
                    yield f"{method} {path} {name} {media_type}", content


def post(client: FlaskClient, path: str, media_type: str, body: Any, accept: str = "application/json") -> TestResponse:
    data = body if media_type == "text/csv" else json.dumps(body)
    return client.post(path, data=data, content_type=media_type, headers={"Accept": accept})


def test_the_document_is_valid(document: dict[str, Any]):
    schemathesis.openapi.from_dict(document).validate()
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for _, content in contents(document):
        Draft202012Validator.check_schema(content["schema"])


def test_what_machines_use_is_described_and_nothing_else(app: Flask, document: dict[str, Any]):
    described = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    routes = {(rule.rule, method) for rule in app.url_map.iter_rules() for method in rule.methods or ()}

    assert described == {(path, "GET") for path in FOR_MACHINES} | {(path, "POST") for path in PRICES}
    assert described <= routes


def test_every_path_without_a_body_answers_as_described(client: FlaskClient, document: dict[str, Any]):
    for path in FOR_MACHINES:
        answer = client.get(path)
        ((media_type, content),) = document["paths"][path]["get"]["responses"]["200"]["content"].items()

        assert (answer.status_code, answer.mimetype) == (200, media_type)
        schema_of(document, content["schema"]).validate(answer.json if answer.is_json else answer.text)


def test_every_example_keeps_to_its_schema(document: dict[str, Any]):
    """An error's example has all that an error has."""
    wrong = [
        f"{place}, {name}: {error.message[:200]}"
        for place, content in contents(document)
        for name, example in examples(content).items()
        for error in schema_of(document, content["schema"]).iter_errors(example)
    ]

    assert wrong == []


def test_every_operation_has_a_name_and_a_group_for_generated_clients(document: dict[str, Any]):
    operations = [operation for item in document["paths"].values() for operation in item.values()]

    assert {operation["operationId"] for operation in operations} == {
        "predict", "invocations", "ping", "health", "version", "healthz", "readyz", "model", "openapi", "metrics",
    }  # fmt: skip
    assert {tag for operation in operations for tag in operation["tags"]} == {tag["name"] for tag in document["tags"]}


def test_no_publish_changes_what_a_client_was_told(smoke: Project, document: dict[str, Any]):
    """Another version of the same problem has the same description, but for its examples."""

    def without_examples(value: Any) -> Any:
        if isinstance(value, list):
            return [without_examples(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            name: without_examples(each)
            for name, each in value.items()
            if name not in ("example", "examples", "x-other-forms")
        }

    other = create_app(Settings(models=smoke.folder / "runs/smoke/models")).test_client().get("/openapi.json").json
    document = copy.deepcopy(document)
    for told in (other, document):  # the other bundle explains nothing
        told["components"]["schemas"].pop("Explanation", None)
        told["components"]["schemas"]["Prediction"]["properties"].pop("explanation", None)
        del told["paths"]["/predict"]["post"]["parameters"]

    assert "const" not in json.dumps(document["components"])
    assert without_examples(other) == without_examples(document)


@pytest.mark.parametrize("media_type", ["application/json", "text/csv"])
def test_the_example_requests_of_predict_get_the_example_answers(
    client: FlaskClient, document: dict[str, Any], media_type: str
):
    operation = document["paths"]["/predict"]["post"]
    asked = examples(operation["requestBody"]["content"][media_type])
    told = examples(operation["responses"]["200"]["content"][media_type])
    for name in asked.keys() & told.keys():
        answer = post(client, "/predict", media_type, asked[name], accept=media_type)
        assert (answer.json if media_type == "application/json" else answer.text) == told[name]

    assert asked.keys() & told.keys() == {{"application/json": "one", "text/csv": "example"}[media_type]}


def test_several_records_get_several_answers(client: FlaskClient, document: dict[str, Any]):
    operation = document["paths"]["/predict"]["post"]
    several = operation["requestBody"]["x-other-forms"]["several"]
    one = examples(operation["responses"]["200"]["content"]["application/json"])["one"]
    answer = post(client, "/predict", "application/json", several)

    assert answer.json == one | {"predictions": one["predictions"] * 2}


def test_the_example_of_a_partial_answer_is_true(client: FlaskClient, document: dict[str, Any]):
    operation = document["paths"]["/predict"]["post"]
    good = examples(operation["requestBody"]["content"]["application/json"])["one"]
    partial = examples(operation["responses"]["200"]["content"]["application/json"])["partial"]
    answer = post(client, "/predict?partial=true", "application/json", [good, {"MSSubClass": True}])

    assert answer.json == partial


def test_the_example_of_an_explanation_is_true_and_keeps_to_its_schema(client: FlaskClient, document: dict[str, Any]):
    operation = document["paths"]["/predict"]["post"]
    one = examples(operation["requestBody"]["content"]["application/json"])["one"]
    told = examples(operation["responses"]["200"]["content"]["application/json"])["explained"]
    answer = post(client, "/predict?explain=true", "application/json", [one, one]).json

    assert answer == told | {"predictions": told["predictions"] * 2}
    check(document, "Predictions", answer)
    answer["predictions"][0]["explanation"]["contributions"].popitem()
    with pytest.raises(ValidationError):
        check(document, "Predictions", answer)


def test_every_example_request_of_invocations_gets_the_example_answer(client: FlaskClient, document: dict[str, Any]):
    body = document["paths"]["/invocations"]["post"]["requestBody"]
    table = examples(document["paths"]["/predict"]["post"]["requestBody"]["content"]["text/csv"])["example"]
    asked = [*examples(body["content"]["application/json"]).values(), *body["x-other-forms"].values()]
    answers = document["paths"]["/invocations"]["post"]["responses"]["200"]["content"]["application/json"]
    (told,) = examples(answers).values()

    assert [name for sent in asked for name in sent] == ["dataframe_records", "dataframe_split", "instances", "inputs"]
    for sent in asked:
        assert post(client, "/invocations", "application/json", sent).json == told
    assert post(client, "/invocations", "text/csv", table).json == told


@pytest.mark.parametrize(
    ("path", "body"), [("/predict", {"MSSubClass": True}), ("/invocations", {"instances": [{"MSSubClass": True}]})]
)
def test_the_example_of_a_refusal_is_true(client: FlaskClient, document: dict[str, Any], path: str, body: Any):
    told = document["paths"][path]["post"]["responses"]["422"]["content"]["application/problem+json"]["example"]
    answer = json.loads(post(client, path, "application/json", body).text)

    assert answer | {"request_id": ""} == told | {"request_id": ""}


@POSTED
@pytest.mark.parametrize(
    ("status", "media_type", "body"),
    [
        (400, "application/json", b"{"),
        (400, "text/csv", b""),
        (413, "application/json", b" " * (8 * 1024 * 1024 + 1)),
        (413, "text/csv", b"LotArea\n" + b"1\n" * 10_001),
        (415, "text/plain", b"{}"),
        (422, "text/csv", b"LotArea\n1\n"),
    ],
    ids=lambda value: value if isinstance(value, int | str) else "",
)
def test_every_refusal_is_described(
    client: FlaskClient, document: dict[str, Any], path: str, status: int, media_type: str, body: bytes
):
    answer = client.post(path, data=body, content_type=media_type)
    told = document["paths"][path]["post"]["responses"][str(status)]["content"]

    assert (answer.status_code, {answer.mimetype}) == (status, told.keys())
    schema_of(document, told[answer.mimetype]["schema"]).validate(json.loads(answer.text))


@pytest.mark.parametrize("count", COUNTS)
def test_schemathesis_finds_no_fault(app: Flask, document: dict[str, Any], count: int):
    """All its checks, but without two parameters.

    Partial mode answers 200 to faulty records, which one of them takes for a mistake: see below. Strict mode refuses
    categories that training never saw, of which no schema tells: see test_answers.py.
    """
    tried = copy.deepcopy(document)
    flags = tried["paths"]["/predict"]["post"]["parameters"]
    assert [flags.pop(0)["name"], flags.pop(-1)["name"]] == ["partial", "strict"]
    # the same cases each time
    # what is in a table is left to words; tables of the test's own take the example's place, which is tried above
    del tried["paths"]["/predict"]["post"]["requestBody"]["content"]["text/csv"]["example"]
    schemathesis.openapi.media_type("text/csv", sheets(document["components"]["schemas"]["Record"]))
    schema = schemathesis.openapi.from_dict(tried, config=schemathesis.Config(seed=0))
    schema.app = app
    schema.config.generation.database = "none"
    schema.config.generation.max_examples = count
    # a thousand requests with each boundary of each field
    schema.config.phases.coverage.enabled = count is THOROUGH
    cases, checks, wrong = Counter[str](), set(), []

    @schema.hook
    def after_call(context: Any, case: Any, response: Any) -> None:
        cases[case.operation.label] += 1

    for event in from_schema(schema).execute():
        if isinstance(event, events.FatalError | events.NonFatalError):
            wrong.append(repr(event))
        elif isinstance(event, events.ScenarioFinished):
            for each in (check for found in event.recorder.checks.values() for check in found):
                checks.add(each.name)
                if each.failure_info:
                    wrong.append(f"{event.label}: {each.failure_info.failure}\n{each.failure_info.code_sample}")

    assert wrong == []
    assert cases.keys() == {f"{method.upper()} {path}" for path, item in tried["paths"].items() for method in item}
    assert cases.total() >= (1000 if count is THOROUGH else 100)
    load_all_checks()
    assert checks == set(CHECKS.get_all_names())


# Partial mode and CSV: records made from the schema in the document, of which each test knows whether they are faulty.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
CATEGORY = TEXT.filter(lambda text: text.strip() and text.strip() not in MISSING)
NOTHING = "a field to leave out"


def good_value(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a field takes by its schema."""
    kinds = {each["type"]: each for each in schema.get("anyOf", [schema])}
    found = []
    if "string" in kinds:
        found.append(CATEGORY)
    if "integer" in kinds:
        found.append(st.integers(-(2**60), 2**60))
    if "number" in kinds:
        ends = {"min_value": kinds["number"].get("minimum"), "max_value": kinds["number"].get("maximum")}
        found.append(st.floats(**ends, allow_nan=False, allow_infinity=False))
    if "null" in kinds:
        found.append(st.none())
    return st.one_of(found)


def bad_value(schema: dict[str, Any], *, required: bool) -> st.SearchStrategy[Any]:
    """What it does not take; each is so in CSV too."""
    kinds = {each["type"]: each for each in schema.get("anyOf", [schema])}
    found = [st.sampled_from([None, NOTHING])] if required else []
    if "number" in kinds and "string" not in kinds:
        found += [CATEGORY.map("x{}".format), st.sampled_from(["1,000", "inf", "0x1", "1e999"])]
        number = kinds["number"]
        found += [st.floats(max_value=number["minimum"], exclude_max=True, allow_infinity=False)]
        found += [st.floats(min_value=number["maximum"], exclude_min=True, allow_infinity=False)]
    return st.one_of(found)


@st.composite
def records(draw: st.DrawFn, schema: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """A record and the fields that are at fault in it; half of the records have any."""
    fields, required = schema["properties"], set(schema["required"])
    record = {
        name: draw(good_value(field)) for name, field in fields.items() if name in required or draw(st.booleans())
    }
    if draw(st.booleans()):
        return record, set()
    can_be_bad = [name for name, field in fields.items() if name in required or field_is_number(field)]
    faulty = draw(st.sets(st.sampled_from(can_be_bad), min_size=1, max_size=3))
    for name in faulty:
        value = draw(bad_value(fields[name], required=name in required))
        record.pop(name, None)
        if value is not NOTHING:
            record[name] = value
    return record, faulty


def field_is_number(field: dict[str, Any]) -> bool:
    return {each["type"] for each in field.get("anyOf", [field])} <= {"number", "null"}


def table_of(records: list[dict[str, Any]], names: list[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def sheets(schema: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Tables without a fault."""
    names = list(schema["properties"])
    good = st.fixed_dictionaries({name: good_value(schema["properties"][name]) for name in names})
    return st.lists(good, min_size=1, max_size=3).map(lambda records: table_of(records, names).encode())


def rows_of(answer: TestResponse) -> list[dict[str, str]]:
    assert (answer.status_code, answer.mimetype) == (200, "text/csv"), answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline=""), strict=True))


@pytest.mark.parametrize("count", COUNTS)
def test_a_partial_answer_keeps_to_its_schema_and_tells_good_from_bad(
    client: FlaskClient, document: dict[str, Any], count: int
):
    one = records(document["components"]["schemas"]["Record"])

    @settings(SETTINGS, max_examples=count, derandomize=True)
    @given(st.lists(one, min_size=1, max_size=4))
    def ask(sent: list[tuple[dict[str, Any], set[str]]]) -> None:
        bodies, faulty = [record for record, _ in sent], [names for _, names in sent]
        partial = post(client, "/predict?partial=true", "application/json", bodies)
        whole = post(client, "/predict?partial=false", "application/json", bodies)

        assert partial.status_code == 200
        check(document, "Predictions", partial.json)
        entries = partial.json["predictions"]
        for number, (entry, names) in enumerate(zip(entries, faulty, strict=True)):
            assert {fault["pointer"] for fault in entry.get("errors", [])} == {f"/{number}/{name}" for name in names}
            assert ("prediction" in entry) == (not names)
        if any(faulty):
            assert whole.status_code == 422
            check(document, "Problem", json.loads(whole.text))
            assert json.loads(whole.text)["errors"] == [fault for entry in entries for fault in entry.get("errors", [])]
        else:
            assert whole.json == partial.json

    ask()


@pytest.mark.parametrize("count", COUNTS)
def test_a_table_is_answered_in_json_and_in_csv_alike(client: FlaskClient, document: dict[str, Any], count: int):
    """With every cell as it was sent, and one row for each record; faulty rows only if the answer may be partial."""
    schema = document["components"]["schemas"]["Record"]

    @settings(SETTINGS, max_examples=count, derandomize=True)
    @given(st.lists(records(schema), min_size=1, max_size=4), st.permutations(list(schema["properties"])))
    def ask(sent: list[tuple[dict[str, Any], set[str]]], names: list[str]) -> None:
        faulty = [bool(at_fault) for _, at_fault in sent]
        table = table_of([record for record, _ in sent], names)
        in_json = post(client, "/predict?partial=true", "text/csv", table)
        in_csv = post(client, "/predict?partial=true", "text/csv", table, accept="text/csv")
        whole = post(client, "/predict", "text/csv", table, accept="text/csv")

        check(document, "Predictions", in_json.json)
        entries, rows = in_json.json["predictions"], rows_of(in_csv)
        assert [[row[name] for name in names] for row in rows] == list(
            csv.reader(io.StringIO(table, newline=""), strict=True)
        )[1:]
        for entry, row, bad in zip(entries, rows, faulty, strict=True):
            assert row["prediction"] == str(entry.get("prediction", ""))
            assert row["errors"] == "; ".join(fault["detail"] for fault in entry.get("errors", []))
            assert bool(row["errors"]) == bad == (not row["prediction"])
        if any(faulty):
            assert whole.status_code == 422
            check(document, "Problem", json.loads(whole.text))
        else:
            assert [row["prediction"] for row in rows_of(whole)] == [row["prediction"] for row in rows]

    ask()

"""The description of the interface, for a small bundle: what it says is what the app does.

tests/app/programs/test_openapi.py lets schemathesis try the real one.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from app import create_app
from app.programs.checks import record_type
from app.programs.explain import MAX_EXPLAINED
from app.settings import Settings
from modelbundle.contract import Contract
from tests.helpers.registry import TYPICAL
from tests.modelbundle.conftest import COLUMNS, small_bundle, vouch, write_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

INTERVALS = {"level": 0.9, "scale": "linear", "at": [0.0], "below": [2.0], "above": [3.0]}
SEEN = {"Zone": COLUMNS["Zone"] | {"seen_categories": ["RL", "RM"]}}
NAMED = {"Id": {"role": "identifier", "kind": "numeric", "example": 7}} | COLUMNS | SEEN
RECORD = {"Id": 7, "Zone": "RL", "Class": 60, "Area": 3}
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    models = tmp_path_factory.mktemp("models")
    contract = Contract.model_validate({"columns": NAMED})
    folder = write_bundle(models, small_bundle(contract, 9))
    (models / "current").write_text(vouch(folder, intervals=INTERVALS, typical=TYPICAL, title="Small houses").name)
    return create_app(Settings(models=models, max_records=1234)).test_client()


@pytest.fixture(scope="module")
def document(client: FlaskClient) -> dict[str, Any]:
    return client.get("/openapi.json").json


def keeps(document: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    try:
        Draft202012Validator(schema | {"components": document["components"]}).validate(value)
    except ValidationError:
        return False
    return True


def named(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def without(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key != name}


def test_it_names_the_model_and_what_is_predicted(document: dict[str, Any]):
    about = document["info"]

    assert document["openapi"] == "3.1.0"
    assert about["title"] == "Small houses"
    assert about["description"].startswith("Answers with Price (USD), from the model small. ")
    assert f"At most {MAX_EXPLAINED} records; in CSV a column each" in json.dumps(document)
    assert "A request holds at most 1,234 records." in document["paths"]["/predict"]["post"]["description"]


def test_each_path_tells_its_answers_and_when_there_may_be_none(document: dict[str, Any]):
    statuses = {
        f"{method} {path}": sorted(operation["responses"])
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }

    assert statuses == {
        "post /predict": ["200", "400", "413", "415", "422", "503"],
        "post /invocations": ["200", "400", "413", "415", "422", "503"],
        "get /ping": ["200", "503"],
        "get /health": ["200", "503"],
        "get /version": ["200", "503"],
        "get /healthz": ["200"],
        "get /readyz": ["200", "503"],
        "get /model": ["200", "503"],
        "get /openapi.json": ["200", "503"],
        "get /metrics": ["200", "503"],
    }


def test_every_error_is_a_problem_under_its_usual_name_and_a_refusal_has_an_example(document: dict[str, Any]):
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            for status, told in operation["responses"].items():
                if status == "200":
                    assert told["description"]
                    continue
                assert told["description"] == HTTPStatus(int(status)).phrase
                assert told["content"].keys() == {PROBLEM}
                assert told["content"][PROBLEM]["schema"] == named("Problem")
                assert ("example" in told["content"][PROBLEM]) == (status == "422")


@pytest.mark.parametrize("path", ["/ping", "/healthz", "/readyz", "/model", "/openapi.json", "/metrics"])
def test_what_is_asked_without_a_body_is_answered_as_described(
    client: FlaskClient, document: dict[str, Any], path: str
):
    answer = client.get(path)
    ((media_type, content),) = document["paths"][path]["get"]["responses"]["200"]["content"].items()
    value = answer.json if answer.is_json else answer.text

    assert answer.mimetype == media_type
    assert keeps(document, content["schema"], value)
    assert not keeps(document, content["schema"], [value])
    if "status" in content["schema"].get("required", ()):
        assert not keeps(document, content["schema"], without(value, "status"))
        assert not keeps(document, content["schema"], value | {"status": "other"})
        assert not keeps(document, content["schema"], value | {"version": 3})


def test_a_refused_version_is_described_with_its_reason(document: dict[str, Any]):
    schema = document["paths"]["/readyz"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    refused = {"version": "v", "reason": "r"}
    ready = {"status": "ready", "version": "v", "release": "r", "refused": refused}

    assert keeps(document, schema, ready)
    for name in refused:
        assert not keeps(document, schema, ready | {"refused": without(refused, name)})
    assert not keeps(document, schema, ready | {"release": 3})


def body(document: dict[str, Any], path: str, media_type: str = "application/json") -> dict[str, Any]:
    return document["paths"][path]["post"]["requestBody"]["content"][media_type]


def other_forms(document: dict[str, Any], path: str) -> dict[str, Any]:
    return document["paths"][path]["post"]["requestBody"]["x-other-forms"]


def told(
    document: dict[str, Any], path: str, status: str = "200", media_type: str = "application/json"
) -> dict[str, Any]:
    return document["paths"][path]["post"]["responses"][status]["content"][media_type]


def test_the_examples_of_predict_are_answered_as_it_says(client: FlaskClient, document: dict[str, Any]):
    asked, answers = body(document, "/predict")["examples"], told(document, "/predict")["examples"]

    assert asked == {"one": {"value": RECORD}}
    assert other_forms(document, "/predict") == {"several": [RECORD, RECORD]}
    assert answers.keys() == {"one", "partial", "explained"}
    assert client.post("/predict", json=RECORD).json == answers["one"]["value"]
    assert client.post("/predict?explain=true", json=RECORD).json == answers["explained"]["value"]
    assert client.post("/predict?partial=true", json=[RECORD, {"Zone": True}]).json == answers["partial"]["value"]
    assert document["paths"]["/predict"]["post"]["requestBody"]["required"] is True


def test_a_table_is_answered_as_it_says(client: FlaskClient, document: dict[str, Any]):
    sheet = body(document, "/predict", "text/csv")["example"]
    headers = {"Content-Type": "text/csv", "Accept": "text/csv"}

    assert sheet == "Zone,Class,Area\nRL,60,3\n"
    assert (
        client.post("/predict", data=sheet, headers=headers).text
        == told(document, "/predict", media_type="text/csv")["example"]
    )
    answer = client.post("/invocations", data=sheet, headers={"Content-Type": "text/csv"})
    assert answer.json == told(document, "/invocations")["example"]


@pytest.mark.parametrize("path", ["/predict", "/invocations"])
def test_the_refusal_that_it_shows_is_the_apps(client: FlaskClient, document: dict[str, Any], path: str):
    shown = told(document, path, "422", PROBLEM)["example"]
    sent = {"Zone": True} if path == "/predict" else {"instances": [{"Zone": True}]}
    answer = client.post(path, json=sent)

    assert answer.status_code == 422
    assert without(answer.json, "request_id") == without(shown, "request_id")
    assert re.fullmatch("[0-9a-f]{32}", shown["request_id"])


def test_every_form_of_invocations_gets_the_numbers_that_it_shows(client: FlaskClient, document: dict[str, Any]):
    shown = told(document, "/invocations")["example"]
    described = {name: it["value"] for name, it in body(document, "/invocations")["examples"].items()}
    forms = described | other_forms(document, "/invocations")

    assert described.keys() == {"dataframe_records"}
    assert forms.keys() == {"dataframe_records", "dataframe_split", "instances", "inputs"}
    for name, form in forms.items():
        assert form.keys() == {name}
        assert name in document["paths"]["/invocations"]["post"]["description"]
    assert forms["dataframe_split"] == {
        "dataframe_split": {"columns": ["Id", "Zone", "Class", "Area"], "data": [[7, "RL", 60, 3]]}
    }
    assert shown == {"predictions": [12.0]}
    assert keeps(document, body(document, "/invocations")["schema"], forms["dataframe_records"])
    for form in forms.values():
        assert client.post("/invocations", json=form).json == shown


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"instances": []},
        {"instances": [RECORD], "more": 1},
        {"dataframe_records": []},
        {"dataframe_records": RECORD},
        {"dataframe_records": [RECORD], "more": 1},
        {"dataframe_records": [without(RECORD, "Area")]},
        {"dataframe_records": [RECORD | {"Area": "much"}]},
    ],
)
def test_what_is_not_the_form_of_invocations_is_described_as_none(document: dict[str, Any], sent: Any):
    assert not keeps(document, body(document, "/invocations")["schema"], sent)


def test_flags_are_off_unless_they_are_set(document: dict[str, Any]):
    flags = document["paths"]["/predict"]["post"]["parameters"]

    assert [(flag["name"], flag["in"], flag["schema"]) for flag in flags] == [
        (name, "query", {"type": "boolean", "default": False}) for name in ("partial", "explain", "strict")
    ]
    assert all(flag["description"] for flag in flags)


def test_categories_and_what_they_mean_are_described():
    columns = COLUMNS | {"Class": COLUMNS["Class"] | {"description": "How it is built", "labels": {60: "two storeys"}}}
    record = record_type(Contract.model_validate({"columns": columns})).json_schema()["properties"]

    assert record["Class"]["x-categories"] == {"20": "", "60": "two storeys"}
    assert record["Class"]["description"] == "How it is built. Known are 20, 60 (two storeys)"
    assert "x-categories" not in record["Zone"], "nobody said, and no training has seen any"
    assert "x-categories" not in record["Area"]


def test_every_member_of_an_answer_is_promised(client: FlaskClient, document: dict[str, Any]):
    answer = client.post("/predict?explain=true", json=RECORD | {"Zone": "new"}).json
    (entry,) = answer["predictions"]
    schema = named("Predictions")

    assert keeps(document, schema, answer)
    for name in answer:
        assert not keeps(document, schema, without(answer, name)), name
    for name in ("model", "version", "target", "unit"):
        assert keeps(document, schema, answer | {name: "another publish's"}), name
        assert not keeps(document, schema, answer | {name: 3}), name
    changed = [
        without(entry, "prediction"),
        without(entry, "warnings"),
        entry | {"Id": [7]},
        entry | {"prediction": "12"},
        *(entry | {"interval": without(entry["interval"], name)} for name in ("level", "low", "high")),
        *(entry | {"warnings": [without(entry["warnings"][0], name)]} for name in ("kind", "feature", "detail")),
        entry | {"warnings": [entry["warnings"][0] | {"kind": "other"}]},
        *(entry | {"explanation": without(entry["explanation"], name)} for name in ("typical", "contributions")),
        entry | {"explanation": entry["explanation"] | {"contributions": {"Zone": 1, "Class": 1}}},
        entry | {"explanation": entry["explanation"] | {"contributions": {"Zone": 1, "Class": 1, "Area": 1, "Id": 1}}},
    ]
    for other in changed:
        assert not keeps(document, schema, answer | {"predictions": [other]}), other


def test_every_member_of_a_problem_is_promised(client: FlaskClient, document: dict[str, Any]):
    problem = client.post("/predict", json={"Zone": True}).json
    fault = problem["errors"][0]

    assert keeps(document, named("Problem"), problem)
    for name in ("type", "title", "status", "detail", "request_id"):
        assert not keeps(document, named("Problem"), without(problem, name)), name
    assert not keeps(document, named("Problem"), problem | {"status": "422"})
    for name in ("pointer", "detail"):
        assert not keeps(document, named("Problem"), problem | {"errors": [without(fault, name)]})
    assert not keeps(document, named("Problem"), problem | {"errors": [fault | {"got": 3}]})


def test_answers_say_which_model_gave_them(client: FlaskClient, document: dict[str, Any]):
    headers = client.post("/predict", json=RECORD).headers

    for path in ("/predict", "/invocations"):
        described = document["paths"][path]["post"]["responses"]["200"]["headers"]
        assert described == {name: {"schema": {"type": "string"}} for name in ("Model-Name", "Model-Version")}
        assert set(described) <= set(headers.keys())


@pytest.mark.parametrize(
    "sheet",
    [
        "Zone,Class,Area\nRL,60,3\n",
        "Class,Area\n20,4.5\n60,1e3\n",
        "Area,Class,Zone\r\n3,060,new\r\n",
        "\ufeffClass,Area\n60,3",
    ],
)
def test_no_table_that_is_accepted_is_described_as_wrong(client: FlaskClient, document: dict[str, Any], sheet: str):
    schema = body(document, "/predict", "text/csv")["schema"]

    assert client.post("/predict", data=sheet.encode(), content_type="text/csv").status_code == 200
    assert keeps(document, schema, sheet)
    assert schema["format"] == "binary", "a file, of which generated clients read the bytes"


def test_what_a_bundle_does_not_know_is_not_described(tmp_path: Any):
    columns = COLUMNS | {"Zone": {"kind": "categorical", "example": "a.b"}}
    files = small_bundle(Contract.model_validate({"columns": columns}), 9)
    (tmp_path / "current").write_text(write_bundle(tmp_path, files).name)
    document = create_app(Settings(models=tmp_path)).test_client().get("/openapi.json").json

    assert "explain" not in json.dumps(document).lower()
    assert told(document, "/predict")["examples"].keys() == {"one", "partial"}
    assert document["info"]["title"] == "small"
    assert body(document, "/predict")["examples"]["one"]["value"] == {"Zone": "a.b", "Class": 60, "Area": 3}


def test_every_reference_leads_somewhere(document: dict[str, Any]):
    def nodes(node: Any) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict):
            yield node
        for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
            yield from nodes(each)

    found = [node["$ref"] for node in nodes(document) if "$ref" in node]

    for ref in found:
        node = document
        for part in ref.removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
    assert {"#/components/schemas/Record", "#/components/schemas/Predictions"} <= set(found)

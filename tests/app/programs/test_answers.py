"""From records to answers: predictions, intervals, warnings and errors, in JSON and in CSV, on a small bundle."""

from __future__ import annotations

import csv
import io
import json
import math
import pickle
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from app import create_app
from app.problems import Problem
from app.programs.answers import MAX_FAULTS, answer, rounded
from app.programs.reading import json_batch
from app.settings import Settings
from modelbundle.contract import Contract
from modelbundle.intervals import Intervals
from tests.app.conftest import client_of, publish
from tests.helpers.stand_in import service_of
from tests.modelbundle.conftest import COLUMNS
from training.bundle.drafting import draft_bundle, with_seen_ranges
from training.config.recipe import Candidate
from training.models.candidates import Design, build_pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from app.programs.service import Service

# The price is the area and 9; training saw areas from 0 to 19.
RECORD = {"Zone": "RL", "Class": 60, "Area": 3.5}
INTERVALS = {"level": 0.9, "scale": "log", "at": [12.0], "below": [0.1], "above": [0.2]}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """The files of a bundle as the job makes one, by name."""
    contract = Contract.model_validate({"columns": {"Id": {"role": "identifier", "kind": "numeric"}} | COLUMNS})
    zones, classes, areas = ["RL", "RM"] * 10, [20, 60, 60, 20] * 5, [float(area) for area in range(20)]
    table = pd.DataFrame({"Zone": zones, "Class": classes, "Area": areas, "Price": [9.0 + area for area in areas]})
    candidate = Candidate(estimator="sklearn.linear_model.LinearRegression")
    pipeline = build_pipeline("linear", candidate, Design(contract)).fit(table, table["Price"])
    return draft_bundle(pickle.dumps(pipeline), with_seen_ranges(contract, table), table, {"name": "small"})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> Service:
    return publish(tmp_path_factory.mktemp("models"), files)


@pytest.fixture(scope="module")
def sure(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> Service:
    """The same model, which knows its errors."""
    return publish(tmp_path_factory.mktemp("models"), files, intervals=INTERVALS)


@pytest.fixture(scope="module")
def client(service: Service) -> FlaskClient:
    return client_of(service)


@pytest.fixture(scope="module")
def sure_client(sure: Service) -> FlaskClient:
    return client_of(sure)


class Formula:
    """Stands in for a model where no real one can be made to answer so: the area and 9, or no number."""

    def predict(self, records: list[dict[str, Any]]) -> list[float]:
        odd = {1: math.inf, 2: -math.inf, 3: math.nan, 4: 1.7e308}
        return [odd.get(record["Area"], record["Area"] + 9) for record in records]


def answers(service: Service, *records: dict[str, Any]) -> list[dict[str, Any]]:
    return answer(json_batch(list(records), len(records)), service)


def warnings(service: Service, **changes: Any) -> list[tuple[str, str]]:
    """Kind and feature of each warning that goes with the price of one record."""
    (one,) = answers(service, RECORD | changes)
    return [(warning["kind"], warning["feature"]) for warning in one["warnings"]]


def post(client: FlaskClient, body: Any, *, accept: str = "application/json", partial: bool = False) -> TestResponse:
    """Send a table if the body is text, else JSON."""
    kind, data = ("text/csv", body) if isinstance(body, str) else ("application/json", json.dumps(body))
    path = "/predict?partial=true" if partial else "/predict"
    return client.post(path, data=data, content_type=kind, headers={"Accept": accept})


def strict_json(text: str) -> Any:
    """Read JSON as other languages do, to whom NaN is none."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def rows(response: TestResponse) -> list[list[str]]:
    assert (response.status_code, response.mimetype) == (200, "text/csv"), response.text
    return list(csv.reader(io.StringIO(response.text, newline=""), strict=True))


@pytest.mark.parametrize("body", ['{"Zone":"RL","Class":60,"Area":3.5,"Area":4}', '[{"Class":60,"Area":1,"Area":1}]'])
def test_a_name_that_stands_twice_is_refused(client: FlaskClient, body: str):
    """As the two may differ, nobody knows which one is meant."""
    refused = client.post("/predict", data=body, content_type="application/json")

    assert (refused.status_code, json.loads(refused.text)["detail"]) == (400, 'names stand twice in one object: "Area"')


def test_an_ordinary_record_gets_its_price_and_no_warning(service: Service):
    assert answers(service, RECORD) == [{"prediction": 12.5, "warnings": []}]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Zone": None}, [("imputed", "Zone")]),
        ({"Zone": "RX"}, [("unseen_category", "Zone")]),
        ({"Class": 61}, [("unseen_category", "Class")]),
        ({"Class": "60.0"}, []),
        ({"Class": 60.0}, []),
        ({"Area": 0}, []),
        ({"Area": 0.0}, []),
        ({"Area": -0.0}, []),
        ({"Area": 19}, []),
        ({"Area": math.nextafter(19, 20)}, [("outside_training_range", "Area")]),
        ({"Area": 9000}, [("outside_training_range", "Area")]),
        ({"Zone": None, "Class": "x", "Area": 20},
         [("imputed", "Zone"), ("unseen_category", "Class"), ("outside_training_range", "Area")]),
    ],
)  # fmt: skip
def test_a_price_that_rests_on_less_than_usual_has_warnings(service: Service, changes: Any, expected: Any):
    """A value equal to the smallest or the largest in training is a usual one."""
    assert warnings(service, **changes) == expected


def test_a_warning_tells_the_value_and_the_limit(service: Service):
    (one,) = answers(service, {"Class": "x" * 100, "Area": 8765.5})

    assert [warning["detail"] for warning in one["warnings"]] == [
        "Zone was missing and filled in by the model",
        f"Class '{'x' * 80}' was never seen in training",
        "Area (sq ft) 8765.5 is above the largest value in training, 19",
    ]


@pytest.mark.parametrize(
    ("changes", "meant"),
    [
        ({"Zone": "rl"}, "RL"),
        ({"Zone": "RLL"}, "RL"),
        ({"Zone": "rm "}, "RM"),
        ({"Zone": "residential"}, ""),
        ({"Zone": "RL" + " x" * 60}, ""),
        ({"Class": 6}, ""),  # the nearest code means something else
    ],
)
def test_a_misspelt_category_is_told_which_one_was_probably_meant(service: Service, changes: Any, meant: str):
    (one,) = answers(service, RECORD | changes)
    (warning,) = one["warnings"]

    assert warning["detail"].partition("was never seen in training")[2] == (f"; did you mean {meant}?" if meant else "")


def test_in_a_large_batch_the_first_records_alone_are_told_so(service: Service):
    told = [one["warnings"][0]["detail"] for one in answers(service, *[RECORD | {"Zone": "rl"}] * 300)]

    with pytest.raises(Problem) as refused:
        answer(json_batch([RECORD | {"Zone": "rl"}] * 300, 300), service, strict=True)

    first = [True] * 100 + [False] * 200
    assert [each.endswith("did you mean RL?") for each in told] == first
    assert [each["detail"].endswith("did you mean RL?") for each in refused.value.members["errors"]] == first


def test_a_strict_request_refuses_categories_that_training_never_saw_and_nothing_else_that_is_unusual(
    client: FlaskClient,
):
    unusual = {"Class": 60, "Area": 8000}  # a gap, and a number far out
    sent = [RECORD, RECORD | {"Zone": "rl", "Class": "061"}, unusual, RECORD | {"Area": -1}, RECORD | {"Zone": "x"}]
    faults = [
        ("/1/Zone", 'Zone: expected a category that training saw; got "rl"; did you mean RL?'),
        ("/1/Class", 'Class: expected a category that training saw; got "61"'),
        ("/3/Area", "Area: expected a number from 0 to 9000 (sq ft); got -1"),
        ("/4/Zone", 'Zone: expected a category that training saw; got "x"'),
    ]
    refused = json.loads(client.post("/predict?strict=true", json=sent).text)
    partial = client.post("/predict?strict=true&partial=true", json=sent).json["predictions"]

    assert refused["detail"] == "4 faults in 3 records; nothing was predicted"
    assert [(each["pointer"], each["detail"]) for each in refused["errors"]] == faults
    assert [each for entry in partial for each in entry.get("errors", [])] == refused["errors"]
    assert [entry.get("prediction") for entry in partial] == [12.5, None, 8009.0, None, None]
    assert client.post("/predict?strict=true", json=[RECORD, unusual]).status_code == 200
    assert client.post("/predict?strict=false", json=RECORD | {"Zone": "rl"}).status_code == 200


def test_a_strict_request_is_so_for_one_record_for_a_table_and_with_reasons(client: FlaskClient):
    one = client.post("/predict?strict=true", json=RECORD | {"Zone": "rl"})
    table = client.post("/predict?strict=true", data="Zone,Class,Area\nRL,60,3\nrl,60,3\n", content_type="text/csv")

    assert [json.loads(each.text)["errors"][0]["pointer"] for each in (one, table)] == ["/Zone", "/1/Zone"]
    assert one.status_code == table.status_code == 422


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, 0.0), (-0.0, 0.0), (217276.0311, 217276.03), (-217276.0371, -217276.04), (1.005001, 1.00500),
        (12.3456789, 12.3457), (0.000123456789, 0.000123457), (99_999.994, 99_999.99), (1e15 + 0.25, 1e15 + 0.25),
        (1.7e308, 1.7e308), (5e-324, 5e-324), (9.999999e-7, 1e-6),
    ],
)  # fmt: skip
def test_a_price_is_rounded_to_cents_and_a_small_number_to_six_digits(value: float, expected: float):
    assert rounded(value) == expected


@pytest.mark.parametrize("identifier", [7, "007", 1.5, "", "é", -(10**30), 0])
def test_an_identifier_comes_back_as_it_was_given(client: FlaskClient, identifier: Any):
    sent = RECORD | {"Id": identifier}
    (good,) = strict_json(post(client, sent).text)["predictions"]
    (bad,) = strict_json(post(client, sent | {"Area": "x"}, partial=True).text)["predictions"]

    assert good["Id"] == bad["Id"] == identifier
    assert type(good["Id"]) is type(bad["Id"]) is type(identifier)


@pytest.mark.parametrize("record", [RECORD, RECORD | {"Id": None}])
def test_without_an_identifier_there_is_none_in_the_answer(client: FlaskClient, record: dict[str, Any]):
    assert "Id" not in post(client, record).json["predictions"][0]


@pytest.mark.parametrize("identifier", ["NaN", "Infinity", "-Infinity", "9" * 5000, "true", "[1]", '{"a": 1}'])
def test_what_is_no_identifier_does_not_come_back(client: FlaskClient, identifier: str):
    """It is named as a fault; in the answer it would not even be JSON."""
    body = f'[{{"Id": {identifier}, "Class": 60, "Area": 1}}]'
    answer = client.post("/predict?partial=true", data=body, content_type="application/json")
    (entry,) = strict_json(answer.text)["predictions"]

    assert answer.status_code == 200
    assert list(entry) == ["errors"]
    assert [fault["pointer"] for fault in entry["errors"]] == ["/0/Id"]


@pytest.mark.parametrize("others", [[], ["RM"], [60], [None], ["RM", None, 7, "x"]])
def test_null_and_an_absent_field_are_answered_alike_in_every_batch(service: Service, others: list[Any]):
    absent = {name: RECORD[name] for name in ("Class", "Area")}
    (alone,) = answers(service, absent)
    batch = [absent, absent | {"Zone": None}, *(RECORD | {"Zone": zone} for zone in others)]
    for first in range(len(batch)):
        answered = answers(service, *batch[first:], *batch[:first])
        assert answered[-first] == answered[1 - first] == alone


def test_faulty_records_refuse_the_request_unless_it_is_partial(client: FlaskClient):
    sent = [RECORD, {"Class": 60, "Area": "3"}, RECORD | {"Id": 9, "Area": -1}, RECORD | {"Area": 4.5}]
    refused, partial = post(client, sent), post(client, sent, partial=True)
    first, second, third, fourth = partial.json["predictions"]

    assert refused.status_code == 422
    assert json.loads(refused.text)["detail"] == "2 faults in 2 records; nothing was predicted"
    assert (first, fourth) == ({"prediction": 12.5, "warnings": []}, {"prediction": 13.5, "warnings": []})
    assert json.loads(refused.text)["errors"] == [*second["errors"], *third["errors"]]
    assert list(second) == ["errors"]
    assert third["Id"] == 9


def test_a_partial_answer_may_hold_errors_alone(client: FlaskClient):
    answer = post(client, [3, None], partial=True)

    assert answer.status_code == 200
    assert [entry["errors"][0]["pointer"] for entry in answer.json["predictions"]] == ["/0", "/1"]


@pytest.mark.parametrize("body", [[], "Class,Area\n"])
def test_no_record_at_all_is_refused_even_partially(client: FlaskClient, body: Any):
    answer = post(client, body, partial=True)

    assert answer.status_code == 422
    assert json.loads(answer.text)["errors"][0]["detail"] == "expected at least one record; got none"


@pytest.mark.parametrize("value", ["1", "Tru", "yes", "", "true&partial=true"])
def test_partial_is_true_or_false(client: FlaskClient, value: str):
    assert client.post(f"/predict?partial={value}", json=RECORD).status_code == 400


def test_partial_may_be_said_to_be_false(client: FlaskClient):
    assert client.post("/predict?partial=false", json=[3]).status_code == 422


@pytest.mark.parametrize("value", ["true", "True", "TRUE"])
def test_a_parameter_may_be_written_in_capitals(client: FlaskClient, value: str):
    assert client.post(f"/predict?partial={value}", json=[3]).status_code == 200


def test_beyond_many_faults_each_record_tells_only_its_first(service: Service):
    record = {f"x{number}": 1 for number in range(8)}  # and two that are missing
    with pytest.raises(Problem) as refused:
        answers(service, *[record] * (MAX_FAULTS // 10 + 50))

    assert len(refused.value.members["errors"]) == MAX_FAULTS + 50


@pytest.mark.parametrize("area", [1, 2, 3])
def test_an_answer_that_is_no_number_is_the_fault_of_its_record(service: Service, area: float):
    client = client_of(replace(service, bundle=replace(service.bundle, predict=Formula().predict)))
    sent = [RECORD, RECORD | {"Area": area}]
    refused, partial = post(client, sent), post(client, sent, partial=True)
    (fault,) = json.loads(refused.text)["errors"]

    assert (refused.status_code, refused.mimetype) == (422, "application/problem+json")
    assert fault["pointer"] == "/1"
    assert fault["detail"].startswith("expected a record that the model can answer; got an answer of ")
    assert strict_json(partial.text)["predictions"] == [{"prediction": 12.5, "warnings": []}, {"errors": [fault]}]


def test_arithmetic_that_fails_on_one_record_leaves_the_others_their_answers(service: Service):
    class Fails(Formula):
        def predict(self, records: list[dict[str, Any]]) -> list[float]:
            if any(record["Area"] == 5 for record in records):
                raise ValueError("input holds values that are too large")
            return super().predict(records)

    failing = replace(service, bundle=replace(service.bundle, predict=Fails().predict))
    sent = [RECORD | {"Area": area} for area in (6, 5, 7, 8, 5)]
    predictions = post(client_of(failing), sent, partial=True).json["predictions"]

    assert [entry.get("prediction") for entry in predictions] == [15, None, 16, 17, None]
    assert post(client_of(failing), sent).status_code == 422


def test_an_interval_without_an_end_is_the_fault_of_its_record(sure: Service):
    """The prediction is finite, and what lies a fifth above it is not."""
    client = client_of(replace(sure, bundle=replace(sure.bundle, predict=Formula().predict)))
    sent = [RECORD, RECORD | {"Area": 4}]
    refused, partial = post(client, sent), post(client, sent, partial=True)

    assert refused.status_code == 422
    assert [fault["pointer"] for fault in json.loads(refused.text)["errors"]] == ["/1"]
    assert ["errors" in entry for entry in strict_json(partial.text)["predictions"]] == [False, True]


def test_a_bundle_that_knows_its_errors_gives_an_interval(sure_client: FlaskClient):
    (one,) = post(sure_client, RECORD).json["predictions"]

    assert one["prediction"] == 12.5
    assert one["interval"] == {
        "level": 0.9,
        "low": rounded(12.5 * math.exp(-0.1)),
        "high": rounded(12.5 * math.exp(0.2)),
    }


def test_a_table_has_the_interval_too(sure_client: FlaskClient):
    low, high = str(rounded(12.5 * math.exp(-0.1))), str(rounded(12.5 * math.exp(0.2)))

    assert rows(post(sure_client, [RECORD], accept="text/csv")) == [
        ["prediction", "low", "high", "warnings"],
        ["12.5", low, high, ""],
    ]
    assert rows(post(sure_client, "Class,Area\n60,3.5\n60,x\n", accept="text/csv", partial=True)) == [
        ["Class", "Area", "prediction", "low", "high", "warnings", "errors"],
        ["60", "3.5", "12.5", low, high, "Zone was missing and filled in by the model", ""],
        ["60", "x", "", "", "", "", 'Area: expected a number from 0 to 9000 (sq ft); got "x"'],
    ]


def test_a_bundle_that_does_not_gives_none(client: FlaskClient):
    assert "interval" not in post(client, RECORD).json["predictions"][0]


def test_the_table_that_was_sent_comes_back_with_its_own_text(client: FlaskClient):
    sent = (
        '\ufeffId, Area ,Class,Zone\r\n"007", 3.50 ,60.0,RL\r\n,1e1,"20","R ""x"", y\nz"\r\n\r\n8,+04,"60",NA\r\n'
    )  # fmt: skip

    assert rows(post(client, sent, accept="text/csv")) == [
        ["Id", "Area", "Class", "Zone", "prediction", "warnings"],
        ["007", " 3.50 ", "60.0", "RL", "12.5", ""],
        ["", "1e1", "20", 'R "x", y\nz', "19.0", "Zone 'R \"x\", y\\nz' was never seen in training"],
        ["8", "+04", "60", "NA", "13.0", "Zone was missing and filled in by the model"],
    ]


def test_no_column_of_the_answer_has_the_name_of_one_that_was_sent(tmp_path: Path):
    """Features may be called as the answer's columns are."""
    names = {"Area": "prediction", "Zone": "low", "Class": "warnings"}
    columns = {names.get(name, name): column for name, column in COLUMNS.items()}
    app = create_app(Settings(models=tmp_path))
    service = service_of(Contract.model_validate({"columns": columns}), lambda records: [1.5] * len(records))
    app.extensions["service"] = replace(
        service, bundle=replace(service.bundle, intervals=Intervals.model_validate(INTERVALS))
    )
    sent = "prediction,low,warnings\n3,RL,60\n"
    header, row = rows(post(app.test_client(), sent, accept="text/csv"))

    assert header == ["prediction", "low", "warnings", "model prediction", "model low", "high", "model warnings"]
    assert row[:4] == ["3", "RL", "60", "1.5"]


def test_a_table_is_answered_like_the_same_records_in_json(client: FlaskClient):
    in_table = post(client, "Id,Zone,Class,Area\n7,,60,3\nA1,RX,20,19.5\n")
    in_json = post(client, [{"Id": 7, "Class": 60, "Area": 3}, {"Id": "A1", "Zone": "RX", "Class": "20", "Area": 19.5}])

    assert in_table.json == in_json.json


def test_json_is_answered_in_a_table_of_identifiers_if_there_are_any(client: FlaskClient):
    assert rows(post(client, [RECORD | {"Id": "a,b"}, RECORD], accept="text/csv")) == [
        ["Id", "prediction", "warnings"],
        ["a,b", "12.5", ""],
        ["", "12.5", ""],
    ]
    assert rows(post(client, RECORD, accept="text/csv")) == [["prediction", "warnings"], ["12.5", ""]]


def test_a_partial_table_has_errors_in_place_of_predictions(client: FlaskClient):
    assert rows(post(client, "Class,Area,Zome\n60,3.5\n,-1,x\n", accept="text/csv", partial=True)) == [
        ["Class", "Area", "Zome", "prediction", "warnings", "errors"],
        ["60", "3.5", "", "", "", "expected 3 cells, as the header has; got 2 cells"],
        [
            "", "-1", "x", "", "", "Class is required: expected a category, as a string or a whole number; got null; "
            'Area: expected a number from 0 to 9000 (sq ft); got -1.0; "Zome" is no field of this model; did you mean '
            "Zone?",
        ],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        ("application/json;q=0.1, */*;q=0.9", "text/csv"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("text/csv;q=0.2, application/json;q=0.1", "text/csv"),
        ("text/csv;q=0.1, application/json;q=0.2", "application/json"),
    ],
)
def test_accept_decides_between_json_and_csv(client: FlaskClient, accept: str, mimetype: str):
    assert post(client, RECORD, accept=accept).mimetype == mimetype
    assert post(client, "Class,Area\n60,3\n", accept=accept).mimetype == mimetype


def test_a_refusal_is_a_problem_whatever_is_accepted(client: FlaskClient):
    assert post(client, [], accept="text/csv").mimetype == "application/problem+json"


@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
def test_half_a_character_in_a_name_is_a_fault_beside_the_others(client: FlaskClient, accept: str):
    sent = [RECORD, RECORD | {"\ud800": 1, "x\udfff": 2, "Area": "x"}]
    refused = post(client, sent, accept=accept)
    partial = post(client, sent, accept=accept, partial=True)

    assert refused.status_code == 422
    assert {fault["pointer"] for fault in json.loads(refused.text)["errors"]} == {"/1/\ud800", "/1/x\udfff", "/1/Area"}
    assert partial.status_code == 200


def test_half_a_character_comes_back_as_it_was_written(client: FlaskClient):
    """JSON can name one; UTF-8 cannot hold it, so that in CSV it stays escaped."""
    sent = RECORD | {"Id": "\ud800"}

    assert post(client, sent).json["predictions"][0]["Id"] == "\ud800"
    assert rows(post(client, sent, accept="text/csv"))[1][0] == "\\ud800"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_line_end_in_a_cell_ends_no_row_of_the_answer(client: FlaskClient, end: str):
    in_json = rows(post(client, RECORD | {"Id": f"a{end}b"}, accept="text/csv"))
    in_table = rows(post(client, f'Id,Zone,Class,Area\n"a{end}b",RL,60,3.5\n', accept="text/csv"))

    assert in_json[1:] == [[f"a{end}b", "12.5", ""]]
    assert in_table[1:] == [[f"a{end}b", "RL", "60", "3.5", "12.5", ""]]


def test_prediction_interval_and_reasons_keep_to_the_limits_of_the_target(
    tmp_path_factory: pytest.TempPathFactory, service: Service
):
    """The price is at least 0 and at most 25 here; the area and 9 are less, or more."""
    columns = COLUMNS | {"Price": COLUMNS["Price"] | {"minimum": 0, "maximum": 25}}
    contract = Contract.model_validate({"columns": columns | {"Area": {"kind": "numeric"}}})
    table = pd.DataFrame({"Zone": ["RL", "RM"] * 8, "Class": [20, 60] * 8, "Area": [float(it) for it in range(16)]})
    table["Price"] = 9.0 + table["Area"]
    candidate = Candidate(estimator="sklearn.linear_model.LinearRegression")
    pipeline = build_pipeline("linear", candidate, Design(contract)).fit(table, table["Price"])
    files = draft_bundle(pickle.dumps(pipeline), with_seen_ranges(contract, table), table, {"name": "small"})
    typical = {"scale": "linear", "record": {"Zone": "RL", "Class": "20", "Area": 3.0}}
    intervals = {"level": 0.9, "scale": "linear", "at": [12.0], "below": [0.5], "above": [0.5]}
    client = client_of(publish(tmp_path_factory.mktemp("models"), files, intervals=intervals, typical=typical))
    areas = [-50.0, -9.0, -8.75, 3.0, 15.75, 16.0, 1e6]
    told = client.post("/predict?explain=true", json=[RECORD | {"Area": area} for area in areas]).json["predictions"]

    assert [each["prediction"] for each in told] == pytest.approx([0, 0, 0.25, 12, 24.75, 25, 25], abs=1e-6)
    assert told[2]["interval"] == {"level": 0.9, "low": 0.0, "high": 0.75}
    for each in told:
        low, high = each["interval"]["low"], each["interval"]["high"]
        assert 0 <= low <= each["prediction"] <= high <= 25
        explained = each["explanation"]
        assert sum(explained["contributions"].values()) + explained["typical"] == pytest.approx(each["prediction"])


@pytest.mark.parametrize(("records", "most"), [(5000, 20 * len(json.dumps([{}] * 5000))), (400, 64_000)])
def test_a_refused_request_is_not_answered_with_far_more_than_was_sent(
    tmp_path: Path, files: dict[str, bytes], records: int, most: int
):
    client = client_of(publish(tmp_path, files))
    answer = client.post("/predict", json=[{}] * records)
    problem = json.loads(answer.text)
    found = re.fullmatch(r".* faults in ([\d,]+) records; nothing .*; the first ([\d,]+) are told", problem["detail"])
    faulty, told = (int(number.replace(",", "")) for number in found.groups())

    assert answer.status_code == 422
    assert most / 2 < len(answer.data) <= most
    assert faulty == records
    assert told == len(problem["errors"])


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/predict", b"[" + b"1," * 100_000 + b"1]", "application/json"),
        ("/predict", b'{"a": [' + b"1," * 10_000 + b"1]}", "application/json"),
        ("/predict", b"," * 200_000, "text/csv"),
        ("/predict", b"sep=;\n" + b";" * 200_000, "text/csv"),
        ("/predict", b"\n" * 200_000, "text/csv"),
        ("/invocations", b'{"inputs": [' + b"[]," * 100_000 + b"[]]}", "application/json"),
        ("/invocations", b"\n" * 200_000, "application/jsonlines"),
        ("/", b"a=1&" * 20_000, "application/x-www-form-urlencoded"),
    ],
)  # fmt: skip
def test_more_values_than_records_could_hold_are_not_read(
    tmp_path: Path, files: dict[str, bytes], path: str, body: bytes, kind: str
):
    answer = client_of(publish(tmp_path, files)).post(path, data=body, content_type=kind)

    assert answer.status_code == 413
    assert json.loads(answer.text)["title"] in ("Too many values", "Too many fields")

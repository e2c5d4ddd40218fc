"""Why a price: the explanation adds up to it, in JSON, in CSV and on the page, and changes nothing else."""

from __future__ import annotations

import csv
import io
import json
import math
import pickle
import random
import re
from dataclasses import replace
from decimal import Decimal
from html import unescape
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from app.programs.asking import MAX_ROWS
from app.programs.explain import MAX_EXPLAINED, explanation
from app.programs.rounding import rounded, shared_out
from modelbundle.contract import Contract
from modelbundle.contributions import Contributions, Typical
from tests.app.conftest import client_of, publish
from training.bundle.drafting import draft_bundle, with_seen_ranges
from training.config.recipe import Candidate
from training.models.candidates import Design, build_pipeline

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from app.programs.service import Service

Record = dict[str, Any]
FEATURES = ["Zone", "Class", "Area", "Age"]
COLUMNS = {
    "Id": {"role": "identifier", "kind": "numeric"},
    "Zone": {"kind": "categorical", "example": "RL"},
    "Class": {"kind": "categorical", "required": True, "categories": [20, 60], "example": 60},
    "Area": {"kind": "numeric", "required": True, "unit": "sq ft", "minimum": 0, "maximum": 9000, "example": 1500},
    "Age": {"kind": "numeric", "unit": "years", "example": 30},
    "Price": {"role": "target", "kind": "numeric", "unit": "USD"},
}
TYPICAL = {"scale": "log", "record": {"Zone": "RL", "Class": "60", "Area": 1500.0, "Age": 30.0}}
RECORD = {"Zone": "RM", "Class": 20, "Area": 2200, "Age": 4}
NAMED = re.compile(r'<th scope="row"[^>]*>(\w+).*?<span>(.*?)</span>', re.DOTALL)


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - keeps no secret


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """The files of a bundle whose model lets all features act on each other, on the logarithm of the price."""
    draw = chance(0)
    rows = [[draw.choice(["RL", "RM", "FV"]), draw.choice([20, 60]), draw.uniform(500, 3000), draw.uniform(0, 100)]
            for _ in range(300)]  # fmt: skip
    table = pd.DataFrame(rows, columns=FEATURES)
    sizes = table["Area"] * (1 + (table["Class"] == 60) * (table["Zone"] == "RL"))
    table["Price"] = 100 * sizes * (1.5 - table["Age"] / 100 * (table["Zone"] != "FV"))
    contract = Contract.model_validate({"columns": COLUMNS})
    candidate = Candidate(
        estimator="sklearn.ensemble.GradientBoostingRegressor", parameters={"n_estimators": 20, "max_depth": 4}
    )
    pipeline = build_pipeline("trees", candidate, Design(contract, "log")).fit(table, table["Price"])
    return draft_bundle(pickle.dumps(pipeline), with_seen_ranges(contract, table), table, {"name": "small"})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> Service:
    intervals = {"level": 0.9, "scale": "log", "at": [12.0], "below": [0.1], "above": [0.2]}
    return publish(tmp_path_factory.mktemp("models"), files, typical=TYPICAL, intervals=intervals)


@pytest.fixture(scope="module")
def client(service: Service) -> FlaskClient:
    return client_of(service)


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> FlaskClient:
    """The same model, published without a typical record."""
    return client_of(publish(tmp_path_factory.mktemp("models"), files))


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """As many as may be explained at once: with gaps, categories that training never saw, and values beyond all."""
    draw = chance(1)
    return [
        {name: value for name, value in {
            "Id": number,
            "Zone": draw.choice(["RL", "RM", "FV", "never seen", "RL.0", None, "absent"]),
            "Class": draw.choice([20, 60, "60", 60.0, "never seen"]),
            "Area": draw.choice([1500, 1500.0, draw.uniform(0, 9000), draw.uniform(500, 3000)]),
            "Age": draw.choice([30, None, "absent", draw.uniform(0, 100), -1e6, 1e30]),
        }.items() if value != "absent"}
        for number in range(MAX_EXPLAINED)
    ]  # fmt: skip


def post(client: FlaskClient, body: Any, query: str = "explain=true", accept: str = "application/json") -> TestResponse:
    """Send a table if the body is text, else JSON."""
    kind, data = ("text/csv", body) if isinstance(body, str) else ("application/json", json.dumps(body))
    return client.post(f"/predict?{query}", data=data, content_type=kind, headers={"Accept": accept})


def predictions(answer: TestResponse) -> list[Record]:
    """The entries, their numbers as the decimals that stand there."""
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)["predictions"]


def rows(answer: TestResponse) -> list[dict[str, str]]:
    assert (answer.status_code, answer.mimetype) == (200, "text/csv"), answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline=""), strict=True))


def table_of(records: list[Record], *names: str) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def problem(answer: TestResponse) -> tuple[int, str]:
    assert answer.mimetype == "application/problem+json"
    return answer.status_code, json.loads(answer.text)["detail"]


def test_the_typical_price_and_what_each_feature_adds_are_the_price_to_the_cent(
    client: FlaskClient, records: list[Record]
):
    entries = predictions(post(client, records))

    assert len(entries) == len(records)
    for entry in entries:
        explained = entry["explanation"]
        assert list(explained["contributions"]) == FEATURES
        assert explained["typical"] + sum(explained["contributions"].values()) == entry["prediction"]
        assert all(amount.as_tuple().exponent >= -2 for amount in explained["contributions"].values())
    assert len({entry["explanation"]["typical"] for entry in entries}) == 1
    assert len({entry["prediction"] for entry in entries}) > 50  # or this would show little


def test_the_answer_is_otherwise_the_same_as_without(client: FlaskClient, records: list[Record]):
    with_reasons, without = predictions(post(client, records)), predictions(post(client, records, ""))

    assert [{key: entry[key] for key in entry if key != "explanation"} for entry in with_reasons] == without
    assert list(with_reasons[0]) == ["Id", "prediction", "interval", "explanation", "warnings"]
    assert post(client, records, "explain=false").json == post(client, records, "").json


def test_the_typical_price_is_the_models_own_for_that_record(client: FlaskClient):
    (ordinary,) = predictions(post(client, TYPICAL["record"], ""))
    (itself, other) = predictions(post(client, [TYPICAL["record"], RECORD]))

    assert itself["explanation"] == {"typical": ordinary["prediction"], "contributions": dict.fromkeys(FEATURES, 0)}
    assert other["explanation"]["typical"] == ordinary["prediction"]


@pytest.mark.parametrize("same", [{"Class": 60}, {"Class": "60.0", "Zone": "RL"}, {"Area": 1500, "Age": 30}])
def test_a_feature_that_is_as_usual_adds_nothing(client: FlaskClient, same: Record):
    (entry,) = predictions(post(client, RECORD | same))

    assert {name: entry["explanation"]["contributions"][name] for name in same} == dict.fromkeys(same, 0)


def test_a_lone_feature_adds_the_difference(client: FlaskClient):
    (entry,) = predictions(post(client, TYPICAL["record"] | {"Area": 2500}))
    difference = entry["prediction"] - entry["explanation"]["typical"]

    assert difference > 0
    assert entry["explanation"]["contributions"] == dict.fromkeys(FEATURES, 0) | {"Area": difference}


@pytest.mark.parametrize("gap", [{"Age": None}, {}])
def test_a_missing_field_adds_what_filling_it_in_changes(client: FlaskClient, gap: Record):
    record = {name: value for name, value in TYPICAL["record"].items() if name != "Age"} | gap
    (entry,) = predictions(post(client, record))
    contributions = entry["explanation"]["contributions"]

    assert contributions["Age"] == entry["prediction"] - entry["explanation"]["typical"] != 0
    assert [warning["feature"] for warning in entry["warnings"]] == ["Age"]


def test_csv_tells_the_same_in_columns(client: FlaskClient, records: list[Record]):
    table = table_of(records, "Id", *FEATURES)
    told = rows(post(client, table, accept="text/csv"))
    entries = predictions(post(client, table))
    columns = [f"contribution {name}" for name in FEATURES]

    assert list(told[0]) == ["Id", *FEATURES, "prediction", "low", "high", "typical", *columns, "warnings"]
    for row, entry in zip(told, entries, strict=True):
        amounts = [Decimal(row[column]) for column in columns]
        assert amounts == list(entry["explanation"]["contributions"].values())
        assert Decimal(row["typical"]) + sum(amounts) == Decimal(row["prediction"]) == entry["prediction"]


@pytest.mark.parametrize("query", ["partial=true&explain=true", "explain=True&partial=True"])
def test_among_faulty_records_the_good_ones_are_explained(client: FlaskClient, query: str):
    sent = [RECORD, RECORD | {"Area": "x"}, 3, RECORD | {"Age": None}]
    first, second, third, fourth = predictions(post(client, sent, query))

    assert [first, fourth] == predictions(post(client, [sent[0], sent[3]]))
    assert ["errors"] == list(second) == list(third)
    assert post(client, sent).status_code == 422


def test_the_cells_of_a_refused_row_are_empty(client: FlaskClient):
    table = table_of([RECORD, RECORD | {"Area": "x"}], *FEATURES)
    good, bad = rows(post(client, table, "explain=true&partial=true", accept="text/csv"))
    columns = ["typical", *(f"contribution {name}" for name in FEATURES)]

    assert all(good[column] for column in columns)
    assert not any(bad[column] for column in columns)
    assert bad["errors"]


@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
def test_more_records_than_may_be_explained_are_refused(client: FlaskClient, accept: str):
    sent = [RECORD] * (MAX_EXPLAINED + 1)
    words = f"expected at most {MAX_EXPLAINED} in one request with explain=true; got {MAX_EXPLAINED + 1}"

    assert problem(post(client, sent, accept=accept)) == (413, words)
    assert problem(post(client, sent, "explain=true&partial=true", accept=accept)) == (413, words)
    assert post(client, sent, "explain=false", accept=accept).status_code == 200


def test_a_model_without_a_typical_record_says_so_and_answers_all_else(silent: FlaskClient):
    status, detail = problem(post(silent, RECORD))

    assert status == 400
    assert detail == "this model was published without a typical record to compare with; ask without explain=true"
    assert "explanation" not in predictions(post(silent, RECORD, "explain=false"))[0]
    assert "explain" not in silent.get("/openapi.json").text
    assert 'class="price"' in silent.post("/", data=RECORD).text
    assert 'class="why"' not in silent.post("/", data=RECORD).text


@pytest.mark.parametrize("value", ["1", "yes", "", "true&explain=true"])
def test_explain_is_true_or_false(client: FlaskClient, value: str):
    assert problem(post(client, RECORD, f"explain={value}"))[0] == 400


def test_invocations_do_not_take_it(client: FlaskClient):
    assert client.post("/invocations?explain=true", json={"instances": [RECORD]}).status_code == 400


class Formula:
    """Stands in for a model: notes how many rows it was asked at a time; some areas are beyond its powers."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.odd = {1: math.inf, 2: -math.inf, 3: math.nan, 4: 0.0, 5: -7.0}

    def predict(self, records: list[Record]) -> list[float]:
        self.asked.append(len(records))
        if any(record["Area"] == 6 and record["Age"] == 7 for record in records):
            raise ValueError("input holds values that are too large")
        return [
            -1.0 if it["Age"] == 8 and it["Zone"] == "RL" else self.odd.get(it["Area"], it["Area"]) for it in records
        ]


def standing_in(service: Service) -> tuple[FlaskClient, Formula]:
    formula = Formula()
    return client_of(replace(service, bundle=replace(service.bundle, predict=formula.predict))), formula


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Area": 1}, "expected a record that the model can answer; got an answer of inf"),
        ({"Area": 2}, "expected a record that the model can answer; got an answer of -inf"),
        ({"Area": 3}, "expected a record that the model can answer; got an answer of nan"),
        # without explain these have a price, though none that has a logarithm
        ({"Area": 4}, "expected a record that the model can explain; got no usable number on the way to it"),
        ({"Area": 5}, "expected a record that the model can explain; got no usable number on the way to it"),
        ({"Age": 8}, "expected a record that the model can explain; got no usable number on the way to it"),
        # arithmetic that fails altogether
        ({"Area": 6, "Age": 7}, "expected a record that the model can answer; got an answer of nan"),
        ({"Area": 6, "Age": 7, "Zone": None}, "expected a record that the model can answer; got an answer of nan"),
    ],
)
def test_a_record_without_a_number_is_at_fault_and_the_others_are_explained(
    service: Service, changes: Record, words: str
):
    client, _ = standing_in(service)
    sent = [RECORD, RECORD | changes, RECORD | {"Area": 1600}]
    refused, partial = post(client, sent), post(client, sent, "explain=true&partial=true")
    good, bad, other = predictions(partial)

    assert problem(refused) == (422, "1 fault in 1 record; nothing was predicted")
    (fault,) = json.loads(refused.text)["errors"]
    assert fault["pointer"] == "/1"
    assert fault["detail"].startswith(words)
    assert bad == {"errors": [fault]}
    assert [entry["explanation"]["contributions"]["Area"] for entry in (good, other)] == [700, 100]


def test_nothing_is_predicted_twice_and_not_too_much_at_once(service: Service):
    client, formula = standing_in(service)
    post(client, RECORD)
    (rows_of_one,) = formula.asked
    formula.asked.clear()
    sent = [RECORD | {"Area": 1000 + number} for number in range(MAX_EXPLAINED)]
    assert post(client, sent).status_code == 200

    assert rows_of_one <= 6 * (len(FEATURES) - 1) + 2
    assert sum(formula.asked) == MAX_EXPLAINED * rows_of_one
    assert max(formula.asked) <= MAX_ROWS


def test_many_features_are_explained_a_few_records_at_a_time(service: Service, monkeypatch: pytest.MonkeyPatch):
    client, formula = standing_in(service)
    monkeypatch.setattr("app.programs.asking.MAX_ROWS", 50)
    sent = [RECORD | {"Area": 1000 + number} for number in range(10)]
    entries = predictions(post(client, sent))

    assert [entry["prediction"] for entry in entries] == [record["Area"] for record in sent]
    assert len(formula.asked) > 1
    assert max(formula.asked) <= 50


@pytest.mark.parametrize(
    ("prediction", "typical"),
    [
        (163_000.005, 129_613.235), (0.1 + 0.2, 1e-7), (1.23456789e-9, 9.87654321e-5), (12.345, 163_000.0),
        (-5.5, 4.25), (0.0, 1.0), (9.9e12 + 0.01, 1.0), (5e-310, 1e-311), (123.456, 123.456),
    ],
)  # fmt: skip
def test_numbers_of_every_size_add_up_as_they_are_written(prediction: float, typical: float):
    amounts = {"a": (prediction - typical) / 3, "b": 2 * (prediction - typical), "c": -4 / 3 * (prediction - typical)}
    found = explanation(Contributions(prediction, typical, amounts, amounts))
    written = json.loads(json.dumps(found), parse_float=Decimal)

    assert written["typical"] == Decimal(repr(rounded(typical)))
    assert written["typical"] + sum(written["contributions"].values()) == Decimal(repr(rounded(prediction)))


def test_a_target_beyond_all_cents_is_explained_all_the_same():
    amounts = {"a": 1e300, "b": 2e300}
    found = explanation(Contributions(3.5e300, 0.5e300, amounts, amounts))

    assert found["contributions"] == pytest.approx(amounts)


@pytest.mark.parametrize("digits", [0, 1, 2, 7])
def test_amounts_are_shared_out_between_the_numbers_as_they_are_shown(digits: int):
    """Halves too: 100.5 is shown as 100, and 23.455 as 23.45, since it is a little less."""
    units = shared_out([-67.045, 0.0, -10], (100.5, 23.455), digits)
    start, end = (Decimal(f"{value:.{digits}f}") for value in (100.5, 23.455))

    assert Decimal(sum(units)).scaleb(-digits) == end - start
    assert units[1] == 0


def ask_page(client: FlaskClient, **changes: Any) -> str:
    answer = client.post("/", data={name: str(value) for name, value in (RECORD | changes).items()})
    assert answer.status_code == 200
    return unescape(answer.text)


def whole(text: str) -> int:
    return int(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))


@pytest.mark.parametrize("changes", [{}, {"Age": ""}, {"Zone": "never seen"}, {"Area": 1501, "Zone": "RL"}])
def test_the_page_says_why_in_whole_units_that_add_up(client: FlaskClient, changes: Record):
    page = ask_page(client, **changes)
    (price,) = re.findall(r'class="price">([\d,]+) USD<', page)
    (typical,) = re.findall(r"Compared with a typical record, for which the model predicts ([\d,]+) USD", page)
    *named, (last, together) = NAMED.findall(page)
    amounts = [whole(amount) for _, amount in named]

    assert (last, sorted(name for name, _ in named)) == ("Together", sorted(FEATURES))
    assert sum(amounts) == whole(together) == whole(price) - whole(typical)
    assert amounts == sorted(amounts, key=abs, reverse=True)


def test_the_page_shows_the_values_beside_the_typical_ones(client: FlaskClient):
    page = ask_page(client, Age="", Area=12.5)

    assert "<td>not known</td>\n<td>30</td>" in page
    assert "<td>12.5</td>\n<td>1500</td>" in page
    assert "<td>RM</td>\n<td>RL</td>" in page


def test_bars_reach_to_both_sides_the_longest_to_the_end(client: FlaskClient):
    page = ask_page(client, Area=700, Age=0)
    bars = re.findall(r'<rect(?: class="(less)")? x="(-?\d+)" width="(\d+)"', page)
    amounts = [whole(amount) for _, amount in NAMED.findall(page)[:-1]]

    assert [bool(less) for less, _, _ in bars] == [amount < 0 for amount in amounts]
    assert [int(start) for _, start, _ in bars] == [-int(width) if less else 0 for less, _, width in bars]
    assert int(bars[0][2]) == 100
    assert {amount < 0 for amount in amounts if amount} == {True, False}


def test_the_page_keeps_to_its_policy_and_gives_no_reasons_for_a_fault(client: FlaskClient):
    refused = client.post("/", data={"Area": "-1", "Class": "60"})

    assert "style=" not in ask_page(client)
    assert refused.status_code == 422
    assert 'class="why"' not in refused.text
    assert 'class="why"' not in client.get("/").text


def test_a_small_target_has_as_many_digits_as_its_price(service: Service):
    class Small(Formula):
        def predict(self, records: list[Record]) -> list[float]:
            return [record["Area"] / 10_000 for record in records]

    small = replace(service.bundle, predict=Small().predict, typical=Typical.model_validate(TYPICAL))
    page = ask_page(client_of(replace(service, bundle=small)))

    assert 'class="price">0.2200 USD<' in page
    assert "the model predicts 0.1500 USD" in page
    assert ("Area", "+0.0700") in NAMED.findall(page)


def test_the_description_of_the_interface_explains_its_example(client: FlaskClient):
    operation = client.get("/openapi.json").json["paths"]["/predict"]["post"]
    names = [parameter["name"] for parameter in operation["parameters"]]
    example = operation["responses"]["200"]["content"]["application/json"]["examples"]["explained"]["value"]
    record = operation["requestBody"]["content"]["application/json"]["examples"]["one"]["value"]

    assert names == ["partial", "explain", "strict"]
    assert post(client, record).json == example
    assert "explain=true" in client.get("/docs").text

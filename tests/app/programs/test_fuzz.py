"""Whatever is sent gets an answer or a reason: generated bodies, none of which may end in an error of the service."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app import create_app
from app.programs.checks import read_if_valid
from app.programs.reading import CHARSETS
from app.settings import Settings
from modelbundle.bundle import load_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flask import Flask
    from werkzeug.test import TestResponse

    from tests.conftest import Project

pytestmark = pytest.mark.run

# How many bodies for each path
QUICK = {"/predict": 200, "/invocations": 100}
THOROUGH = {"/predict": 6500, "/invocations": 3500}
SETTINGS = settings(
    deadline=None,
    database=None,  # nothing is left in the checkout
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)

# What each field may hold, with the limits and a value beyond what training saw among them.
CATEGORIES = {
    "MSSubClass": [20, 60, 60.0, "60", "60.0", 75, 1e16, -0.0, "never seen"],
    "MSZoning": ["RL", "RM", "C (all)", "never, seen"],
    "LotConfig": ["Inside", 'Cor"ner', "FR2"],
    "BldgType": ["1Fam", "2fmCon", "é"],
    "Exterior1st": ["HdBoard", "Wd Sdng", "x" * 300],
}
NUMBERS = {
    "LotArea": (100, 2_000_000), "OverallCond": (1, 10), "YearBuilt": (1700, 2100), "YearRemodAdd": (1700, 2100),
    "BsmtFinSF2": (0, 100_000), "TotalBsmtSF": (0, 100_000),
}  # fmt: skip
REQUIRED = ("MSSubClass", "LotArea", "YearBuilt")
NAMES = ("Id", *CATEGORIES, *NUMBERS)
# Python writes no whole number of so many digits: it stands for one until the JSON is text.
HUGE = "a number of 5,000 digits"


@dataclass(frozen=True)
class Sent:
    """One request."""

    path: str
    body: bytes
    content_type: str
    headers: dict[str, str]


def fields() -> dict[str, st.SearchStrategy[Any]]:
    numbers = {name: st.integers(*ends) | st.floats(*ends) for name, ends in NUMBERS.items()}
    return (
        {"Id": st.integers() | st.text(max_size=5) | st.sampled_from(["\r", "\n", '"', ",", "007"])}
        | {name: st.sampled_from(values) for name, values in CATEGORIES.items()}
        | {name: number if name in REQUIRED else st.none() | number for name, number in numbers.items()}
    )


FIELDS = fields()
VALID = st.fixed_dictionaries(
    {name: FIELDS[name] for name in REQUIRED}, optional={name: FIELDS[name] for name in NAMES if name not in REQUIRED}
)
# Half characters, control characters and the rest
TEXT = st.text(st.characters(codec=None), max_size=20)
ODD = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, HUGE, 10**400, -(10**4000), 1e308, 5e-324, -0.0]),
    st.sampled_from([None, True, False, "", " ", "NaN", "1e3", "\ud800", "\r", [], {}, [1], {"LotArea": 1}]),
    st.floats() | st.integers(),
    TEXT,
)
MANY = st.sampled_from([[], [], [f"x{number}" for number in range(30)]])
ANYTHING = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | st.sampled_from(NAMES), inner, max_size=4)
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A record with a few fields dropped, replaced, renamed or added; rarely something else altogether."""
    record = dict(draw(VALID))
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(("Id", *NAMES)))
        match draw(st.sampled_from(["drop", "replace", "rename", "add", "swap"])):
            case "drop":
                record.pop(name, None)
            case "replace":
                record[name] = draw(ODD)
            case "rename":
                record[draw(st.sampled_from([name.lower(), name[:-1], f" {name}", "SalePrice"]) | TEXT)] = draw(ODD)
            case "add":
                record |= draw(st.dictionaries(TEXT, ODD, max_size=3)) | dict.fromkeys(draw(MANY), 1)
            case "swap":
                return draw(ODD)
    return record


RECORDS = VALID | mutated()
BATCHES = st.one_of(RECORDS, st.lists(RECORDS, max_size=3), st.lists(VALID, min_size=1, max_size=2))


def columns_of(records: list[Any]) -> list[str]:
    return list(dict.fromkeys(name for record in records if isinstance(record, dict) for name in record))


def split(records: list[Any]) -> Any:
    names = columns_of(records)
    rows = [[record.get(name) for name in names] if isinstance(record, dict) else record for record in records]
    return {"columns": names, "data": rows}


def columns(records: list[Any]) -> Any:
    return {
        name: [record.get(name) if isinstance(record, dict) else record for record in records]
        for name in columns_of(records)
    }


@st.composite
def mlflow_forms(draw: st.DrawFn) -> Any:
    """The forms of MLflow's protocol; some with a member too many, or with anything at all inside."""
    records = draw(st.lists(VALID, min_size=1, max_size=2) | st.lists(RECORDS, max_size=3))
    name = draw(st.sampled_from(["dataframe_records", "dataframe_split", "instances", "inputs"]))
    data: Any = {"dataframe_records": records, "dataframe_split": split(records)}.get(name, columns(records))
    if draw(st.booleans()) and name in ("instances", "inputs"):
        data = records
    if draw(st.integers(0, 5)) == 0:
        data = draw(ANYTHING)
    if isinstance(data, dict) and draw(st.integers(0, 5)) == 0:
        data[draw(st.sampled_from(["index", "columns", "data"]) | TEXT)] = draw(ANYTHING)
    if draw(st.integers(0, 5)) == 0:
        return {name: data, draw(st.sampled_from(["params", "signature_name", "instances", "x"])): draw(ANYTHING)}
    return {name: data}


@st.composite
def json_bodies(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> bytes:
    """JSON in one of its encodings, sometimes cut off."""
    text = json.dumps(draw(values), ensure_ascii=draw(st.booleans())).replace(json.dumps(HUGE), "9" * 5000)
    encoding = draw(st.sampled_from(["utf-8"] * 5 + ["utf-8-sig", "utf-16", "utf-32-be"]))
    body = text.encode(encoding, "surrogatepass")
    return body[: draw(st.integers(0, len(body)))] if draw(st.integers(0, 9)) == 0 else body


@st.composite
def tables(draw: st.DrawFn) -> str:
    """A CSV file; half of them with something inserted or taken out somewhere."""
    records = draw(st.lists(VALID, max_size=3))
    text = io.StringIO()
    writer = csv.DictWriter(text, draw(st.permutations(columns_of(records))) or NAMES)
    writer.writeheader()
    writer.writerows(records)
    table = text.getvalue()
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(table)))
        odd = st.sampled_from(
            [",", '"', '"a,b"', "\n", "\r", "\x00", "NA", "inf", "1e999", "9" * 400, "-", ";", "\ufeff"]
        )
        table = table[:at] + draw(odd | TEXT) + table[at + draw(st.integers(0, 3)) :]
    return table


CSV_BODIES = st.builds(
    lambda text, codec: text.encode(codec, "surrogatepass" if codec == "utf-8" else "replace"),
    tables() | TEXT,
    st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "latin-1"]),
)
LATIN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
JSON_TYPES = st.sampled_from(["application/json"] * 8 + ["application/json; charset=utf-16", "application/x+json"])
CSV_TYPES = st.sampled_from(["text/csv"] * 8 + [f"text/csv; charset={charset}" for charset in (*CHARSETS, "x", '"')])
ODD_TYPES = LATIN | st.sampled_from(
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "TEXT/CSV ; CHARSET=UTF-8",
    ]
)
ACCEPTS = (
    st.sampled_from(
        ["application/json", "text/csv", "*/*", "text/csv;q=x", "text/*;q=0.1", "application/jsonlines, */*;q=0.1"]
    )
    | LATIN
)
QUERIES = st.sampled_from(
    [""] * 4
    + ["?partial=true"] * 4
    + ["?partial=false", "?partial=1", "?x=%ff&y", "?strict=true", "?strict=true&partial=true"]
)
NO_QUERY = st.sampled_from([""] * 20 + ["?partial=true", "?x=%ff&y"])


@st.composite
def requests(draw: st.DrawFn, path: str) -> Sent:
    values = {"/predict": BATCHES, "/invocations": mlflow_forms()}[path]
    kind = draw(st.sampled_from(["json", "json", "json", "csv", "csv", "anything", "bytes"]))
    body = draw(
        {
            "json": json_bodies(values),
            "csv": CSV_BODIES,
            "anything": json_bodies(ANYTHING | st.lists(ANYTHING, max_size=3)),
            "bytes": st.binary(max_size=100),
        }[kind]
    )
    types = CSV_TYPES if kind == "csv" else JSON_TYPES
    content_type = draw(ODD_TYPES | CSV_TYPES | JSON_TYPES) if draw(st.integers(0, 9)) == 0 else draw(types)
    headers = {"Accept": draw(ACCEPTS)}
    if draw(st.integers(0, 29)) == 0:
        headers["Content-Encoding"] = draw(st.sampled_from(["gzip", "identity", "x"]))
    query = draw(QUERIES if path == "/predict" else NO_QUERY)
    return Sent(path + query, body, content_type, headers)


def strict_json(text: str) -> Any:
    """Read JSON as other languages do, to whom NaN is none."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def records_of(sent: Sent, mimetype: str, charset: str) -> tuple[list[Any], bool]:
    """The records of a body that could be read, and whether their pointers begin with a number."""
    if mimetype == "text/csv":
        text = io.StringIO(sent.body.decode(CHARSETS[charset.lower()]), newline="")
        header, *rows = filter(None, csv.reader(text, strict=True))
        names = [name.strip() for name in header]
        return [dict(zip(names, row, strict=False)) for row in rows], True
    value = json.loads(sent.body, parse_int=lambda digits: 0)
    if sent.path.startswith("/predict"):
        return (value, True) if isinstance(value, list) else ([value], False)
    (data,) = (value[name] for name in value if name not in ("params", "signature_name"))
    if "dataframe_split" in value:
        return [dict(zip(data["columns"], row, strict=True)) for row in data["data"]], True
    if isinstance(data, list):
        return data, True
    if any(isinstance(column, list) for column in data.values()):
        return [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)], True
    return [data], True


def check_pointer(pointer: str, records: list[Any], *, numbered: bool) -> None:
    """It leads to a record, to a field of one, or to a field that one lacks."""
    assert pointer == "" or pointer.startswith("/")
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    if not steps:
        assert not numbered or not records
        return
    record = records[int(steps.pop(0))] if numbered else records[0]
    if steps:
        (name,) = steps
        assert isinstance(record, dict) or (isinstance(record, list) and name in NAMES)
        assert name in record or name in NAMES


def check_errors(errors: Iterable[dict[str, str]], sent: Sent, answer: TestResponse) -> None:
    assert errors
    records, numbered = records_of(
        sent, answer.request.mimetype, answer.request.mimetype_params.get("charset", "utf-8")
    )
    for fault in errors:
        assert fault["detail"]
        check_pointer(fault["pointer"], records, numbered=numbered)


def check_refusal(sent: Sent, answer: TestResponse) -> None:
    assert answer.mimetype == "application/problem+json"
    problem = strict_json(answer.text)
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    if answer.status_code == 422:
        check_errors(problem["errors"], sent, answer)
    else:
        assert "errors" not in problem


def check_answer(sent: Sent, answer: TestResponse) -> None:
    records, _ = records_of(sent, answer.request.mimetype, answer.request.mimetype_params.get("charset", "utf-8"))
    if sent.path == "/invocations" and answer.mimetype != "application/json":
        assert answer.mimetype in ("text/csv", "application/jsonlines")
        lines = [strict_json(line) for line in answer.text.splitlines()]
        numbers = [line["prediction"] if answer.mimetype == "application/jsonlines" else line for line in lines]
        assert len(numbers) == len(records)
        assert all(map(math.isfinite, numbers))
        return
    if answer.mimetype == "text/csv":
        header, *rows = csv.reader(io.StringIO(answer.text, newline=""), strict=True)
        assert len(rows) == len(records)
        assert {len(row) for row in rows} == {len(header)}
        return
    assert answer.mimetype == "application/json"
    predictions = strict_json(answer.text)["predictions"]
    assert len(predictions) == len(records)
    for entry in predictions:
        if sent.path.startswith("/predict") and "errors" in entry:
            assert "partial=true" in sent.path
            check_errors(entry["errors"], sent, answer)
        else:
            value = entry["prediction"] if sent.path.startswith("/predict") else entry
            assert math.isfinite(value)


@pytest.fixture(scope="module")
def app(smoke: Project) -> Flask:
    return create_app(Settings(models=smoke.folder / "runs/smoke/models"))


def test_the_generators_know_the_contracts_fields(smoke: Project):
    contract = load_bundle(smoke.folder / "runs/smoke/models/bundles" / smoke.version()).contract

    assert set(NAMES) == {contract.identifier, *contract.features}
    assert set(REQUIRED) == {name for name in contract.features if contract.columns[name].required}


@pytest.mark.parametrize("counts", [QUICK, pytest.param(THOROUGH, marks=pytest.mark.slow)], ids=["quick", "thorough"])
@pytest.mark.parametrize("path", ["/predict", "/invocations"])
def test_whatever_is_sent_gets_an_answer_or_a_reason(app: Flask, path: str, counts: dict[str, int]):
    """No 5xx; every refusal is a problem document whose pointers lead to what was sent; every answer is complete."""
    client, statuses = app.test_client(), Counter[int]()

    # the quick bodies are the same each time, so that the quick tests are too
    @settings(SETTINGS, max_examples=counts[path], derandomize=counts is QUICK)
    @given(requests(path))
    def ask(sent: Sent) -> None:
        answer = client.post(sent.path, data=sent.body, content_type=sent.content_type, headers=sent.headers)
        statuses[answer.status_code] += 1
        assert answer.status_code == 200 or 400 <= answer.status_code < 500
        check: Callable[[Sent, TestResponse], None] = check_answer if answer.status_code == 200 else check_refusal
        check(sent, answer)

    ask()

    assert statuses.total() >= counts[path]
    # the generators get beyond the first line of defence
    assert all(statuses[status] >= counts[path] / 100 for status in (200, 400, 415, 422)), statuses


@pytest.mark.parametrize("counts", [QUICK, pytest.param(THOROUGH, marks=pytest.mark.slow)], ids=["quick", "thorough"])
def test_it_does_not_matter_which_way_a_body_is_read(app: Flask, counts: dict[str, int], monkeypatch: Any):
    """What was read and checked in one go is answered as if it had been read first and then checked."""
    client, went = app.test_client(), Counter[bool]()

    def watched(*arguments: Any) -> Any:
        found = read_if_valid(*arguments)
        went[found is not None] += 1
        return found

    def careful(*arguments: Any) -> None:
        return None

    @settings(SETTINGS, max_examples=counts["/predict"], derandomize=counts is QUICK)
    @given(json_bodies(BATCHES), QUERIES)
    def ask(body: bytes, query: str) -> None:
        found = []
        for way in (watched, careful):
            monkeypatch.setattr("app.programs.predict.read_if_valid", way)
            answer = client.post(f"/predict{query}", data=body, content_type="application/json")
            told = json.loads(answer.text)
            told.pop("request_id", None)
            found.append((answer.status_code, told))
        assert found[0] == found[1]

    ask()

    assert min(went[True], went[False]) >= counts["/predict"] / 10


def test_the_thorough_run_is_of_ten_thousand_bodies():
    assert sum(THOROUGH.values()) >= 10_000

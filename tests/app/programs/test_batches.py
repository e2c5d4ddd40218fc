"""A record's price is its own: alone or among a thousand others, in any order, in JSON and in CSV, to the cent."""

from __future__ import annotations

import csv
import io
import json
import random
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from app import create_app
from app.settings import Settings

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.conftest import Project

pytestmark = [pytest.mark.run, pytest.mark.slow]

ALONE, BATCH = 250, 1000
REQUIRED = ("Id", "MSSubClass", "LotArea", "YearBuilt")

Record = dict[str, Any]


@pytest.fixture(scope="module")
def client(smoke: Project) -> FlaskClient:
    return create_app(Settings(models=smoke.folder / "runs/smoke/models")).test_client()


@pytest.fixture(scope="module")
def records(smoke: Project) -> list[Record]:
    """A thousand houses; every other one with gaps, categories that training never saw, and other ways to write."""
    table = pd.read_csv(smoke.folder / "data/house_prices.csv").drop(columns="SalePrice").head(BATCH)
    chance = seeded(0)
    return [disturbed(record, chance) for record in json.loads(table.to_json(orient="records"))]


@pytest.fixture(scope="module")
def prices(client: FlaskClient, records: list[Record]) -> dict[int, float]:
    """What each of the first records costs when it is sent alone, by its identifier."""
    return {record["Id"]: json_prices(client, [record])[record["Id"]] for record in records[:ALONE]}


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - shuffles, and keeps no secret


def disturbed(record: Record, chance: random.Random) -> Record:
    if chance.random() < 0.5:
        return record
    record = dict(record)
    for name in [name for name in record if name not in REQUIRED]:
        fate = chance.random()
        if fate < 0.15:
            record[name] = None
        elif fate < 0.3:
            del record[name]
        elif fate < 0.4 and isinstance(record[name], str):
            record[name] = chance.choice(["never seen", "60", "RL ", "nan.", "é"])
    record["MSSubClass"] = chance.choice([60, 60.0, "60", "60.0", 61, "x", record["MSSubClass"]])
    return record


def json_prices(client: FlaskClient, records: list[Record]) -> dict[int, float]:
    answer = client.post("/predict", json=records)
    assert answer.status_code == 200, answer.text
    return {entry["Id"]: entry["prediction"] for entry in answer.json["predictions"]}


def csv_prices(client: FlaskClient, records: list[Record]) -> dict[int, float]:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for record in records for name in record)))
    writer.writeheader()
    writer.writerows(records)
    answer = client.post("/predict", data=text.getvalue(), content_type="text/csv", headers={"Accept": "text/csv"})
    assert answer.status_code == 200, answer.text
    return {int(row["Id"]): float(row["prediction"]) for row in csv.DictReader(io.StringIO(answer.text, newline=""))}


def test_the_records_have_gaps_and_categories_that_training_never_saw(
    client: FlaskClient, records: list[Record], prices: dict[int, float]
):
    """Otherwise the tests below would show little."""
    entries = client.post("/predict", json=records[:ALONE]).json["predictions"]
    warned = [{warning["kind"] for warning in entry["warnings"]} for entry in entries]

    assert sum("imputed" in kinds for kinds in warned) > 50
    assert sum("unseen_category" in kinds for kinds in warned) > 50
    assert sum(not kinds for kinds in warned) > 50
    assert len(set(prices.values())) > 200


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ask", [json_prices, csv_prices])
def test_alone_and_in_a_batch_of_a_thousand_the_price_is_the_same(
    client: FlaskClient, records: list[Record], prices: dict[int, float], ask: Any, seed: int
):
    shuffled = seeded(seed).sample(records, BATCH)
    batch = ask(client, shuffled)

    assert len(batch) == BATCH
    assert {identifier: batch[identifier] for identifier in prices} == prices


def test_alone_the_price_is_the_same_in_csv(client: FlaskClient, records: list[Record], prices: dict[int, float]):
    assert {record["Id"]: csv_prices(client, [record])[record["Id"]] for record in records[:ALONE]} == prices


@pytest.mark.parametrize("size", [2, 7, 63, 64, 65, 999])
def test_a_batch_of_any_size_gives_the_same_prices(
    client: FlaskClient, records: list[Record], prices: dict[int, float], size: int
):
    """Libraries of linear algebra choose other paths for other sizes."""
    first = seeded(size).randrange(ALONE)
    batch = json_prices(client, (records * 2)[first : first + size])

    assert {identifier: price for identifier, price in batch.items() if identifier in prices} == {
        identifier: price for identifier, price in prices.items() if identifier in batch
    }

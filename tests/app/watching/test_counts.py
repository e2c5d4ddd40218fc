"""What /metrics tells of the model, in one process and without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import create_app
from app.settings import Settings
from tests.helpers.registry import RECORD, add, point

if TYPE_CHECKING:
    from pathlib import Path


def told(models: Path, *, ask: bool = False) -> dict[str, float]:
    client = create_app(Settings(models=models)).test_client()
    if ask:
        client.post("/predict?partial=true", json=[RECORD, RECORD, {"Area": "much"}])
    lines = client.get("/metrics").text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_the_model_that_is_served_is_named(tmp_path: Path):
    point(tmp_path, version := add(tmp_path, 9))
    found = told(tmp_path)

    assert found["model_ready"] == 1
    assert {name: value for name, value in found.items() if name.startswith("model_info")} == {
        f'model_info{{name="small",version="{version}"}}': 1
    }


def test_without_a_model_it_is_not_ready_and_names_none(tmp_path: Path):
    found = told(tmp_path)

    assert found["model_ready"] == 0
    assert not [name for name in found if name.startswith("model_info{")]


def test_records_are_counted_by_what_became_of_them_and_by_model(tmp_path: Path):
    """So that a publish shows in what is predicted."""
    found = []
    for floor in (9, 10):
        point(tmp_path, version := add(tmp_path, floor))
        before, after = told(tmp_path), told(tmp_path, ask=True)
        grown = {name: after[name] - before.get(name, 0) for name in after if name.startswith("prediction_")}
        found.append({name: value for name, value in grown.items() if value and "bucket" not in name})

        assert found[-1][f'prediction_records_total{{outcome="priced",version="{version}"}}'] == 2
        assert found[-1][f'prediction_records_total{{outcome="refused",version="{version}"}}'] == 1
        assert found[-1][f'prediction_value_count{{version="{version}"}}'] == 2

    assert not set(found[0]) & set(found[1])

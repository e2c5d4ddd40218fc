"""A retrained model is released if it is not worse than the current one by more than the margin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from delivery import gate

RMSE, R2 = "neg_root_mean_squared_error", "r2"


def manifest(score: float = 35_000.0, metric: str = RMSE, rows: int = 1460, **more: Any) -> dict[str, Any]:
    scores = {"label": "R²", "unit": ""} if metric == R2 else {"label": "RMSE", "unit": "USD"}
    return {"metric": metric, "metrics": {metric: scores | {"folds_mean": score}}, "data": {"rows": rows}} | more


@pytest.mark.parametrize(
    ("after", "before", "metric", "release"),
    [
        (34_000, 35_000, RMSE, True),
        (35_000, 35_000, RMSE, True),  # another model with the same score
        (35_699, 35_000, RMSE, True),
        (35_701, 35_000, RMSE, False),
        (70_000, 35_000, RMSE, False),
        (0.80, 0.79, R2, True),
        (0.785, 0.80, R2, True),
        (0.783, 0.80, R2, False),
        (-0.1, 0.80, R2, False),
        (-0.1, -0.2, R2, True),
        (0.1, 0.0, R2, True),
        (-0.1, 0.0, R2, False),
        (float("nan"), 35_000, RMSE, False),
    ],
)
def test_the_margin_is_a_share_of_the_current_score(after: float, before: float, metric: str, release: bool):
    decision, _ = gate.decide(manifest(after, metric, note="new"), manifest(before, metric), 0.02)

    assert decision is release


def test_the_reason_tells_both_scores_the_margin_and_the_data():
    _, refused = gate.decide(manifest(37_000, rows=1500), manifest(35_000), 0.02)
    _, released = gate.decide(manifest(0.81, R2), manifest(0.8, R2), 0.02)

    assert refused == (
        "RMSE 35,000 to 37,000 USD is 5.7% worse, more than the margin of 2.0% (1,460 to 1,500 records); "
        "the current model stays"
    )
    assert released == "R² 0.8 to 0.81 is 1.3% better (1,460 to 1,460 records)"


def test_the_first_model_is_released_and_the_same_one_not_again():
    assert gate.decide(manifest(), None, 0.02)[0] is True
    assert gate.decide(manifest(), manifest(), 0.02) == (
        False,
        "the new model is the current one: same data, code, parameters and packages",
    )


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of bundles as the run leaves it."""
    folder = tmp_path / "models"
    (folder / "bundles/abc").mkdir(parents=True)
    (folder / "channels/local").mkdir(parents=True)
    (folder / "channels/local/current").write_text("abc\n")
    (folder / "bundles/abc/manifest.json").write_text(json.dumps(manifest(34_000)))
    return folder


@pytest.mark.parametrize(("margin", "release"), [("0.5", "true"), ("0", "false")])
def test_a_workflow_gets_the_decision_and_people_the_reason(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, margin: str, release: str
):
    (tmp_path / "current.json").write_text(json.dumps(manifest(33_000)))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))

    assert gate.main([str(models), str(tmp_path / "current.json"), "--margin", margin]) == 0
    assert (tmp_path / "output").read_text() == f"release={release}\n"
    assert "RMSE 33,000 to 34,000 USD is 3.0% worse" in (tmp_path / "summary").read_text()


@pytest.mark.parametrize(
    ("current", "arguments", "message"),
    [
        ("{}", [], "is no manifest of a bundle"),
        ("not json", [], "is no manifest of a bundle"),
        (json.dumps(manifest(0.8, R2)), [], "a person has to compare"),
        (json.dumps(manifest()), ["--margin", "2"], "the margin is a share from 0 to 1"),
    ],
)
def test_what_cannot_be_compared_is_an_error_and_no_decision(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], current: str, arguments: list[str], message: str
):
    (tmp_path / "current.json").write_text(current)

    assert gate.main([str(models), str(tmp_path / "current.json"), *arguments]) == 1
    assert message in capsys.readouterr().err

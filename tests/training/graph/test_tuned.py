"""The file that make tune writes: what was found, for people to review and for the next run to go by."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from training.config.recipe import Candidate
from training.graph import write_tuned

if TYPE_CHECKING:
    from pathlib import Path

RIDGE = {
    "parameters": {"alpha": 0.123456789},
    "trials": 40,
    "before": -2.123456789,
    "after": -1.5,
    "mattered": {"alpha": 1.0},
    "at_edge": ["alpha"],
    "scorer": "r2",
    "searched_on": "d1g3st",
    "files": {},
}
BLEND = {
    "members": ["ridge", "ridge", "tree"],
    "trials": 10,
    "before": -1.5,
    "after": -1.25,
    "scorer": "r2",
    "files": {},
}


def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, results: dict[str, Any], **candidates: Any) -> str:
    conf = SimpleNamespace(candidates={name: Candidate(**each) for name, each in candidates.items()}, name="x")
    monkeypatch.setattr(write_tuned, "runs_folder", lambda _: tmp_path)
    monkeypatch.setattr(write_tuned, "tuned_file", lambda path: tmp_path / f"{path}.tuned")
    for node, result in results.items():
        (tmp_path / node).mkdir()
        (tmp_path / node / "results.json").write_text(json.dumps(result))
    write_tuned.write_tuned(conf, "yours.yaml")
    return (tmp_path / "yours.yaml.tuned").read_text()


def test_it_holds_the_parameters_the_blends_members_and_how_the_search_went(tmp_path: Path, monkeypatch: Any):
    text = written(
        tmp_path, monkeypatch, {"tune-ridge": RIDGE, "blend": BLEND},
        ridge={"estimator": "a.Ridge", "search": {"alpha": [1, 2]}}, tree={"estimator": "a.Tree"},
        mix={"members": ["ridge", "tree"]},
    )  # fmt: skip

    assert yaml.safe_load(text) == {
        "candidates": {"ridge": {"parameters": {"alpha": 0.123456789}}, "mix": {"members": ["ridge", "ridge", "tree"]}},
        "tuning": {
            "scorer": "r2",
            "searched_on": "d1g3st",
            "candidates": {
                "ridge": {
                    "trials": 40,
                    "before": -2.12346,
                    "after": -1.5,
                    "mattered": {"alpha": 1.0},
                    "at_edge": ["alpha"],
                },
                "blend": {"trials": 10, "before": -1.5, "after": -1.25},
            },
        },
    }
    assert text.startswith("# Written by make tune from yours.yaml")
    assert text.index("candidates") < text.index("tuning"), "in the order in which people read it"


def test_without_a_blend_there_are_parameters_alone(tmp_path: Path, monkeypatch: Any):
    text = written(
        tmp_path, monkeypatch, {"tune-ridge": RIDGE}, ridge={"estimator": "a.Ridge", "search": {"alpha": [1, 2]}}
    )

    assert yaml.safe_load(text)["candidates"] == {"ridge": {"parameters": {"alpha": 0.123456789}}}

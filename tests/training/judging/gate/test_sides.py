"""What the gate is told of two bundles on the disk: nothing that the manifest does not vouch for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from modelbundle.digests import canonical_json
from tests.helpers.judged import COARSE, GOOD, Made, houses
from training.config.conf import Split
from training.config.gating import Gate
from training.judging import gate, sides
from training.judging.evidence import EVIDENCE
from training.judging.sides import candidate_side, served_side

if TYPE_CHECKING:
    from pathlib import Path

EARLIER, LATER = houses(200, 1), houses(700, 2)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return Made(GOOD, LATER).put(tmp_path)


@pytest.fixture
def served(tmp_path: Path) -> Path:
    return Made(COARSE, EARLIER).put(tmp_path)


def reason(new: Path, served: Path) -> str:
    """Why a person decides."""
    decision = gate.judge(new, served, Gate())
    assert decision.decision == "ask"
    return decision.reasons[0]


def test_the_served_model_answers_each_record_of_the_new_holdout(new: Path, served: Path):
    candidate = candidate_side(new)
    side = served_side(served, candidate)

    assert len(side.answers) == len(candidate.evidence.records) == 140
    assert (side.broken, side.lacks) == ("", "")
    assert gate.judge(new, served, Gate()).decision == "promote"


def test_on_the_same_folds_the_served_model_is_not_asked(new: Path):
    assert served_side(new, candidate_side(new)).answers is None


@pytest.mark.parametrize("which", ["new", "served"])
def test_sound_evidence_that_the_manifest_does_not_vouch_for_is_none(
    tmp_path: Path, new: Path, served: Path, which: str
):
    other = Made(GOOD, LATER, split=Split(repeats=1, seed=5)).put(tmp_path)
    ({"new": new, "served": served}[which] / EVIDENCE).write_bytes((other / EVIDENCE).read_bytes())

    assert "is not the file that manifest.json describes: its digest differs" in reason(new, served)


def test_a_served_manifest_that_was_altered_is_none(new: Path, served: Path):
    manifest = dict(served_side(served, candidate_side(new)).manifest) | {"title": "another"}
    (served / "manifest.json").write_bytes(canonical_json(manifest))

    assert "its digest is not the folder's name" in reason(new, served)


def fails(records: Any) -> list[float]:
    raise RuntimeError("out of memory")


@pytest.mark.parametrize(
    ("predict", "said"),
    [
        (fails, "the served model fails on records of the new hold-out: RuntimeError('out of memory')"),
        (lambda records: [1.0, float("nan")] * 70, "the served model predicts nan for 70 records of the new hold-out"),
    ],
)
def test_a_served_model_that_gives_no_answers_is_told(
    new: Path, served: Path, monkeypatch: pytest.MonkeyPatch, predict: Any, said: str
):
    load = sides.load_bundle
    stand_in = SimpleNamespace(predict=predict)
    monkeypatch.setattr(sides, "load_bundle", lambda folder: stand_in if folder == served else load(folder))

    assert said in reason(new, served)

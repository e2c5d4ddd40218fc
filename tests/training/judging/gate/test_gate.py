"""The gate on prepared cases: bundles of real fits, judged as they stand in a registry."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tests.helpers.judged import COARSE, GOOD, HIGH, Made, contract_of, houses
from tests.modelbundle.conftest import vouch
from training.config.conf import Split
from training.config.gating import Gate
from training.judging import gate
from training.judging.evidence import EVIDENCE

if TYPE_CHECKING:
    from pathlib import Path


RULES = Gate()
EARLIER, LATER = houses(600, 1), houses(600, 2)


def with_later(rows: int = 600, level: float = 1.0) -> pd.DataFrame:
    """The earlier houses and some later ones, all at another level of prices."""
    table = pd.concat([EARLIER, LATER[:rows]], ignore_index=True)
    return table.assign(Price=table["Price"] * level)


def judged(tmp_path: Path, new: Made, served: Made | None) -> gate.Decision:
    decision = gate.judge(new.put(tmp_path), served.put(tmp_path) if served else None, RULES)
    assert json.loads(json.dumps(decision.as_json(), allow_nan=False)) == decision.as_json()
    return decision


def test_prices_up_a_tenth_and_a_better_model_are_promoted(tmp_path: Path):
    decision = judged(tmp_path, Made(GOOD, with_later(level=1.1)), Made(COARSE, EARLIER))

    assert decision.decision == "promote"
    assert "On the same 240 records, which are new to both, RMSE is" in decision.reasons[0]
    assert "better (95 % interval: " in decision.reasons[0]


def test_prices_down_a_tenth_do_not_hide_a_worse_model(tmp_path: Path):
    decision = judged(tmp_path, Made(COARSE, with_later(level=0.9)), Made(GOOD, EARLIER))

    assert decision.decision == "refuse"
    assert "worse (95 % interval: " in decision.reasons[0]
    assert decision.reasons[0].endswith(", more than the margin of 2 % and by more than luck; the served model stays.")


def test_without_common_rows_a_person_decides(tmp_path: Path):
    """Other folds of the same records: the served model was fitted on every record of the new hold-out."""
    decision = judged(tmp_path, Made(GOOD, EARLIER, split=Split(repeats=1, seed=7)), Made(GOOD, EARLIER))

    assert decision.decision == "ask"
    assert decision.reasons[0] == (
        "The new hold-out has 120 records, and none of them is new to the served model, which was fitted on the "
        "others; 100 are needed. More new data, or a run on the same data and folds, would let the gate judge."
    )


def test_too_few_new_rows_are_for_a_person_who_is_told_how_many_there_are(tmp_path: Path):
    decision = judged(tmp_path, Made(GOOD, with_later(50)), Made(GOOD, EARLIER))
    told = decision.numbers["checks"]["comparison"]

    assert decision.decision == "ask"
    assert 0 < told["new_rows"] < told["holdout_rows"] == 130
    assert f"130 records, and only {told['new_rows']} of them are new to the served model" in decision.reasons[0]


def test_what_is_worse_than_the_best_constant_is_refused_even_as_the_first_model(tmp_path: Path):
    decision = judged(tmp_path, Made(HIGH, EARLIER), None)

    assert decision.decision == "refuse"
    assert "A model that is no better than what knows no features is not served." in decision.reasons[0]


def test_a_narrower_contract_is_refused_however_good_the_model_is(tmp_path: Path):
    narrow = contract_of(Cellar={"required": True})
    decision = judged(tmp_path, Made(GOOD, with_later(), contract=narrow), Made(COARSE, EARLIER))

    assert decision.decision == "refuse"
    assert decision.reasons[0] == "The contract is narrower. Cellar is required; it could be left out."
    assert any("better (95 % interval" in reason for reason in decision.reasons)


def test_the_first_model_of_a_channel_is_promoted_and_it_is_said_that_nothing_is_served(tmp_path: Path):
    decision = judged(tmp_path, Made(GOOD, EARLIER), None)

    assert decision.decision == "promote"
    assert "Nothing is served yet on this channel, so there is no model to compare with." in decision.reasons
    assert decision.numbers["served"] is None


def test_on_the_same_folds_a_worse_model_is_refused_without_a_look_at_the_holdout(tmp_path: Path):
    decision = judged(tmp_path, Made(COARSE, EARLIER), Made(GOOD, EARLIER))

    assert decision.decision == "refuse"
    assert decision.reasons[0].startswith("On the same 5 folds, RMSE is ")
    assert decision.numbers["checks"]["comparison"]["by"] == "folds"


def test_a_contract_with_one_more_feature_still_meets_the_same_folds(tmp_path: Path):
    without = contract_of(Cellar=None)
    decision = judged(tmp_path, Made(GOOD, EARLIER), Made(GOOD, EARLIER, contract=without))

    assert decision.decision == "promote"
    assert decision.reasons[0].startswith("On the same 5 folds, ")


def test_a_contract_with_one_more_feature_does_not_make_known_rows_new(tmp_path: Path):
    without = contract_of(Cellar=None)
    new, served = Made(GOOD, EARLIER, split=Split(repeats=1, seed=7)), Made(GOOD, EARLIER, contract=without)
    decision = judged(tmp_path, new, served)

    assert decision.decision == "ask"
    assert "none of them is new to the served model" in decision.reasons[0]


def test_a_contract_that_reads_a_column_otherwise_cannot_tell_which_rows_are_new(tmp_path: Path):
    other = contract_of(Zone={"values": "truth", "categories": None})
    decision = judged(tmp_path, Made(GOOD, with_later(), contract=other), Made(GOOD, EARLIER))

    assert decision.decision == "ask"
    assert decision.reasons[0].startswith(
        "The new contract reads Zone in another way, so that known rows may look new."
    )


@pytest.mark.parametrize("which", ["new", "served"])
def test_a_bundle_from_before_there_was_evidence_is_for_a_person(tmp_path: Path, which: str):
    bundles = {"new": Made(GOOD, EARLIER), "served": Made(GOOD, EARLIER)}
    bundles[which] = replace(bundles[which], with_evidence=False)
    decision = judged(tmp_path, **bundles)

    assert decision.decision == "ask"
    assert "was made before bundles held evidence: it has no evidence.npz." in decision.reasons[0]


@pytest.mark.parametrize("which", ["new", "served"])
@pytest.mark.parametrize("data", [None, b"", b"PK\x03\x04 cut short"])
def test_evidence_that_cannot_be_read_never_promotes(tmp_path: Path, which: str, data: bytes | None):
    folders = {"new": Made(GOOD, with_later()).put(tmp_path), "served": Made(COARSE, EARLIER).put(tmp_path)}
    path = folders[which] / EVIDENCE
    path.unlink() if data is None else path.write_bytes(data)
    if data == b"":  # as if it had been made so
        folders[which] = vouch(folders[which])
    decision = gate.judge(folders["new"], folders["served"], RULES)

    assert decision.decision == "ask"
    assert EVIDENCE in decision.reasons[0]


def test_golden_requests_that_do_not_replay_are_refused_with_the_bundles_sentence(tmp_path: Path):
    folder = Made(GOOD, EARLIER).put(tmp_path)
    golden = json.loads((folder / "golden.json").read_bytes())
    golden["requests"][0]["prediction"] += 1000
    (folder / "golden.json").write_text(json.dumps(golden))
    decision = gate.judge(vouch(folder), None, RULES)

    assert decision.decision == "refuse"
    assert "request 0: model.pkl answers" in decision.reasons[0]


def test_a_served_model_that_cannot_be_asked_is_for_a_person(tmp_path: Path):
    served = vouch(Made(COARSE, EARLIER).put(tmp_path), versions={"python": "2.7"})
    decision = gate.judge(Made(GOOD, with_later()).put(tmp_path), served, RULES)

    assert decision.decision == "ask"
    assert "The served model cannot be asked for the new records" in decision.reasons[0]
    assert "was made with python 2.7" in decision.reasons[0]


def test_on_the_same_folds_a_served_model_of_other_libraries_need_not_be_asked(tmp_path: Path):
    served = vouch(Made(GOOD, EARLIER).put(tmp_path), versions={"python": "2.7"})

    assert gate.judge(Made(GOOD, EARLIER).put(tmp_path), served, RULES).decision == "promote"


@pytest.mark.parametrize("manifest", [None, b"{", b"{}"])
def test_a_served_manifest_that_cannot_be_read_never_promotes(tmp_path: Path, manifest: bytes | None):
    served = Made(GOOD, EARLIER).put(tmp_path)
    path = served / "manifest.json"
    path.unlink() if manifest is None else path.write_bytes(manifest)
    new = Made(GOOD, with_later()).put(tmp_path)

    assert gate.judge(new, served, RULES).decision == "ask"

"""How often a hold-out has been scored: the number belongs to an execution, and nothing else changes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelbundle.digests import digest_bytes
from training.files import write_atomically
from training.graph import ledger


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose comparison was executed."""
    monkeypatch.setattr(ledger, "ROOT", tmp_path)
    folder = tmp_path / "runs/x"
    write(folder, data="d", holdout=[2, 1])
    write_atomically(folder / "04_compare/notebook.ipynb", b"first")
    return folder


def write(folder: Path, data: str, holdout: list[int]) -> None:
    write_atomically(folder / "02_preprocess/results.json", json.dumps({"data_sha256": data}).encode())
    write_atomically(folder / "02_preprocess/split.json", json.dumps({"holdout": holdout}).encode())


def scored(runs: Path, *executed: bytes) -> None:
    known = {ledger.holdout_id(runs): [digest_bytes(each) for each in executed]}
    write_atomically(ledger.ledger_file(), json.dumps(known).encode())


def test_an_execution_that_no_record_tells_of_is_the_next(runs: Path):
    assert ledger.tell_times(runs) == "This hold-out has been scored for the 1st time."
    scored(runs, b"a", b"b")
    assert ledger.times_scored(runs) == 3


def test_an_execution_keeps_its_number(runs: Path):
    scored(runs, b"a", b"first", b"c")

    assert ledger.times_scored(runs) == 2


@pytest.mark.parametrize(("data", "holdout", "same"), [("d", [1, 2], True), ("d", [1, 3], False), ("e", [1, 2], False)])
def test_a_hold_out_is_its_data_and_its_rows(runs: Path, data: str, holdout: list[int], same: bool):
    before = ledger.holdout_id(runs)
    write(runs, data, holdout)

    assert (ledger.holdout_id(runs) == before) is same


def test_before_a_comparison_nothing_is_told(runs: Path):
    (runs / "04_compare/notebook.ipynb").unlink()
    assert ledger.tell_times(runs) == ""
    (runs / "02_preprocess/split.json").unlink()
    assert ledger.tell_times(runs) == ""


def test_a_damaged_ledger_says_nothing_and_stops_nothing(runs: Path):
    write_atomically(ledger.ledger_file(), b'{"half')

    assert ledger.times_scored(runs) == 1


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (21, "21st"),
        (112, "112th"),
    ],
)
def test_ordinals(number: int, said: str):
    assert ledger.ordinal(number) == said

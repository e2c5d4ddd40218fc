"""The evidence: rows are known again however they come, the same bytes each time, and nothing unsound is read."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from modelbundle.contract import Contract
from tests.helpers.judged import COLUMNS, RMSE, contract_of, houses
from training.config.conf import Read, Split
from training.data.reading import features_and_target, read_table
from training.data.split import split_rows
from training.judging import evidence
from training.judging.evidence import EVIDENCE, EvidenceProblem, fold_digests, make_evidence, read, row_digests
from training.judging.predictions import read_predictions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Project

ROWS = houses(40, 3)
SCORES = {RMSE: [-2.0, -1.0], "r2": [0.5, 0.25]}


def made(table: pd.DataFrame = ROWS, contract: Contract | None = None, scores: Any = SCORES) -> bytes:
    parts = split_rows(len(table), Split(folds=2, repeats=1))
    truth = table["Price"].iloc[parts["holdout"]].to_numpy()
    held_out = pd.DataFrame({"row": parts["holdout"], "predicted": truth + 5, "actual": truth})
    return make_evidence(table, contract or contract_of(), parts, held_out, scores, RMSE)


def digests(table: pd.DataFrame, contract: Contract | None = None) -> np.ndarray:
    return row_digests(*features_and_target(table, contract or contract_of()))


def test_it_holds_all_that_a_later_gate_asks():
    found, parts = read(made()), split_rows(40, Split(folds=2, repeats=1))
    held = ROWS.iloc[parts["holdout"]]

    assert found.validated.scores == SCORES
    assert found.validated.metric == RMSE
    assert found.validated.fold_rows == [(16, 16), (16, 16)]
    assert found.validated.constant == pytest.approx(ROWS["Price"].iloc[parts["training"]].mean())
    assert [record["Area"] for record in found.records] == held["Area"].tolist()
    assert found.records[0].keys() == {"Zone", "Area", "Cellar"}
    assert found.actual.tolist() == held["Price"].tolist()
    assert found.predicted.tolist() == (held["Price"] + 5).tolist()
    assert set(found.fitted.tolist()) == set(digests(ROWS).tolist())


def test_the_same_comparison_gives_the_same_bytes_at_any_time():
    data = made()
    dates = {entry.date_time for entry in zipfile.ZipFile(io.BytesIO(data)).infolist()}

    assert made() == data
    assert dates == {(1980, 1, 1, 0, 0, 0)}
    assert len(data) < 6000


def test_rows_are_known_again_in_any_order_and_beside_any_others():
    turned = pd.concat([houses(5, 9), ROWS[::-1]])

    assert digests(turned)[5:].tolist() == digests(ROWS)[::-1].tolist()


def test_rows_are_known_again_however_a_file_is_written(tmp_path: Path):
    plain, other = tmp_path / "plain.csv", tmp_path / "other.csv"
    ROWS.to_csv(plain, index=False)
    ROWS[["Price", "Cellar", "Zone", "Area"]].assign(Note="x").to_csv(other, index=False, sep=";", decimal=",")
    tables = read_table(plain, Read(), contract_of()), read_table(other, Read(sep=";", decimal=","), contract_of())

    assert digests(tables[0]).tolist() == digests(tables[1]).tolist() == digests(ROWS).tolist()


def test_rows_are_known_again_by_a_contract_in_another_order():
    turned = Contract.model_validate({"columns": dict(reversed(COLUMNS.items()))})

    assert digests(ROWS, turned).tolist() == digests(ROWS).tolist()


@pytest.mark.parametrize("column", ["Zone", "Area", "Cellar", "Price"])
def test_a_row_that_differs_in_one_cell_is_another_row(column: str):
    other = ROWS.assign(**{column: ROWS[column].shift(1).fillna(ROWS[column].iloc[0])})
    differs = (other[column] != ROWS[column]).to_numpy()

    assert differs.sum() > 10
    assert ((digests(other) != digests(ROWS)) == differs).all()


def test_the_identifier_and_columns_beside_the_contract_have_no_part():
    named = contract_of(Id={"role": "identifier", "kind": "numeric"})

    assert digests(ROWS.assign(Id=range(40)), named).tolist() == digests(ROWS.assign(Note="y")).tolist()


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [(0.0, -0.0, True), (None, 0.0, False), (None, float("nan"), True), (1.0, 1.0 + 2**-52, False)],
)
def test_numbers_are_told_apart_to_the_last_bit_and_gaps_from_all(one: Any, other: Any, equal: bool):
    cells = [ROWS.assign(Cellar=cell).astype({"Cellar": float}) for cell in (one, other)]

    assert (digests(cells[0]) == digests(cells[1])).all() == equal


@pytest.mark.parametrize(("one", "other"), [(("ab", "c"), ("a", "bc")), (("atb", "c"), ("a", "btc"))])
def test_texts_do_not_run_into_each_other(one: tuple[str, str], other: tuple[str, str]):
    frames = [pd.DataFrame({"A": [pair[0]], "B": [pair[1]]}) for pair in (one, other)]

    assert row_digests(frames[0], np.ones(1)) != row_digests(frames[1], np.ones(1))


def test_folds_are_the_same_in_any_order_of_the_rows_and_differ_with_one_row():
    rows, y = digests(ROWS), ROWS["Price"]
    folds = [{"fit": [0, 1, 2], "score": [3, 4]}, {"fit": [3, 4, 2], "score": [0, 1]}]
    turned = [{part: [39 - at for at in fold[part]][::-1] for part in fold} for fold in folds]
    other = [{**folds[0], "score": [3, 5]}, folds[1]]
    found = fold_digests(rows, y, folds)

    assert fold_digests(rows[::-1], y[::-1], turned)["folds"] == found["folds"]
    for changed in (fold_digests(rows, y, other), fold_digests(rows, y, folds[::-1])):
        assert set(changed.values()).isdisjoint(found.values())


def test_places_are_the_same_whatever_features_are_read_and_differ_with_a_true_value():
    y, folds = ROWS["Price"], [{"fit": [0, 1], "score": [2, 3]}]
    fewer = digests(ROWS, contract_of(Cellar=None))

    assert fold_digests(fewer, y, folds)["places"] == fold_digests(digests(ROWS), y, folds)["places"]
    assert fold_digests(fewer, y + 1, folds)["places"] != fold_digests(fewer, y, folds)["places"]


def changed(**parts: Any) -> bytes:
    with np.load(io.BytesIO(made())) as file:
        arrays = {name: file[name] for name in file.files} | parts
    out = io.BytesIO()
    np.savez(out, **{name: part for name, part in arrays.items() if part is not None})
    return out.getvalue()


def text(**changes: Any) -> np.ndarray:
    told = read(made()).validated.model_dump(mode="json") | changes
    return np.frombuffer(json.dumps(told).encode(), np.uint8)


@pytest.mark.parametrize(
    "parts",
    [
        {"actual": None},
        {"actual": np.ones(3)},
        {"predicted": np.full(8, np.nan)},
        {"predicted": np.full(8, "x")},
        {"fitted": np.ones(4)},
        {"fitted": np.ones(0, "<u8")},
        {"fitted": np.array([{}], dtype=object)},
        {"records": np.frombuffer(b"[1, 2, 3, 4, 5, 6, 7, 8]", np.uint8)},
        {"records": np.frombuffer(b"[{}", np.uint8)},
        {"validated": text(schema_version=2)},
        {"validated": text(constant=float("nan"))},
        {"validated": text(scores={RMSE: [-1.0]})},
        {"validated": text(scores={RMSE: [-1.0, float("inf")]})},
    ],
    ids=lambda parts: next(iter(parts)),
)
def test_evidence_that_is_not_sound_is_refused(parts: dict[str, Any]):
    assert read(changed()).validated.metric == RMSE
    with pytest.raises(EvidenceProblem, match=r"evidence\.npz is no evidence that this code reads"):
        read(changed(**parts))


def test_a_hold_out_that_cannot_be_told_from_a_gap_is_left_out_as_a_client_would():
    gap = ROWS.assign(Cellar=np.nan)

    assert read(made(gap)).records[0].keys() == {"Zone", "Area"}


@pytest.mark.run
def test_a_runs_bundle_carries_what_the_comparison_found(smoke: Project):
    folder = smoke.folder / "runs/smoke/models/bundles" / smoke.version()
    manifest = smoke.json(f"{folder}/manifest.json")
    found, compared = evidence.of_bundle(folder, manifest), smoke.results("04_compare")
    trained = smoke.results(f"03_train-{compared['winner']}")
    misses = found.predicted - found.actual

    assert (folder / EVIDENCE).stat().st_size < 40_000
    assert found.validated.scores == trained["scores"]
    assert float(np.sqrt((misses**2).mean())) == pytest.approx(compared["holdout"][RMSE])
    assert len(found.fitted) == manifest["data"]["rows"] == 1460
    lines = read_predictions((smoke.folder / f"runs/smoke/03_train-{compared['winner']}/out_of_fold.csv").read_bytes())
    assert len(lines) == 1460 - len(found.actual)

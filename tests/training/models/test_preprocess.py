"""The preprocessing variants: one answer for one record, however it is written and whatever it lacks."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelbundle.contract import Contract
from modelbundle.frame import canonical_frame, records_to_frame
from training.config.conf import Candidate, load_conf
from training.data.explore import leverage
from training.models.candidates import Design, build_pipeline
from training.models.preprocess import RARE_BELOW_ROWS, VARIANTS, build_preprocessing, describe, numbers_only
from training.paths import ROOT

CONTRACT = load_conf("conf/house_prices.yaml").contract
TABLE = pd.read_csv(ROOT / "data/house_prices.csv").head(400)
OPTIONAL = [name for name in CONTRACT.features if not CONTRACT.columns[name].required]
ROW = TABLE.loc[7, CONTRACT.features].to_dict()
CENT = 0.005


@pytest.fixture(scope="module", params=VARIANTS)
def model(request: pytest.FixtureRequest) -> Any:
    """A pipeline of each variant, fitted on the canonical frame as the job fits it."""
    candidate = Candidate(estimator="sklearn.linear_model.LinearRegression", preprocessing=request.param)
    return build_pipeline("linear", candidate, Design(CONTRACT, "log")).fit(
        canonical_frame(TABLE, CONTRACT), TABLE["SalePrice"]
    )


def price(model: Any, **changes: Any) -> float:
    """The price of a lone record, as a client sends it."""
    (answer,) = model.predict(records_to_frame([ROW | changes], CONTRACT))
    return answer


def with_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """The table with every ninth cell of the optional columns missing."""
    gaps = np.arange(len(table) * len(OPTIONAL)).reshape(len(table), -1) % 9 == 0
    return table.assign(**{name: table[name].mask(gap) for name, gap in zip(OPTIONAL, gaps.T, strict=True)})


@pytest.mark.parametrize("change", [lambda table: table, with_gaps], ids=["whole", "with gaps"])
def test_frames_as_read_and_canonical_frames_get_the_same_answers(model: Any, change: Any):
    csv = change(TABLE.head(60)).to_csv(index=False)
    read = pd.read_csv(io.StringIO(csv))

    answers = model.predict(read[CONTRACT.features])

    assert answers == pytest.approx(model.predict(canonical_frame(read, CONTRACT)), abs=CENT)
    assert np.isfinite(answers).all()


def test_a_category_may_be_a_column_of_integers_floats_or_strings(model: Any):
    frame = TABLE[CONTRACT.features].head(60)
    expected = model.predict(canonical_frame(frame, CONTRACT))

    for dtype in ("int64", "float64", "object", "str"):
        assert model.predict(frame.astype({"MSSubClass": dtype})) == pytest.approx(expected, abs=CENT)


def test_a_lone_category_may_be_written_in_any_way(model: Any):
    answers = [price(model, MSSubClass=written) for written in (60, 60.0, "60", "60.0", "060", " 60", "+60", "6e1")]

    assert answers == pytest.approx([answers[0]] * len(answers), abs=CENT)
    assert abs(answers[0] - price(model, MSSubClass=20)) > 1


KINDS = Contract.model_validate(
    {
        "columns": {
            "code": {"kind": "categorical", "values": "whole"},
            "pool": {"kind": "categorical", "values": "truth"},
            "grade": {"kind": "categorical", "values": "text"},
            "price": {"kind": "numeric", "role": "target"},
        }
    }
)
CODES = ["060", "60", "20", "60.0", "-5", "0", "+20", "000"]
POOLS = ["TRUE", "False", "no", "YES", "t", "F", "on", "Off"]
GRADES = ["2.10", "2.1", " 2.1", "02", "2", "B", "b ", "2.10"]


@pytest.mark.parametrize("gap", ["", "NA"], ids=["with gaps", "with NA"])
@pytest.mark.parametrize("codes", [CODES, [*CODES[:7], "unknown"], ["60", "20"] * 4, ["-0.0", "60.0"] * 4])
@pytest.mark.parametrize("pools", [POOLS, ["TRUE", "FALSE"] * 4, ["1", "0"] * 4, ["yes", "no"] * 4])
def test_the_pickle_alone_reads_a_frame_of_read_csv_as_the_contract_reads_the_file(
    codes: list[str], pools: list[str], gap: str
):
    """Text columns want dtype=str, since read_csv makes 2.1 of 2.10."""
    rows = [*zip(codes, pools, GRADES, strict=True), (gap, gap, gap)]
    csv = "code,pool,grade\n" + "".join(f"{','.join(row)}\n" for row in rows)
    table = canonical_frame(pd.read_csv(io.StringIO(csv), dtype=str), KINDS)
    fitted = build_preprocessing("plain", KINDS).fit(pd.concat([table] * RARE_BELOW_ROWS, ignore_index=True))
    read = pd.read_csv(io.StringIO(csv), dtype={"grade": str})

    assert (fitted.transform(read) == fitted.transform(table)).all()
    assert len(np.unique(fitted.transform(table), axis=0)) == len(
        table.drop_duplicates().fillna(table.mode().iloc[0]).drop_duplicates()
    )


@pytest.mark.parametrize("form", ["read", "canonical"])
def test_a_lone_row_gets_the_answer_that_it_gets_in_a_batch(model: Any, form: str):
    table = with_gaps(TABLE.head(4))
    frame = canonical_frame(table, CONTRACT) if form == "canonical" else table[CONTRACT.features]

    lone = [model.predict(frame.iloc[[row]])[0] for row in range(len(frame))]

    assert lone == pytest.approx(model.predict(frame), abs=CENT)


def test_a_lone_gap_in_any_optional_column_gets_the_price_that_it_gets_in_a_batch(model: Any):
    """The frames of the lone rows have a column of nothing but gaps, and of another dtype."""
    batch = [ROW] + [ROW | {name: None} for name in OPTIONAL]

    lone = [model.predict(pd.DataFrame([ROW | {name: None}]))[0] for name in OPTIONAL]

    assert lone == pytest.approx(model.predict(records_to_frame(batch, CONTRACT))[1:], abs=CENT)
    assert np.isfinite(lone).all()


def test_a_gap_may_be_marked_in_any_way(model: Any):
    marks = (None, float("nan"), pd.NA)

    answers = [model.predict(pd.DataFrame([ROW | {"TotalBsmtSF": mark}]))[0] for mark in marks]

    assert answers == pytest.approx([price(model, TotalBsmtSF=None)] * 3, abs=CENT)


def test_a_record_of_nothing_but_what_is_required_gets_a_price(model: Any):
    assert np.isfinite(price(model, **dict.fromkeys(OPTIONAL)))


def test_an_unseen_category_gets_the_price_of_any_other_unseen_one(model: Any):
    records = [ROW | {name: value} for name in CONTRACT.categorical for value in ("never seen", "nor this", 12345)]

    answers = model.predict(records_to_frame(records, CONTRACT)).reshape(-1, 3)

    assert np.isfinite(answers).all()
    assert (np.ptp(answers, axis=1) < CENT).all()


def test_an_unseen_category_is_priced_like_the_rare_ones(model: Any):
    """Where there are any: the model has seen those, so their share is not invented."""
    counts = TABLE["Exterior1st"].value_counts()
    rare = counts.index[counts < RARE_BELOW_ROWS][0]

    assert price(model, Exterior1st="never seen") == pytest.approx(price(model, Exterior1st=rare), abs=CENT)


def test_numbers_at_their_hard_limits_make_finite_columns(model: Any):
    limits = [(name, CONTRACT.columns[name].minimum, CONTRACT.columns[name].maximum) for name in CONTRACT.numeric]
    records = [ROW | {name: limit} for name, *both in limits for limit in both]

    assert np.isfinite(model["preprocess"].transform(records_to_frame(records, CONTRACT))).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_columns_that_are_constant_or_empty_in_a_fold_do_no_harm(variant: str):
    fold = TABLE.assign(BsmtFinSF2=0, TotalBsmtSF=np.nan, LotConfig="Inside")
    fitted = build_preprocessing(variant, CONTRACT).fit(canonical_frame(fold, CONTRACT))

    assert np.isfinite(fitted.transform(canonical_frame(TABLE, CONTRACT))).all()


def test_splines_tame_the_leverage_of_one_extreme_row():
    """A basement of 6,110 sq ft, as Id 1299 has it, decides its own fit unless something is done about it."""
    frame = canonical_frame(pd.concat([TABLE, TABLE.tail(1).assign(TotalBsmtSF=6110)]), CONTRACT)
    plain, splines = (
        leverage(numbers_only(build_preprocessing(variant, CONTRACT).fit(frame), frame))[-1]
        for variant in ("plain", "splines")
    )

    assert plain > 0.3
    assert splines < plain / 2


def test_in_splines_an_extreme_value_counts_as_the_highest_rank():
    fitted = build_preprocessing("splines", CONTRACT).fit(canonical_frame(TABLE, CONTRACT))
    records = [ROW | {"TotalBsmtSF": area} for area in (TABLE["TotalBsmtSF"].max(), 100_000)]

    highest, extreme = fitted.transform(records_to_frame(records, CONTRACT))

    assert extreme == pytest.approx(highest)


def test_variants_are_told_side_by_side():
    table = describe({"plain": None}, {"plain": np.array([[1.0, -2000.0], [3.0, 4.0]])})

    assert table.index.tolist() == ["plain"]
    assert list(table.columns) == ["what it does", "columns", "largest value"]
    assert table.loc["plain"].tolist() == [VARIANTS["plain"], 2, "2,000"]

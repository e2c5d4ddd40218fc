"""The law: every cell of a training file, sent in any way, is to the served model what it was in training."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from app import create_app
from app.settings import Settings
from modelbundle.contract import Contract
from modelbundle.frame import canonical_frame
from tests.helpers.stand_in import service_of
from training.bundle.drafting import with_seen_ranges
from training.config.conf import Read, load_conf
from training.data.reading import load_table, read_table
from training.draft_conf import draft
from training.problems import DataProblem

if TYPE_CHECKING:
    from flask import Flask

GAPS = ("", " ", "NA", "nan", " NULL", "None", "n/a")
BLANKS = st.sampled_from(["", " ", "  ", "\t"])
NAMES = ["area", "first floor", "Größe", "class", "Unnamed", "1st", "a:b", 'q"uote', "x,y"]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=6)
CODES = st.from_regex(r"[0-9]{1,18}(\.[0-9]{1,2})?", fullmatch=True)


def whole(draw: st.DrawFn) -> list[str]:
    """Ways to write one whole number, some of them as only a file has them."""
    number = draw(st.integers(-(10**17), 10**17) | st.integers(-20, 200))
    sign, digits = "-" if number < 0 else "", str(abs(number))
    exponent = [f"{number // 10}e1"] if number and number % 10 == 0 else []
    plus = [] if sign else [f"+{digits}"]
    return [f"{sign}{digits}", f"{sign}00{digits}", f"{number}.0", f"{number}.", f"{number}.000", *plus, *exponent]


def truth(draw: st.DrawFn) -> list[str]:
    return list(draw(st.sampled_from([("TRUE", "True", "t", "yes", "Y", "on", "1", "1.0"),
                                      ("FALSE", "false", "F", "No", "n", "OFF", "0", "0.0")])))  # fmt: skip


def text(draw: st.DrawFn) -> list[str]:
    return [draw(TEXT | CODES | st.sampled_from(["060", "2.10", "TRUE", "no", "1e5", "+1", "NA", "60.0"]))]


def number(draw: st.DrawFn) -> list[str]:
    value = draw(st.floats(-1e6, 1e6) | st.integers(-1000, 1000))
    return [repr(value), f"{value:+}", f"{value:e}" if float(f"{value:e}") == value else repr(value)]


KINDS = {"whole": whole, "truth": truth, "text": text, "numeric": number}


@st.composite
def files(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A CSV of a few columns of all kinds, in many spellings, with gaps; and what a contract says of its columns."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    kinds = {name: draw(st.sampled_from(list(KINDS))) for name in names}
    count = draw(st.integers(2, 8))
    columns, told = {}, {}
    for name, kind in kinds.items():
        values = [KINDS[kind](draw) for _ in range(draw(st.integers(1, 4)))]
        spelled = st.sampled_from(values).flatmap(st.sampled_from)
        cell = st.builds("{}{}{}".format, BLANKS, spelled, BLANKS) | st.sampled_from(GAPS)
        columns[name] = draw(st.lists(cell, min_size=count, max_size=count))
        told[name] = {"kind": "numeric"} if kind == "numeric" else {"kind": "categorical", "values": kind}
        if kind != "numeric" and draw(st.booleans()):
            told[name]["categories"] = [spellings[0] for spellings in values if spellings[0].strip()]
    if draw(st.booleans()):  # an index that pandas saved
        columns = {draw(st.sampled_from(["", "Unnamed: 0"])): [str(row) for row in range(count)], **columns}
    columns["price"] = [str(draw(st.integers(1, 99))) for _ in range(count)]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([f"{draw(BLANKS)}{name}{draw(BLANKS)}" for name in columns])
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue(), told


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(Settings(models=tmp_path_factory.mktemp("no models")))


class Served:
    """The app around a contract, with a model that notes what it is asked."""

    def __init__(self, app: Flask, contract: Contract):
        self.contract, self.seen, self.client = contract, [], app.test_client()

        def model(records: list[dict[str, Any]]) -> list[float]:
            self.seen = [{name: record.get(name) for name in contract.features} for record in records]
            return [1.0] * len(records)

        app.extensions["service"] = service_of(contract, model)

    def sees(self, body: Any) -> list[dict[str, Any]]:
        """What the model sees of a request; no category of it may be called unseen."""
        kind = {"data": body, "content_type": "text/csv"} if isinstance(body, bytes) else {"json": body}
        answer = self.client.post("/predict", **kind)
        assert answer.status_code == 200, answer.text
        warnings = [warning for each in answer.json["predictions"] for warning in each["warnings"]]
        assert [each["detail"] for each in warnings if each["kind"] == "unseen_category"] == []
        return self.seen


def rows_of(text: str) -> tuple[list[str], list[list[str]]]:
    """The header and the cells of a file as they stand, without the target and what has no name."""
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    kept = [place for place, name in enumerate(header) if name.strip() not in ("", "Unnamed: 0", "price")]
    return [header[place].strip() for place in kept], [[row[place] for place in kept] for row in rows if row]


def written(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def in_json(cell: str, value: Any, column: Any, *, natural: bool) -> Any:
    """A cell as JSON holds it: its text, or, where it has a natural form there, that one."""
    if value is None:
        return None if natural or column.kind == "numeric" else cell
    if column.kind == "numeric":
        return value
    if natural and column.values == "truth":
        return value == "true"
    return int(value) if natural and column.values == "whole" else cell


def holds(text: str, contract: Contract, folder: Path, app: Flask) -> None:
    """Hold a file to the law."""
    path = folder / "file.csv"
    path.write_text(text, encoding="utf-8", newline="")
    table = read_table(path, Read(), contract)
    trained = [
        {name: None if value != value else value for name, value in row.items()}
        for row in canonical_frame(table, contract).astype(object).to_dict("records")
    ]
    served = Served(app, with_seen_ranges(contract, table))
    names, rows = rows_of(text)
    order = [name for name in names if name in contract.features]
    places = [names.index(name) for name in order]
    rows = [[row[place] for place in places] for row in rows]

    whole_file = written([[f" {name} " for name in order], *rows])
    assert served.sees(whole_file) == trained
    assert served.sees(written([order, rows[0]])) == trained[:1]
    for natural in (False, True):
        records = [
            {
                name: in_json(cell, expected[name], contract.columns[name], natural=natural)
                for name, cell in zip(order, row, strict=True)
            }
            for row, expected in zip(rows, trained, strict=True)
        ]
        assert served.sees(records) == trained
        assert served.sees(records[0]) == trained[:1]


def quickly(count: int) -> Any:
    return settings(
        max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )


def law(count: int) -> Any:
    @quickly(count)
    @given(file=files())
    def held(tmp_path: Path, server: Flask, file: tuple[str, dict[str, Any]]) -> None:
        text, told = file
        target = {"price": {"kind": "numeric", "role": "target"}}
        holds(text, Contract.model_validate({"columns": told | target}), tmp_path, server)

    return held


test_a_cell_means_the_same_in_training_and_in_serving = law(100)


@pytest.mark.run
@pytest.mark.slow
@pytest.mark.parametrize("start", range(8))
def test_a_cell_means_the_same_in_training_and_in_serving_in_thousands_of_files(
    tmp_path: Path, server: Flask, start: int
):
    seed(start)(law(250))(tmp_path, server)


@pytest.mark.run
@pytest.mark.slow
@quickly(300)
@given(file=files())
def test_a_cell_means_the_same_by_a_drafted_contract(tmp_path: Path, server: Flask, file: tuple[str, dict[str, Any]]):
    text, _ = file
    rows = [line for line in csv.reader(io.StringIO(text, newline="")) if line]
    text = written([rows[0], *rows[1:] * 3]).decode()  # so that no text is too rare for a category
    (tmp_path / "file.csv").write_text(text, encoding="utf-8", newline="")
    try:
        drafted = draft(tmp_path / "file.csv", "price", None, Read())
    except DataProblem:  # the target, or all else, is the same in every row
        return
    (tmp_path / "conf.yaml").write_text(drafted, encoding="utf-8")
    conf = load_conf(tmp_path / "conf.yaml")
    assert len(load_table(conf.data, conf.contract)) == len(rows[1:]) * 3
    holds(text, conf.contract, tmp_path, server)

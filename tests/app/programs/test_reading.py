"""Body in, records out: what each way of writing a record becomes, and what cannot be read."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from app.problems import Problem
from app.programs.checks import faults_of, record_type
from app.programs.reading import cells_to_record, csv_batch, json_batch, read_json
from app.programs.reading_mlflow import mlflow_batch
from modelbundle.cells import MISSING
from modelbundle.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.programs.reading import Batch

CONTRACT = Contract.model_validate(
    {
        "columns": {
            "Id": {"role": "identifier", "kind": "numeric"},
            "Zone": {"kind": "categorical"},
            "Fence": {"kind": "categorical", "categories": ["None", "Wood"]},
            "Area": {"kind": "numeric"},
            "Price": {"role": "target", "kind": "numeric"},
        }
    }
)


def table(text: str | bytes, most: int = 10, charset: str = "utf-8") -> Batch:
    return csv_batch(text.encode() if isinstance(text, str) else text, CONTRACT, most, charset)


def cell(name: str, text: str) -> Any:
    """What one cell of a column becomes, written as CSV asks for."""
    written = '"' + text.replace('"', '""') + '"'
    return table(f"{name},Other\n{written},x\n").records[0][name]


def refusal(read: Callable[[], Any]) -> tuple[int, str]:
    """Status and detail of the problem that reading ends with."""
    with pytest.raises(Problem) as refused:
        read()
    return refused.value.status, refused.value.detail


def test_every_row_of_a_table_becomes_a_record_in_order():
    batch = table("Area,Zone\n1,RL\n2,RM\n")

    assert batch.records == [{"Area": 1.0, "Zone": "RL"}, {"Area": 2.0, "Zone": "RM"}]
    assert batch.pointers == ["/0", "/1"]
    assert batch.table == [["Area", "Zone"], ["1", "RL"], ["2", "RM"]]


@pytest.mark.parametrize(
    "text",
    [
        " Area ,Zone\n1,RL\n",
        "\ufeffArea,Zone\n1,RL\n",
        "Area,Zone\r\n1,RL\r\n",
        "Area,Zone\r1,RL\r",
        "Area,Zone\n1,RL",
        '"Area","Zone"\n"1","RL"\n',
        "\nArea,Zone\n\n\n1,RL\n\n",
        "Area,Zone\n 1 ,RL\n",
    ],
    ids=["spaces", "mark", "crlf", "cr", "no end", "quotes", "blank lines", "spaces in cells"],
)
def test_the_same_table_may_be_written_in_many_ways(text: str):
    assert table(text).records == [{"Area": 1.0, "Zone": "RL"}]


@pytest.mark.parametrize("text", [*(text for text in MISSING if text != "None"), "  ", " NA "])
@pytest.mark.parametrize("name", ["Area", "Zone", "Fence", "Id"])
def test_what_pandas_takes_for_missing_is_missing(name: str, text: str):
    assert cell(name, text) is None


def test_the_missing_are_those_of_pandas():
    assert set(MISSING) == pd._libs.parsers.STR_NA_VALUES


def test_a_category_that_is_called_none_is_not_missing():
    """Where the contract lists a category of that name; elsewhere the same cell is empty."""
    assert cell("Fence", "None") == "None"
    assert cell("Zone", "None") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7.0), ("-7", -7.0), ("+7", 7.0), ("7.5", 7.5), ("7.", 7.0), (".5", 0.5), ("1e3", 1000.0),
        ("1E+3", 1000.0), ("25e-1", 2.5), ("007", 7.0), (" 7\t", 7.0), ("1e999", math.inf), ("9" * 5000, math.inf),
    ],
)  # fmt: skip
def test_a_number_is_read_from_digits(text: str, value: float):
    assert cell("Area", text) == value
    assert isinstance(cell("Area", text), float)


@pytest.mark.parametrize(
    "text",
    [
        "1_000", "1,000", "1 000", "\u0661", "inf", "-inf", "Infinity", "0x10", "1e", "e3", ".", "-", "--1", "1e1.5",
        "true", "$5", "5 USD", "1/2", "²", "1\n2",
    ],
)  # fmt: skip
def test_other_text_stays_text_which_the_check_refuses(text: str):
    record = {"Area": cell("Area", text)}

    assert record == {"Area": text}
    assert faults_of(record, "/0", CONTRACT, record_type(CONTRACT), suggest=True)[0]["pointer"] == "/0/Area"


@pytest.mark.parametrize("text", ["1e999", "-1e999", "9" * 400])
def test_a_number_beyond_all_bounds_is_refused(text: str):
    (fault,) = faults_of({"Area": cell("Area", text)}, "", CONTRACT, record_type(CONTRACT), suggest=True)

    assert fault["expected"] == "a finite number"


@pytest.mark.parametrize(
    "text",
    ["9" * 10_000 + "x", "9" * 10_000, "." * 10_000, "1e" + "9" * 10_000 + "x"],
    ids=["digits and a letter", "digits", "points", "an exponent and a letter"],
)
def test_a_long_cell_is_read_in_no_time(text: str):
    """In time that grows with its length and not with the square of it: a body has room for hours of that."""
    begun = time.process_time()

    assert cell("Area", text) in (text, math.inf)
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("0", 0), ("-5", -5), (" 12 ", 12), ("9" * 18, 10**18 - 1), ("9" * 19, "9" * 19), ("007", "007"),
        ("1.0", "1.0"), ("-0", "-0"), ("1e3", "1e3"), ("A-1", "A-1"), ("\u0661", "\u0661"),
    ],
)  # fmt: skip
def test_an_identifier_is_a_whole_number_or_its_own_text(text: str, value: Any):
    assert cell("Id", text) == value
    assert type(cell("Id", text)) is type(value)


@pytest.mark.parametrize(("name", "text"), [("Zone", "60"), ("Zone", "R L"), ("Unknown", "NA"), ("Price", "NA")])
def test_categories_and_unknown_columns_keep_their_text(name: str, text: str):
    assert cell(name, text) == text


def test_a_category_loses_its_outer_blanks_as_in_training():
    assert cell("Zone", " RL\t") == "RL"


@pytest.mark.parametrize("header", ["", " ", "Unnamed: 0", " Unnamed: 12 "])
def test_a_column_without_a_name_is_left_out_and_comes_back(header: str):
    batch = table(f"{header},Zone\n0,RL\n1,RM\n")

    assert batch.records == [{"Zone": "RL"}, {"Zone": "RM"}]
    assert batch.table[1:] == [["0", "RL"], ["1", "RM"]]


def test_quotes_hold_commas_quotes_and_line_ends():
    assert cell("Zone", 'a, "b"\r\nc') == 'a, "b"\r\nc'


@pytest.mark.parametrize(
    "text",
    [
        "sep=,\r\nArea,Zone\r\n1,RL\r\n",
        '"sep=,"\nArea,Zone\n1,RL\n',
        "\ufeffsep=;\r\nArea;Zone\r\n1;RL\r\n",
        "sep=\t\nArea\tZone\n1\tRL\n",
        "Area,Zone,\n1,RL,\n",
        "Area,Zone\n1,RL,,\n",
        "Area,Zone,\n1,RL,,,\n",
        "Area,Zone,,\n1,RL\n",
    ],
)
def test_a_table_is_read_as_a_spreadsheet_writes_it(text: str):
    """With a line that says what stands between columns, or with empty columns behind the last."""
    batch = table(text)

    assert (batch.records, batch.faults) == ([{"Area": 1.0, "Zone": "RL"}], {})


@pytest.mark.parametrize(
    "text", ["Area,Zone\n1,RL,x\n", "Area,Zone\n1\n", "Area,Zone,\n1,RL,x,y\n", "sep=;\nArea;Zone\n1,RL\n"]
)
def test_what_no_header_names_is_a_fault_if_it_is_not_empty_and_so_is_what_lacks(text: str):
    assert list(table(text).faults) == [0]


@pytest.mark.parametrize(
    ("text", "told"), [("3,5", True), (" -12,75 ", True), ("3,5,1", False), ("3.5,", False), ("many", False)]
)
def test_a_decimal_comma_is_told_as_such(text: str, told: bool):
    (found,) = faults_of({"Area": text}, "", CONTRACT, record_type(CONTRACT), suggest=True)

    assert found["detail"].endswith("; a decimal comma? Write a point") == told


def test_a_row_of_another_length_is_the_fault_of_its_record_alone():
    batch = table("Area,Zone\n1\n2,RL\n3,RL,x\n")

    assert {number: fault["pointer"] for number, fault in batch.faults.items()} == {0: "/0", 2: "/2"}
    assert batch.faults[0]["detail"] == "expected 2 cells, as the header has; got 1 cells"
    assert batch.faults[2]["detail"] == "expected 2 cells, as the header has; got 3 cells"
    assert batch.records[1] == {"Area": 2.0, "Zone": "RL"}


def test_a_header_alone_is_a_table_of_no_records():
    assert table("Area,Zone\n").records == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "got an empty file"),
        (b"\n\r\n", "got an empty file"),
        (b"\xef\xbb\xbf", "got an empty file"),
        (b"Area,Zone,Area,Zone\n", 'names stand twice in the header: "Area, Zone"'),
        (b"Area, Area \n", 'names stand twice in the header: "Area"'),
        (b"Area;Zone\n1;RL\n", "expected commas between the columns; got semicolons"),
        (b'Area,Zone\n1,"RL\n', "unexpected end of data"),
        (b'Area,Zone\n1,"RL"x\n', "expected after"),
        (b"Zone\n" + b"x" * 200_000, "field larger than field limit"),
        (b"Zone\n\xe9t\xe9\n", "byte 5 is not utf-8: say charset=... or save as UTF-8"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(body: bytes, words: str):
    status, detail = refusal(lambda: table(body))

    assert status == 400
    assert words in detail


def test_a_zero_byte_is_a_character_like_others():
    assert table(b"Zone,Area\nR\x00L,1\n").records == [{"Zone": "R\x00L", "Area": 1.0}]


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("utf-8", "utf-8"), ("UTF-8", "utf-8-sig"), ("iso-8859-1", "latin-1"), ("Windows-1252", "cp1252"),
     ("utf-16", "utf-16")],
)  # fmt: skip
def test_the_charset_is_heeded(charset: str, codec: str):
    assert table("Zone,Area\nété,1\n".encode(codec), charset=charset).records == [{"Zone": "été", "Area": 1.0}]


@pytest.mark.parametrize("charset", ["utf-7", "idna", "punycode", "rot13", "klingon", ""])
def test_an_unknown_charset_is_refused_with_the_known_ones(charset: str):
    status, detail = refusal(lambda: table("Zone\nRL\n", charset=charset))

    assert status == 415
    assert detail == (
        "expected a charset of utf-8, utf8, us-ascii, iso-8859-1, latin-1, windows-1252, utf-16; "
        f"got {charset!r}"
    )  # fmt: skip


@pytest.mark.parametrize("charset", ["us-ascii", "utf-16"])
def test_bytes_of_another_charset_are_refused(charset: str):
    status, detail = refusal(lambda: table("Zone\nété\n", charset=charset))

    assert status == 400
    assert f"is not {charset}" in detail


def test_more_rows_than_the_limit_are_refused_and_as_many_are_not():
    assert len(table("Area\n" + "1\n" * 10, most=10).records) == 10
    status, detail = refusal(lambda: table("Area\n" + "1\n" * 11, most=10))

    assert status == 413
    assert detail == "expected at most 10 records in one request; got more"


def test_blank_lines_do_not_count_as_rows():
    assert len(table("Area\n\n1\n\n2\n\n", most=2).records) == 2


def test_a_cell_means_what_a_field_of_a_form_means():
    assert cells_to_record([("Area", "1e3"), ("Zone", "")], CONTRACT) == {"Area": 1000.0, "Zone": None}


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "é", [], {}, [{"a": [1, {"b": None}]}]])
def test_json_is_read(value: Any):
    assert read_json(json.dumps(value).encode()) == value


def test_what_is_no_json_but_python_writes_is_kept_for_the_check():
    values = read_json(b'{"a": NaN, "b": Infinity, "c": -Infinity}')

    assert math.isnan(values["a"])
    assert (values["b"], values["c"]) == (math.inf, -math.inf)


@pytest.mark.parametrize("digits", [4301, 10_000, 1_000_000])
def test_a_huge_whole_number_is_infinity(digits: int):
    assert read_json(b"9" * digits) == math.inf


def test_a_large_whole_number_is_kept():
    assert read_json(b"9" * 4300) == 10**4300 - 1
    assert read_json(b"-" + b"9" * 400) == 1 - 10**400


def test_a_name_that_stands_twice_is_named():
    status, detail = refusal(lambda: read_json(b'[{"x": {"a": 1, "b": 2, "a": 1, "c": 3, "c": 4}}]'))

    assert status == 400
    assert detail == 'names stand twice in one object: "a, c"'


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_other_unicode_encodings_are_read(encoding: str):
    assert read_json('{"é": "€"}'.encode(encoding)) == {"é": "€"}


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000])
def test_deep_nesting_is_refused(body: bytes):
    assert refusal(lambda: read_json(body)) == (400, "it is nested too deeply")


@pytest.mark.parametrize(
    "body", [b"", b" ", b"nul", b"{", b"[1,]", b"{'a': 1}", b"1 2", b"\xff", b'"\x00"', b"01", b"\xed\xa0\x80", b"+1"]
)
def test_what_is_no_json_is_refused(body: bytes):
    assert refusal(lambda: read_json(body))[0] == 400


def test_an_object_is_a_batch_of_one_whose_pointers_begin_at_the_root():
    assert json_batch({"Area": 1}, 1).pointers == [""]
    assert json_batch([{"Area": 1}, 3], 2).pointers == ["/0", "/1"]


@pytest.mark.parametrize("sent", [None, 3, "x", {}])
def test_anything_but_an_array_is_one_record_for_the_check_to_judge(sent: Any):
    assert json_batch(sent, 1).records == [sent]


def test_more_records_than_the_limit_are_refused():
    assert len(json_batch([{}] * 3, 3).records) == 3
    assert refusal(lambda: json_batch([{}] * 4, 3))[0] == 413


RECORDS = [{"Area": 1.5, "Zone": "RL"}, {"Area": 2.0, "Zone": None}]
COLUMNS = {"Area": [1.5, 2.0], "Zone": ["RL", None]}
SPLIT = {"columns": ["Area", "Zone"], "data": [[1.5, "RL"], [2.0, None]]}


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": RECORDS},
        {"dataframe_split": SPLIT},
        {"dataframe_split": SPLIT | {"index": [7, 9]}},
        {"dataframe_split": SPLIT | {"index": []}},
        {"instances": RECORDS},
        {"inputs": RECORDS},
        {"instances": COLUMNS},
        {"inputs": COLUMNS},
        {"inputs": COLUMNS, "params": {"temperature": 1}},
        {"signature_name": "serving_default", "instances": RECORDS, "params": None},
    ],
    ids=lambda body: "+".join(body),
)
def test_each_of_mlflows_forms_holds_the_same_records(body: dict[str, Any]):
    batch = mlflow_batch(body, 2)

    assert batch.records == RECORDS
    assert batch.pointers == ["/0", "/1"]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": [{"Area": math.nan}]},
        {"dataframe_split": {"columns": ["Area"], "data": [[math.nan]]}},
        {"instances": [{"Area": np.nan}]},
        {"inputs": {"Area": [math.nan]}},
        {"inputs": {"Area": math.nan}},
    ],
    ids=lambda body: "+".join(body),
)
def test_nan_means_null_in_mlflows_forms(body: dict[str, Any]):
    assert mlflow_batch(body, 1).records == [{"Area": None}]


def test_a_frame_that_was_read_with_its_saved_index_is_read_without_it():
    split = {"columns": ["Unnamed: 0", "Area"], "data": [[0, 1.5]]}

    assert mlflow_batch({"dataframe_split": split}, 1).records == [{"Area": 1.5}]


def test_another_name_stays_as_it_came_so_that_a_fault_can_point_at_it():
    assert mlflow_batch({"instances": [{"Area ": 1}]}, 1).records == [{"Area ": 1}]


def test_infinity_does_not_mean_null():
    assert mlflow_batch({"instances": [{"Area": math.inf}]}, 1).records == [{"Area": math.inf}]


def test_inputs_may_be_one_record():
    assert mlflow_batch({"inputs": {"Area": 1, "Zone": "RL"}}, 1).records == [{"Area": 1, "Zone": "RL"}]


@pytest.mark.parametrize("name", ["dataframe_records", "instances", "inputs"])
def test_what_stands_in_a_list_is_for_the_check_to_judge(name: str):
    assert mlflow_batch({name: [3, None, [1]]}, 3).records == [3, None, [1]]


def test_a_frame_of_no_rows_is_a_batch_of_none():
    assert mlflow_batch({"dataframe_split": {"columns": ["Area"], "data": []}}, 1).records == []
    assert mlflow_batch({"inputs": {"Area": [], "Zone": []}}, 1).records == []


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (None, "got null"),
        ([RECORDS], "got an array of 1 values"),
        ({}, "got an object of 0 fields"),
        ({"params": {}}, "got an object of 1 fields"),
        ({"Area": 1, "Zone": "RL"}, 'got members "Area, Zone"'),
        ({"instances": RECORDS, "inputs": RECORDS}, 'got members "instances, inputs"'),
        ({"columns": [], "data": []}, 'got members "columns, data"'),
        ({"dataframe_records": {"Area": [1]}}, "expected an array of objects in dataframe_records"),
        ({"instances": "x"}, "expected an array of objects in instances"),
        ({"inputs": None}, "expected an array of objects in inputs"),
        ({"inputs": {"Area": [1, 2], "Zone": ["RL"]}}, "arrays of one length"),
        ({"inputs": {"Area": [1], "Zone": "RL"}}, "arrays of one length"),
        ({"dataframe_split": RECORDS}, "columns, data and index alone"),
        ({"dataframe_split": SPLIT | {"dtypes": []}}, "columns, data and index alone"),
        ({"dataframe_split": SPLIT | {"index": 3}}, "the index of dataframe_split to be an array; got 3"),
        ({"dataframe_split": {"data": [[1]]}}, "to hold columns, an array of names"),
        ({"dataframe_split": {"columns": [1], "data": [[1]]}}, "to hold columns, an array of names"),
        ({"dataframe_split": {"columns": ["Area"]}}, "an array of rows of 1 values"),
        ({"dataframe_split": {"columns": ["Area"], "data": [[1], []]}}, "an array of rows of 1 values"),
        ({"dataframe_split": {"columns": ["Area"], "data": [1]}}, "an array of rows of 1 values"),
        ({"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, "to differ from each other"),
    ],
)
def test_what_is_none_of_mlflows_forms_is_refused_with_what_was_expected(sent: Any, words: str):
    status, detail = refusal(lambda: mlflow_batch(sent, 10))

    assert status == 400
    assert words in detail


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": [{}] * 3},
        {"dataframe_split": {"columns": ["Area"], "data": [[1]] * 3}},
        {"instances": [{}] * 3},
        {"inputs": {"Area": [1] * 3}},
    ],
    ids=lambda body: "+".join(body),
)
def test_more_records_of_a_form_than_the_limit_are_refused(body: dict[str, Any]):
    assert len(mlflow_batch(body, 3).records) == 3
    assert refusal(lambda: mlflow_batch(body, 2))[0] == 413

"""Reading data: the contract's columns in any dialect, and a sentence for what is no such file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from modelbundle.contract import Contract
from training.config.conf import Data, Read
from training.data.reading import features_and_target, fingerprint, load_table, read_table
from training.data.validate import find_faults
from training.problems import DataProblem

HEADER = "Price,Other,Area,Class,Zone,Cellar,Id\n"
ROWS = HEADER + "90.5,x,700,20,A,0,1\n120,y,,60,,30,2\n"


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(folder: Path, contract: Contract, content: str | bytes, **dialect: str) -> pd.DataFrame:
    return read_table(write(folder, content), Read(**dialect), contract)


def test_only_the_columns_of_the_contract_are_kept_in_its_order(tmp_path: Path, contract: Contract):
    table = read(tmp_path, contract, ROWS)

    assert list(table) == ["Id", "Zone", "Class", "Area", "Cellar", "Price"]
    assert table["Class"].tolist() == ["20", "60"]


def test_gaps_are_missing_cells(tmp_path: Path, contract: Contract):
    table = read(tmp_path, contract, ROWS)

    assert table.isna().sum().to_dict() == {"Id": 0, "Zone": 1, "Class": 0, "Area": 1, "Cellar": 0, "Price": 0}


def test_an_optional_column_that_the_file_lacks_is_a_column_of_missing_cells(tmp_path: Path, contract: Contract):
    table = read(tmp_path, contract, "Id,Class,Area,Price\n1,20,700,90\n")

    assert table[["Zone", "Cellar"]].isna().all(axis=None)


def test_text_among_numbers_is_read_as_it_stands_and_left_to_validation(tmp_path: Path, contract: Contract):
    table = read(tmp_path, contract, ROWS.replace("700", "large"))

    assert "Area: must be a finite number, in 1 row (first: Id 1: large)" in map(str, find_faults(table, contract))


@pytest.mark.parametrize(
    ("content", "dialect"),
    [
        (ROWS.replace(",", ";").replace("90.5", "90,5"), {"sep": ";", "decimal": ","}),
        (ROWS.replace("120,", '"1_20",').replace('"', "'"), {"quotechar": "'", "thousands": "_"}),
        (ROWS.replace(",,", ",?,"), {"na_values": "?"}),
        (ROWS.encode("utf-16"), {"encoding": "utf-16"}),
        (ROWS.encode("utf-8-sig"), {}),
        (ROWS.replace("\n", "\r\n"), {}),
        (ROWS.replace(",20,", ",20.0,").replace("1\n", "1.0\n"), {}),
    ],
    ids=[
        "semicolons",
        "single quotes",
        "question marks",
        "utf-16",
        "byte order mark",
        "windows lines",
        "whole numbers",
    ],
)
def test_a_dialect_changes_nothing_in_the_values(
    tmp_path: Path, contract: Contract, content: str | bytes, dialect: dict[str, str]
):
    plain = fingerprint(read(tmp_path, contract, ROWS), contract)

    assert fingerprint(read(tmp_path, contract, content, **dialect), contract) == plain


def test_a_changed_value_changes_the_fingerprint(tmp_path: Path, contract: Contract):
    plain = fingerprint(read(tmp_path, contract, ROWS), contract)

    assert fingerprint(read(tmp_path, contract, ROWS.replace("700", "701")), contract) != plain
    assert fingerprint(read(tmp_path, contract, ROWS.replace("90.5", "90.6")), contract) != plain
    assert fingerprint(read(tmp_path, contract, ROWS.replace(",x,", ",z,")), contract) == plain


def test_features_are_canonical_and_the_target_is_a_number(tmp_path: Path, contract: Contract):
    features, target = features_and_target(read(tmp_path, contract, ROWS), contract)

    assert list(features) == contract.features
    assert features["Class"].tolist() == ["20", "60"]
    assert target.tolist() == [90.5, 120.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty; expected a CSV with a header line and one row per record"),
        ("\n\n", "is empty; expected a CSV"),
        (HEADER, "has a header but no rows"),
        (ROWS.replace("Price", "Cost"), "lacks Price; found the columns Cost, Other, Area, Class, Zone, Cellar, Id."),
        (ROWS.replace("Id", "Key").replace("Area", "Size"), "lacks Id, Area; found the columns "),
        (ROWS.replace(",", ";"), "lacks Id, Class, Area, Price; found the columns Price;Other;Area"),
        (ROWS.replace(",", "\t"), "mend contract or read (sep is ',') in conf/"),
        (ROWS.replace("A,0", "Ä,0").encode("latin-1"), "is not utf-8 (byte "),
        (ROWS.encode("utf-16"), "is not utf-8 (byte 0: invalid start byte); set read.encoding in conf/"),
        (ROWS + "1,2,3,4,5,6,7,8\n", "cannot be read as CSV with sep ',': Error tokenizing data."),
        (ROWS.replace("x", '"x'), "cannot be read as CSV with sep ',': "),
    ],
)
def test_a_file_of_another_kind_is_answered_with_a_sentence(
    tmp_path: Path, contract: Contract, content: str | bytes, message: str
):
    with pytest.raises(DataProblem) as refused:
        read(tmp_path, contract, content)

    assert message in str(refused.value)
    assert str(tmp_path / "data.csv") in str(refused.value)


def test_rows_with_one_cell_more_than_the_header_are_not_read_into_the_wrong_columns(
    tmp_path: Path, contract: Contract
):
    """pandas would take the first column for an index, and shift all the others."""
    with pytest.raises(DataProblem, match=r"data\.csv"):
        read(tmp_path, contract, HEADER + "90,x,700,20,A,0,1,8\n120,y,800,60,B,30,2,8\n")


def test_every_spelling_of_a_value_is_that_value(tmp_path: Path, contract: Contract):
    plain = fingerprint(read(tmp_path, contract, ROWS), contract)
    spelled = ROWS.replace(",20,A,", ", 020 , A\t,").replace("90.5", " +90.50 ").replace("Area", " Area ")

    assert fingerprint(read(tmp_path, contract, spelled), contract) == plain


def test_a_column_without_a_name_is_left_out(tmp_path: Path, contract: Contract):
    indexed = "\n".join(f"{number},{line}" for number, line in zip(["", 0, 1], ROWS.splitlines(), strict=True))

    assert fingerprint(read(tmp_path, contract, indexed), contract) == fingerprint(
        read(tmp_path, contract, ROWS), contract
    )


def test_a_name_that_stands_twice_is_refused_although_no_model_reads_it(tmp_path: Path, contract: Contract):
    with pytest.raises(DataProblem, match=r"data\.csv: names stand twice in the header: Other\. Rename or remove"):
        read(
            tmp_path,
            contract,
            ROWS.replace("Price,Other", "Price,Other, Other").replace(",x", ",x,z").replace(",y", ",y,z"),
        )


def test_a_number_is_read_to_its_last_digit(tmp_path: Path, contract: Contract):
    """pandas' own reading of numbers is quick and may be off by one bit."""
    number = "0.30000000000000004"

    assert read(tmp_path, contract, ROWS.replace("90.5", number))["Price"][0] == float(number)


def test_an_unknown_encoding_is_named(tmp_path: Path, contract: Contract):
    with pytest.raises(DataProblem, match="unknown encoding: utf-99; see read in conf/"):
        read(tmp_path, contract, ROWS, encoding="utf-99")


def test_a_folder_is_no_file(tmp_path: Path, contract: Contract):
    with pytest.raises(DataProblem, match="cannot be read: Is a directory"):
        read_table(tmp_path, Read(), contract)


def test_a_missing_file_without_a_download_is_answered_with_what_to_do(contract: Contract):
    with pytest.raises(DataProblem, match=r"none\.csv does not exist; put the file there, or set data\.download\.url"):
        load_table(Data(path="data/none.csv"), contract)

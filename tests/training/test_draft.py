"""The first draft of a configuration: it loads as it is, fits its own data, and says where to look."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from training import draft_conf as drafting
from training.config.conf import Conf, Read, load_conf, tuned_file
from training.data.reading import load_table
from training.data.validate import find_faults
from training.draft_conf import draft
from training.paths import ROOT
from training.problems import DataProblem

SMALL = "code,area,zone,note,price\n" + "".join(
    f"{row},{200 + 7 * row},{'north' if row % 3 else 'south'},seen by {row},{1000 + row**2}\n" for row in range(1, 41)
)


def draft_of(folder: Path, csv: str, name: str = "data.csv", target: str = "price", **options: str) -> str:
    """The draft for a CSV."""
    (folder / name).write_text(csv, encoding="utf-8")
    return draft(folder / name, target, options.get("identifier"), Read(sep=options.get("sep", ",")))


def loaded(folder: Path, text: str) -> Conf:
    """The configuration that a draft is."""
    (folder / "draft.yaml").write_text(text, encoding="utf-8")
    return load_conf(folder / "draft.yaml")


def test_the_draft_of_the_default_data_accepts_the_default_data(tmp_path: Path):
    conf = loaded(tmp_path, draft(ROOT / "data/house_prices.csv", "SalePrice", None, Read()))
    reviewed = load_conf("conf/house_prices.yaml", tuned=False)

    assert find_faults(load_table(conf.data, conf.contract), conf.contract) == []
    assert list(conf.contract.columns) == list(reviewed.contract.columns)
    assert conf.contract.identifier == "Id"
    assert conf.target_transform == "log"
    assert conf.candidates == reviewed.candidates


def test_a_draft_starts_from_no_search_of_other_data_and_can_be_searched(tmp_path: Path):
    text = draft_of(tmp_path, SMALL, "2020 sales.csv")
    conf, reviewed = loaded(tmp_path, text), load_conf("conf/house_prices.yaml", tuned=False)

    assert conf.tuning is None
    assert conf.candidates == reviewed.candidates != load_conf("conf/house_prices.yaml").candidates
    assert tuned_file(tmp_path / "draft.yaml") == tmp_path / "data_2020_sales.tuned.yaml"
    (tmp_path / "data_2020_sales.tuned.yaml").write_text("candidates: {ridge: {parameters: {alpha: 7.5}}}")
    assert load_conf(tmp_path / "draft.yaml").candidates["ridge"].parameters == {"alpha": 7.5}


def test_a_draft_has_a_registry_of_its_own(tmp_path: Path):
    one, other = (loaded(tmp_path, draft_of(tmp_path, SMALL, name)).registry for name in ("one.csv", "other.csv"))

    assert len({one, other, load_conf("conf/house_prices.yaml").registry}) == 3


def test_a_number_that_may_be_a_category_is_remarked_on(tmp_path: Path):
    text = draft(ROOT / "data/house_prices.csv", "SalePrice", None, Read())

    assert "#   MSSubClass: 15 distinct whole numbers: a category that is written as a number?" in text
    assert "#   LotArea" not in text


def test_kinds_and_categories_are_those_of_the_file(tmp_path: Path):
    contract = loaded(tmp_path, draft_of(tmp_path, SMALL)).contract

    assert contract.numeric == ["code", "area"]
    assert contract.columns["zone"].categories == ("north", "south")
    assert contract.target == "price"


def test_limits_have_slack_and_do_not_cross_zero(tmp_path: Path):
    area = loaded(tmp_path, draft_of(tmp_path, SMALL)).contract.columns["area"]

    assert (area.minimum, area.maximum) == (0, 760)


def test_free_text_and_constant_columns_are_left_out_with_a_remark(tmp_path: Path):
    text = draft_of(tmp_path, SMALL.replace("seen by", "seen on").replace(",north", ",south"))

    assert "#   note: left out: 40 distinct texts in 40 rows" in text
    assert "#   zone: left out: the same in every row" in text
    assert loaded(tmp_path, text).contract.features == ["code", "area"]


@pytest.mark.parametrize(("header", "identifier"), [("id", "id"), ("house_ID", "house_ID"), ("idle", None)])
def test_a_unique_column_that_is_called_id_is_the_identifier(tmp_path: Path, header: str, identifier: str | None):
    conf = loaded(tmp_path, draft_of(tmp_path, SMALL.replace("code", header)))

    assert conf.contract.identifier == identifier


def test_a_column_that_is_called_id_and_repeats_itself_is_none(tmp_path: Path):
    conf = loaded(tmp_path, draft_of(tmp_path, SMALL.replace("code", "id").replace("\n2,", "\n1,")))

    assert conf.contract.identifier is None


def test_an_identifier_may_be_named(tmp_path: Path):
    conf = loaded(tmp_path, draft_of(tmp_path, SMALL, identifier="code"))

    assert conf.contract.identifier == "code"


@pytest.mark.parametrize("name", ["2020 sales (final).csv", "UPPER.csv", "häuser.csv", "價格.csv"])
def test_a_draft_loads_whatever_the_file_is_called(tmp_path: Path, name: str):
    assert loaded(tmp_path, draft_of(tmp_path, SMALL, name))


@pytest.mark.parametrize("header", ["yes", "1", "null", "a: b", "Größe"])
def test_a_draft_loads_whatever_a_column_is_called(tmp_path: Path, header: str):
    assert header in loaded(tmp_path, draft_of(tmp_path, SMALL.replace("area", header))).contract.features


@pytest.mark.parametrize("cells", ["yes,no", "True,False", "01,1x", "7.0,x", '\'a,"""b"""'])
def test_a_draft_accepts_its_own_categories(tmp_path: Path, cells: str):
    north, south = cells.split(",")
    conf = loaded(tmp_path, draft_of(tmp_path, SMALL.replace("north", north).replace("south", south)))

    assert find_faults(load_table(conf.data, conf.contract), conf.contract) == []


def test_codes_stay_as_they_stand_and_the_draft_says_so(tmp_path: Path):
    text = draft_of(tmp_path, SMALL.replace("north", "02134").replace("south", "10001"))
    zone = loaded(tmp_path, text).contract.columns["zone"]

    assert (zone.kind, zone.values, zone.categories) == ("categorical", "text", ("02134", "10001"))
    assert "#   zone: codes such as 02134 are text, kept as they stand; a number would lose their digits" in text


def test_codes_that_are_longer_than_a_float_can_hold_stay_as_they_stand(tmp_path: Path):
    text = draft_of(tmp_path, SMALL.replace("north", "12345678901234567").replace("south", "12345678901234568"))

    assert loaded(tmp_path, text).contract.columns["zone"].categories == ("12345678901234567", "12345678901234568")


@pytest.mark.parametrize("pair", ["TRUE,FALSE", "yes,No", "t,F", "on,off", "True,no"])
def test_truth_values_are_drafted_as_such(tmp_path: Path, pair: str):
    north, south = pair.split(",")
    zone = loaded(tmp_path, draft_of(tmp_path, SMALL.replace("north", north).replace("south", south))).contract.columns[
        "zone"
    ]

    assert (zone.values, zone.categories) == ("truth", ("false", "true"))
    assert isinstance(zone.example, bool), "as JSON writes it"


def test_a_missing_cell_that_could_be_a_category_gets_a_remark(tmp_path: Path):
    text = draft_of(tmp_path, SMALL.replace("2,214,north", "2,214,NA"))

    assert "#   zone: NA is read as a missing cell; if it is a category of its own, list it among the" in text
    assert "NA is read" not in draft_of(tmp_path, SMALL)


def test_a_saved_index_is_left_out_with_a_remark(tmp_path: Path):
    lines = SMALL.splitlines()
    text = draft_of(tmp_path, "\n".join([f",{lines[0]}", *(f"{row},{line}" for row, line in enumerate(lines[1:]))]))

    assert "#   1 column left out for want of a name: an index that was saved with the data?" in text
    assert loaded(tmp_path, text).contract.features == ["code", "area", "zone"]


def test_names_with_blanks_around_them_are_read_without(tmp_path: Path):
    contract = loaded(tmp_path, draft_of(tmp_path, SMALL.replace("area,zone", " area , zone"))).contract

    assert contract.features == ["code", "area", "zone"]


def test_a_name_that_stands_twice_is_refused(tmp_path: Path):
    with pytest.raises(DataProblem, match=r"names stand twice in the header: area\. Rename or remove the columns"):
        draft_of(tmp_path, SMALL.replace("code,area", "area , area"))


@pytest.mark.parametrize("scale", ["0.00001", "0.3", "-1", "1e12"])
def test_a_draft_accepts_numbers_of_any_size(tmp_path: Path, scale: str):
    rows = [f"{float(scale) * (1 + row)},{float(scale) * (3 + row**2)}" for row in range(40)]
    conf = loaded(tmp_path, draft_of(tmp_path, "\n".join(["area,price", *rows])))

    assert find_faults(load_table(conf.data, conf.contract), conf.contract) == []


def test_an_infinite_cell_does_not_stop_the_draft(tmp_path: Path):
    conf = loaded(tmp_path, draft_of(tmp_path, SMALL.replace(",207,", ",inf,")))

    assert [finding.column for finding in find_faults(load_table(conf.data, conf.contract), conf.contract)] == ["area"]


@pytest.mark.parametrize(
    ("csv", "target", "message"),
    [
        (SMALL, "cost", "has no column 'cost'; it has code, area, zone, note, price"),
        (SMALL, "", "has no column ''; it has code"),
        ("area,price\n1,5\n2,5\n", "price", "price"),
        ("area,price\n1,5\n2,inf\n3,5\n", "price", "the target 'price' is the same in every row"),
        ("area,price\n1,5\n2,1e999\n3,5\n", "price", "the target 'price' is the same in every row"),
        ("", "price", "is empty"),
        (
            "area,zone,price\n1,a,5\n1,a,6\n1,a,7\n",
            "price",
            "no column is left to predict 'price' from. #   area: left out",
        ),
    ],
)
def test_a_file_without_a_target_to_learn_is_refused(tmp_path: Path, csv: str, target: str, message: str):
    with pytest.raises(DataProblem) as refused:
        draft_of(tmp_path, csv, target=target)

    assert message in str(refused.value)


def test_the_command_prints_the_draft_or_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    expected = draft_of(tmp_path, SMALL)
    arguments = ["draft", str(tmp_path / "data.csv"), "--target"]

    monkeypatch.setattr(sys, "argv", [*arguments, "price"])
    assert drafting.main() == 0
    assert capsys.readouterr().out == expected

    monkeypatch.setattr(sys, "argv", [*arguments, "cost"])
    assert drafting.main() == 1
    assert "has no column 'cost'" in capsys.readouterr().err

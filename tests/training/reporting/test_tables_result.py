"""The result in tables: what people read of scores, ranking, quoted errors and the worst cases."""

from __future__ import annotations

import pandas as pd

from modelbundle.contributions import Contributions
from tests.training.judging.test_predictions import contract, houses
from training.judging.compare import Choice, Ranked
from training.judging.predictions import worst_rows
from training.models.metrics import describe
from training.reporting import tables

RMSE, R2 = "neg_root_mean_squared_error", "r2"
USD, SHARE = describe(RMSE, "USD"), describe(R2, "USD")


def test_the_worst_fold_is_the_largest_loss_and_the_smallest_gain():
    table = tables.scores_table({RMSE: [-100.0, -300.0, -200.0], R2: [0.5, 0.9, 0.7]}, [USD, SHARE])

    assert list(table.loc["RMSE"]) == ["200 USD", "100 USD", "300 USD", "100 USD"]
    assert list(table.loc["R²"]) == ["0.7000", "0.2000", "0.5000", "0.9000"]


RANKING = (
    Ranked("best", False, None, 900.0, 50.0, 0.0, 0.0, 0.0, True),
    Ranked("close", False, None, 905.0, 40.0, 5.0, -10.0, 20.0, True),
    Ranked("worse", False, None, 1000.0, 30.0, 100.0, 80.0, 120.0, True),
    Ranked("better", False, None, 800.0, 20.0, -100.0, -130.0, -70.0, True),
    Ranked("useless", False, None, 2100.0, 10.0, 1200.0, 1100.0, 1300.0, False),
    Ranked("median", True, None, 2000.0, 15.0, 1100.0, 1000.0, 1200.0, False),
    Ranked("broken", False, "its fit raised ValueError"),
)


def ranked() -> pd.DataFrame:
    results = {
        each.name: {"scores": {RMSE: [-each.mean - 10, -each.mean + 10], R2: [0.25, 0.75]}}
        for each in RANKING
        if each.failed is None
    }
    return tables.ranking_table(Choice("best", RANKING, "why"), results, [USD, SHARE])


def test_the_ranking_says_of_each_candidate_how_it_stands_to_the_winner():
    table = ranked()

    assert table["verdict"].to_dict() == {
        "best": "winner",
        "close": "tie with the winner",
        "worse": "worse by 100 (80 to 120 USD)",
        "better": "better by 100 (70 to 130 USD)",
        "useless": "does not beat the baseline",
        "median": "baseline",
        "broken": "failed: its fit raised ValueError",
    }
    assert list(table.columns) == ["RMSE (USD)", "± folds", "R²", "verdict"]
    assert list(table.loc["worse"])[:3] == ["1,000", "30", "0.5000"]
    assert list(table.loc["broken"])[:3] == ["", "", ""]


def test_an_interval_that_ends_at_zero_is_a_tie():
    assert Ranked("a", False, low=0.0, high=5.0).ties_with_winner
    assert Ranked("a", False, low=-5.0, high=0.0).ties_with_winner
    assert not Ranked("a", False, low=0.1, high=5.0).ties_with_winner
    assert not Ranked("a", False).ties_with_winner


def test_the_quoted_error_stands_beside_its_range_and_the_folds():
    quoted = {
        RMSE: {"value": 35_250.0, "low": 30_100.0, "high": 41_900.0},
        R2: {"value": 0.8, "low": 0.7, "high": 0.9},
    }
    table = tables.quoted_table(quoted, {RMSE: [-30_000.0, -34_000.0], R2: [0.5, 0.7]}, [USD, SHARE])

    assert list(table.loc["RMSE"]) == ["35,250 USD", "30,100 to 41,900 USD", "32,000 USD"]
    assert list(table.loc["R²"]) == ["0.8000", "0.7000 to 0.9000", "0.6000"]


def test_in_a_terminal_names_stand_to_the_left_and_numbers_to_the_right():
    lines = tables.terminal_lines(ranked())

    assert lines[0] == "candidate  RMSE (USD)  ± folds      R²  verdict"
    assert lines[1] == "best              900       50  0.5000  winner"
    assert lines[-1] == "broken                                  failed: its fit raised ValueError"


def test_the_worst_cases_are_the_largest_errors_in_either_direction():
    predictions = pd.DataFrame({"predicted": [1000.0, 500.0, 250.0], "actual": [900.0, 800.0, 251.0]}, index=[2, 0, 3])
    worst = tables.worst_cases(predictions, houses(), contract(), worst_rows(predictions, 2))

    assert list(worst_rows(predictions, 2)) == [0, 2]
    assert worst.index.name == "Id"
    assert list(worst.index) == [7, 9]
    assert list(worst["too high by"]) == ["-300", "+100"]
    assert list(worst["actual (USD)"]) == ["800", "900"]
    assert list(worst["predicted"]) == ["500", "1,000"]
    assert list(worst["Area"]) == [50, 70]


def test_without_an_identifier_the_worst_cases_are_named_by_their_line_in_the_table():
    predictions = pd.DataFrame({"predicted": [3.0, 1.0], "actual": [1.0, 1.0]}, index=[2, 0])
    worst = tables.worst_cases(predictions, houses(), contract(identifier=False, unit=""), worst_rows(predictions, 1))

    assert worst.index.name == "row"
    assert list(worst.index) == [3]
    assert "actual" in worst.columns


def test_reasons_name_the_four_largest_parts_whatever_their_sign():
    amounts = {"a": 1.0, "b": -500.0, "c": 200.0, "d": 0.0, "e": 300.0, "f": -2.0}
    each = Contributions(prediction=1000.0, typical=800.0, shares={}, amounts=amounts)
    worst = pd.DataFrame(index=pd.Index([7], name="Id"))
    table = tables.reasons_table(worst, [each], contract())

    assert list(table.loc[7]) == ["800", "1,000", "b -500, e +300, c +200, f -2"]
    assert list(table.columns) == ["typical", "predicted", "moved most by (USD)"]
    assert list(tables.reasons_table(worst, [each], contract(unit="")).columns)[-1] == "moved most by"

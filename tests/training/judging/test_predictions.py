"""What is predicted for rows that a model has not seen, as lines of a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modelbundle.contract import Contract
from training.judging import predictions
from training.models.metrics import describe

RMSE, R2 = "neg_root_mean_squared_error", "r2"
USD, SHARE = describe(RMSE, "USD"), describe(R2, "USD")
FOLDS = [{"fit": [2, 3], "score": [1, 0]}, {"fit": [0, 1], "score": [2, 3]}, {"fit": [1, 3], "score": [0, 2]}]
PREDICTED = [[11.0, 10.0], [12.0, 13.0], [20.0, 22.0]]


@pytest.fixture
def prices() -> pd.Series:
    return pd.Series([1.0, 2.0, 3.0, 4.0], name="Price")


def houses(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"Id": [7, 8, 9, 10], "Area": [50, 60, 70, 80], "Price": [1, 2, 3, 4]} | columns)


def contract(*, identifier: bool = True, unit: str = "USD") -> Contract:
    columns = {
        "Area": {"kind": "numeric"},
        "Price": {"role": "target", "kind": "numeric", "required": True, "unit": unit},
    }
    if identifier:
        columns = {"Id": {"role": "identifier", "kind": "numeric"}} | columns
    return Contract.model_validate({"columns": columns})


def test_every_scored_row_of_every_fold_is_one_line(prices: pd.Series):
    lines = predictions.unseen_predictions(FOLDS, PREDICTED, prices)

    assert lines.to_dict("list") == {
        "fold": [0, 0, 1, 1, 2, 2],
        "row": [1, 0, 2, 3, 0, 2],
        "predicted": [11.0, 10.0, 12.0, 13.0, 20.0, 22.0],
        "actual": [2.0, 1.0, 3.0, 4.0, 1.0, 3.0],
    }


def test_predictions_that_are_written_are_read_again_with_the_rows_identifiers():
    written = predictions.predictions_csv(houses(), contract(), FOLDS, PREDICTED)
    nameless = predictions.predictions_csv(houses(), contract(identifier=False), FOLDS, PREDICTED)

    assert list(predictions.read_predictions(written)["Id"]) == [8, 7, 9, 10, 7, 9]
    assert list(predictions.read_predictions(written)) == ["fold", "row", "predicted", "actual", "Id"]
    assert list(predictions.read_predictions(nameless)) == ["fold", "row", "predicted", "actual"]


def test_an_identifier_may_be_called_as_one_of_the_columns_of_the_file():
    renamed = contract(), houses()
    columns = {"row" if name == "Id" else name: column for name, column in renamed[0].columns.items()}
    written = predictions.predictions_csv(
        renamed[1].rename(columns={"Id": "row"}), Contract(columns=columns), FOLDS, PREDICTED
    )

    plain = predictions.read_predictions(predictions.predictions_csv(houses(), contract(), FOLDS, PREDICTED))
    assert predictions.read_predictions(written)[["row", "predicted"]].equals(plain[["row", "predicted"]])


def test_repeats_are_averaged_and_the_first_alone_can_be_had(prices: pd.Series):
    lines = predictions.unseen_predictions(FOLDS, PREDICTED, prices)
    means = predictions.mean_predictions(lines)

    assert means["predicted"].to_dict() == {0: 15.0, 1: 11.0, 2: 17.0, 3: 13.0}
    assert means["actual"].to_dict() == prices.to_dict()
    assert sorted(predictions.first_repeat(lines, FOLDS)["row"]) == [0, 1, 2, 3]


def test_the_hold_out_is_predicted_row_by_row(prices: pd.Series):
    class Doubles:
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            return 2 * X["Area"].to_numpy()

    lines = predictions.held_out_predictions(Doubles(), houses(), prices, [3, 0])

    assert lines.to_dict("list") == {"row": [3, 0], "predicted": [160, 100], "actual": [4.0, 1.0]}

"""What candidates predict for rows that they have not seen: in the folds, in the hold-out, and where they miss most."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from training.finite import predict
from training.models.evaluate import folds_of_one_repeat

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from modelbundle.contract import Contract
    from training.data.split import Fold


def unseen_predictions(folds: Sequence[Fold], predicted: Sequence[Sequence[float]], y: pd.Series) -> pd.DataFrame:
    """One line per fold and scored row: columns fold, row (its position), predicted and actual."""
    parts = [
        pd.DataFrame({"fold": number, "row": fold["score"], "predicted": values})
        for number, (fold, values) in enumerate(zip(folds, predicted, strict=True))
    ]
    lines = pd.concat(parts, ignore_index=True)
    return lines.assign(actual=y.iloc[lines["row"]].to_numpy())


def predictions_csv(
    table: pd.DataFrame, contract: Contract, folds: Sequence[Fold], predicted: Sequence[Sequence[float]]
) -> bytes:
    """Write the out-of-fold predictions, each line with the row's identifier too."""
    lines = unseen_predictions(folds, predicted, table[contract.target])
    if contract.identifier:
        named = table[contract.identifier].iloc[lines["row"]].to_numpy()
        lines.insert(lines.shape[1], contract.identifier, named, allow_duplicates=True)  # it may be called row, too
    return lines.to_csv(index=False).encode()


def read_predictions(csv: bytes) -> pd.DataFrame:
    """Read the out-of-fold predictions again: columns fold, row, predicted and actual, and the identifier."""
    return pd.read_csv(io.BytesIO(csv))


def mean_predictions(lines: pd.DataFrame) -> pd.DataFrame:
    """Average each row's out-of-fold predictions over the repeats; indexed by row position: predicted, actual."""
    return lines.groupby("row")[["predicted", "actual"]].mean()


def first_repeat(lines: pd.DataFrame, folds: Sequence[Fold]) -> pd.DataFrame:
    """One out-of-fold prediction for each row: those of the first repeat."""
    return lines[lines["fold"] < folds_of_one_repeat(folds)]


def held_out_predictions(fitted: Pipeline, X: pd.DataFrame, y: pd.Series, rows: Sequence[int]) -> pd.DataFrame:
    """Predict the hold-out: columns row, predicted and actual (target's unit). Raises CandidateFailed."""
    predicted = predict(fitted, X.iloc[rows])
    return pd.DataFrame({"row": rows, "predicted": predicted, "actual": y.iloc[rows].to_numpy()})


def worst_rows(predictions: pd.DataFrame, most: int) -> pd.Index:
    """Positions of the records with the largest errors, the largest first."""
    return (predictions["predicted"] - predictions["actual"]).abs().nlargest(most).index

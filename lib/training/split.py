"""Who is scored on whom: one final hold-out, and repeated folds of the rest that all candidates share."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np
from sklearn.model_selection import RepeatedKFold, train_test_split

from modelbundle.digests import digest_json
from training.problems import DataProblem

if TYPE_CHECKING:
    from training.conf import Split


class Fold(TypedDict):
    """Row positions in the whole table: fit on `fit`, score on `score`."""

    fit: list[int]
    score: list[int]


class Parts(TypedDict):
    """Row positions: the hold-out, the training part, and the folds of the training part."""

    holdout: list[int]
    training: list[int]
    folds: list[Fold]


def training_rows_digest(data_sha256: str, parts: Parts) -> str:
    """Digest of the rows that candidates are searched and compared on; another hold-out has another."""
    return digest_json([data_sha256, parts["training"]])


def split_rows(rows: int, split: Split) -> Parts:
    """Draw the hold-out and the folds, from the configured seed alone.

    rows: number of records. Raises DataProblem if there are too few for the folds.
    """
    # Two rows to score in each fold and in the hold-out: one alone has no spread.
    needed = int(max(np.ceil(2 * split.folds / (1 - split.holdout_fraction)), np.floor(1 / split.holdout_fraction) + 1))
    if rows < needed:
        raise DataProblem(
            f"{rows} rows are too few for {split.folds} folds beside a hold-out of {split.holdout_fraction:.0%}; "
            f"at least {needed} are needed. Get more rows, or lower split.folds in conf/"
        )
    training, holdout = train_test_split(np.arange(rows), test_size=split.holdout_fraction, random_state=split.seed)
    training, holdout = np.sort(training), np.sort(holdout)
    splitter = RepeatedKFold(n_splits=split.folds, n_repeats=split.repeats, random_state=split.seed)
    folds: list[Fold] = [
        {"fit": training[fit].tolist(), "score": training[score].tolist()} for fit, score in splitter.split(training)
    ]
    return {"holdout": holdout.tolist(), "training": training.tolist(), "folds": folds}

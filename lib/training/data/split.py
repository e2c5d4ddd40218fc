"""Who is scored on whom: one final hold-out, and repeated folds of the rest that all candidates share."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np
import pandas as pd
from sklearn.model_selection import RepeatedKFold, train_test_split

from modelbundle.digests import digest_json
from training.problems import DataProblem

if TYPE_CHECKING:
    from training.config.conf import Split


class Fold(TypedDict):
    """Row positions in the whole table: fit on `fit`, score on `score`."""

    fit: list[int]
    score: list[int]


class Parts(TypedDict):
    """Row positions: the hold-out, the training part, and the folds of the training part."""

    holdout: list[int]
    training: list[int]
    folds: list[Fold]


class Prepared(TypedDict):
    """What 02_preprocess records: counts of records and columns, and the digest of the data."""

    rows: int
    training_rows: int
    holdout_rows: int
    folds: int
    equal_rows: int
    missing_cells: dict[str, int]
    left_out_columns: list[str]
    columns: dict[str, int]
    target_median: float
    data_sha256: str


def training_rows_digest(data_sha256: str, parts: Parts) -> str:
    """Digest of the rows that candidates are searched and compared on; another hold-out has another."""
    return digest_json([data_sha256, parts["training"]])


def equal_rows(X: pd.DataFrame, y: pd.Series) -> np.ndarray:
    """Number the sets of rows that are equal in all that a model reads: canonical features and target.

    Returns the number of each row's set, in the order in which the sets begin; all differ where no two rows are equal.
    """
    content = [X[name].to_numpy() for name in X] + [y.to_numpy()]
    return (
        pd.DataFrame(dict(enumerate(content)))
        .groupby([*range(len(content))], sort=False, dropna=False)
        .ngroup()
        .to_numpy()
    )


def count_equal(alike: np.ndarray) -> int:
    """How many rows are equal to another one; alike: as equal_rows gives it."""
    return int((np.bincount(alike)[alike] > 1).sum())


def split_rows(rows: int, split: Split, alike: np.ndarray | None = None) -> Parts:
    """Draw the hold-out and the folds, from the configured seed alone.

    rows: number of records; alike: as equal_rows gives it, so that equal rows stay on one side of every split, unless
    the configuration refuses them. Raises DataProblem if there are too few distinct rows for the folds.
    """
    require_rows(rows, split)
    sizes = np.bincount(alike) if alike is not None and split.equal_rows == "together" else np.ones(rows, int)
    if len(sizes) < rows:
        require_rows(len(sizes), split)
        return _split_sets(np.asarray(alike), sizes, split)
    training, holdout = train_test_split(np.arange(rows), test_size=split.holdout_fraction, random_state=split.seed)
    training, holdout = np.sort(training), np.sort(holdout)
    splitter = RepeatedKFold(n_splits=split.folds, n_repeats=split.repeats, random_state=split.seed)
    folds: list[Fold] = [
        {"fit": training[fit].tolist(), "score": training[score].tolist()} for fit, score in splitter.split(training)
    ]
    return {"holdout": holdout.tolist(), "training": training.tolist(), "folds": folds}


def require_rows(distinct: int, split: Split) -> None:
    """Raise DataProblem if so many distinct rows are too few for the folds and the hold-out."""
    # Two rows to score in each fold and in the hold-out: one alone has no spread.
    needed = int(max(np.ceil(2 * split.folds / (1 - split.holdout_fraction)), np.floor(1 / split.holdout_fraction) + 1))
    if distinct < needed:
        raise DataProblem(
            f"{distinct} rows are too few for {split.folds} folds beside a hold-out of {split.holdout_fraction:.0%}; "
            f"at least {needed} are needed, and equal ones count once. Get more rows, or lower split.folds in conf/"
        )


def put_aside(sizes: np.ndarray, order: np.ndarray, most_rows: int, most_sets: int) -> np.ndarray:
    """Take sets of rows in a drawn order; sizes: rows of each set. Returns their numbers.

    Neither more rows than most_rows nor more sets than most_sets: a set that is too large is passed by, or one record
    that stands a thousand times in the file could be the whole hold-out, or leave nothing else to train on.
    """
    taken: list[int] = []
    rows = 0
    for number in order:
        if len(taken) == most_sets:
            break
        if rows + sizes[number] <= most_rows:
            taken.append(number)
            rows += sizes[number]
    if len(taken) < min(2, most_sets):  # all are large: the smallest will do
        return order[np.argsort(sizes[order], kind="stable")][:2]
    return np.array(taken, dtype=int)


def _split_sets(alike: np.ndarray, sizes: np.ndarray, split: Split) -> Parts:
    """Draw as split_rows does, but whole sets of equal rows."""
    random, share = np.random.default_rng(split.seed), split.holdout_fraction
    order, limits = random.permutation(len(sizes)), np.ceil([share * len(alike), share * len(sizes)]).astype(int)
    held = np.isin(alike, put_aside(sizes, order, *limits))
    training = np.unique(alike[~held])
    folds: list[Fold] = []
    for _ in range(split.repeats):
        fold_of = np.full(len(sizes), -1)
        fold_of[training] = _deal(sizes[training], split.folds, random)
        folds += [
            {
                "fit": np.flatnonzero(~held & (fold_of[alike] != number)).tolist(),
                "score": np.flatnonzero(fold_of[alike] == number).tolist(),
            }
            for number in range(split.folds)
        ]
    return {"holdout": np.flatnonzero(held).tolist(), "training": np.flatnonzero(~held).tolist(), "folds": folds}


def _deal(sizes: np.ndarray, folds: int, random: np.random.Generator) -> np.ndarray:
    """Deal sets into folds of about as many rows: one of the smallest to each, then the largest first, where there is
    most room; so each fold gets at least two. Returns each set's fold.
    """
    order = random.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of = np.empty(len(sizes), dtype=int)
    fold_of[order[-folds:]] = range(folds)
    rows = sizes[order[-folds:]].copy()
    for number in order[:-folds]:
        fold_of[number] = rows.argmin()
        rows[fold_of[number]] += sizes[number]
    return fold_of

"""The hold-out and the folds: each row in its place, the same for every candidate."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import pytest

from training.conf import Split
from training.problems import DataProblem
from training.split import Parts, split_rows

SPLIT = Split(holdout_fraction=0.2, folds=5, repeats=3, seed=0)


def test_every_row_is_either_held_out_or_trained_on():
    parts = split_rows(103, SPLIT)

    assert sorted([*parts["holdout"], *parts["training"]]) == list(range(103))
    assert len(parts["holdout"]) == 21


def test_no_fold_sees_the_holdout():
    parts = split_rows(103, SPLIT)

    assert all(set(parts["training"]) == {*fold["fit"], *fold["score"]} for fold in parts["folds"])


def test_no_fold_scores_a_row_that_it_fitted():
    assert not any(set(fold["fit"]) & set(fold["score"]) for fold in split_rows(103, SPLIT)["folds"])


def test_each_repeat_scores_every_training_row_once():
    parts = split_rows(103, SPLIT)
    scored = [row for fold in parts["folds"] for row in fold["score"]]
    first = [row for fold in parts["folds"][:5] for row in fold["score"]]

    assert len(parts["folds"]) == 15
    assert set(Counter(scored).values()) == {3}
    assert sorted(first) == parts["training"]


def test_the_seed_alone_decides():
    other = SPLIT.model_copy(update={"seed": 1})

    assert split_rows(103, SPLIT) == split_rows(103, SPLIT)
    assert split_rows(103, SPLIT)["holdout"] != split_rows(103, other)["holdout"]


@pytest.mark.parametrize(("rows", "folds", "holdout"), [(12, 5, 0.2), (3, 5, 0.2), (0, 2, 0.5), (9, 2, 0.6)])
def test_too_few_rows_are_refused(rows: int, folds: int, holdout: float):
    split = Split(folds=folds, holdout_fraction=holdout)

    with pytest.raises(DataProblem, match=rf"{rows} rows are too few for {folds} folds .* at least \d+ are needed"):
        split_rows(rows, split)


def smallest(split: Split) -> Parts:
    """The parts of the smallest table that is not refused."""
    for rows in range(1, 1000):
        with suppress(DataProblem):
            return split_rows(rows, split)
    raise AssertionError("every table is refused")


@pytest.mark.parametrize(("folds", "holdout"), [(5, 0.2), (2, 0.9), (2, 0.05), (10, 0.01)])
def test_the_smallest_table_that_is_allowed_gives_two_rows_to_score_everywhere(folds: int, holdout: float):
    """R² of a single row is NaN."""
    parts = smallest(Split(folds=folds, holdout_fraction=holdout))

    assert min(len(fold["score"]) for fold in parts["folds"]) >= 2
    assert len(parts["holdout"]) >= 2

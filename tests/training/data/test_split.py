"""The hold-out and the folds: each row in its place, the same for every candidate."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.config.conf import Split, load_conf
from training.data.reading import features_and_target, fingerprint, load_table
from training.data.split import Parts, count_equal, equal_rows, put_aside, split_rows, training_rows_digest
from training.problems import DataProblem

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


# Rows that are equal in all that a model reads


def sets(**sizes: int) -> np.ndarray:
    """Rows in sets, shuffled as in a file: how many sets there are of each size, such as `of_3=10`."""
    each = [int(name[3:]) for name, count in sizes.items() for _ in range(count)]
    return pd.factorize(np.random.default_rng(1).permutation(np.repeat(np.arange(len(each)), each)))[0]


SHAPES = [
    sets(of_1=97, of_2=2),
    sets(of_1=200, of_2=150, of_3=40),
    sets(of_1=25, of_75=1),
    sets(of_1=30, of_40=3),
    sets(of_10=13),
    sets(of_500=2, of_1=11),
]
SHAPE_NAMES = ["few pairs", "many small sets", "three quarters alike", "three large", "all alike", "two huge"]


@pytest.mark.parametrize("alike", SHAPES, ids=SHAPE_NAMES)
@pytest.mark.parametrize("seed", range(5))
def test_equal_rows_stay_on_one_side_of_every_split(alike: np.ndarray, seed: int):
    parts = split_rows(len(alike), SPLIT.model_copy(update={"seed": seed}), alike)
    sides = [(parts["holdout"], parts["training"]), *((fold["score"], fold["fit"]) for fold in parts["folds"])]

    for one, other in sides:
        assert not set(alike[one]) & set(alike[other])
        assert min(len(set(alike[one])), len(set(alike[other]))) >= 2
    assert sorted([*parts["holdout"], *parts["training"]]) == list(range(len(alike)))
    assert all(sorted([*fold["fit"], *fold["score"]]) == parts["training"] for fold in parts["folds"])
    assert set(Counter(row for fold in parts["folds"] for row in fold["score"]).values()) == {3}


def test_a_few_equal_rows_leave_the_parts_as_large_as_they_were():
    parts = split_rows(1000, SPLIT, alike := sets(of_1=940, of_2=24, of_3=4))

    assert len(alike) == 1000
    assert 194 <= len(parts["holdout"]) <= 200
    assert {len(fold["score"]) - len(parts["training"]) // 5 for fold in parts["folds"]} <= {-1, 0, 1}


@pytest.mark.parametrize("seed", range(5))
def test_a_record_that_fills_most_of_the_file_trains(seed: int):
    """Or it alone would be the hold-out, or all others would be."""
    alike = SHAPES[2]
    parts = split_rows(len(alike), SPLIT.model_copy(update={"seed": seed}), alike)

    assert np.bincount(alike).argmax() in alike[parts["training"]]
    assert len(parts["holdout"]) == 6  # a fifth of 26 different records


def test_with_equal_rows_too_the_seed_alone_decides():
    alike, other = SHAPES[1], SPLIT.model_copy(update={"seed": 1})

    assert split_rows(len(alike), SPLIT, alike) == split_rows(len(alike), SPLIT, alike)
    assert split_rows(len(alike), SPLIT, alike)["holdout"] != split_rows(len(alike), other, alike)["holdout"]
    assert split_rows(len(alike), SPLIT, alike)["folds"][0] != split_rows(len(alike), SPLIT, alike)["folds"][5]


def test_equal_rows_count_once_where_rows_are_too_few():
    with pytest.raises(DataProblem, match=r"12 rows are too few for 5 folds .*, and equal ones count once"):
        split_rows(112, SPLIT, sets(of_1=11, of_101=1))


@pytest.mark.parametrize("rule", ["together", "refuse"])
def test_without_equal_rows_the_splits_are_what_they_were_position_by_position(rule: str):
    from sklearn.model_selection import RepeatedKFold, train_test_split

    split = Split(holdout_fraction=0.2, folds=5, repeats=3, seed=3, equal_rows=rule)
    parts = split_rows(103, split, np.arange(103))
    training, holdout = map(np.sort, train_test_split(np.arange(103), test_size=0.2, random_state=3))
    folds = RepeatedKFold(n_splits=5, n_repeats=3, random_state=3).split(training)

    assert (parts["holdout"], parts["training"]) == (holdout.tolist(), training.tolist())
    assert parts["folds"] == [{"fit": training[fit].tolist(), "score": training[to].tolist()} for fit, to in folds]


def test_the_default_problem_trains_on_the_rows_that_its_parameters_were_searched_on():
    conf = load_conf("conf/house_prices.yaml")
    table = load_table(conf.data, conf.contract)
    parts = split_rows(len(table), conf.split, equal_rows(*features_and_target(table, conf.contract)))

    assert training_rows_digest(fingerprint(table, conf.contract), parts) == conf.tuning.searched_on


def test_who_refuses_equal_rows_gets_the_split_that_may_part_them():
    refuse = SPLIT.model_copy(update={"equal_rows": "refuse"})

    assert split_rows(len(SHAPES[1]), refuse, SHAPES[1]) == split_rows(len(SHAPES[1]), SPLIT)


FRAME = pd.DataFrame({"zone": ["A", "A", None, None, "A", "A"], "area": [1.0, 1.0, np.nan, np.nan, 1.0, 2.0]})


def test_rows_are_equal_in_features_and_target_and_gaps_are_alike():
    alike = equal_rows(FRAME, pd.Series([5.0, 5.0, 6.0, 6.0, 7.0, 5.0]))

    assert alike.tolist() == [0, 0, 1, 1, 2, 3]
    assert count_equal(alike) == 4


@pytest.mark.parametrize(("sizes", "limits", "taken"), [
    ([1, 1, 1, 1, 1], (3, 3), [4, 3, 2]),
    ([1, 1, 1, 9, 1], (3, 3), [4, 2, 1]),
    ([1, 1, 2, 1, 1], (3, 3), [4, 3, 1]),
    ([2, 2, 2, 2, 2], (3, 3), [4, 3]),
    ([9, 5, 8, 9, 7], (4, 2), [1, 4]),
])  # fmt: skip
def test_sets_are_put_aside_in_their_order_as_far_as_they_fit(sizes: list[int], limits: Any, taken: list[int]):
    assert put_aside(np.array(sizes), np.arange(5)[::-1], *limits).tolist() == taken

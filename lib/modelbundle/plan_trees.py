"""A plan's sums of trees: all of them are walked at once, a level at a time; for one row, the first levels looked up.

Many nodes ask the same question: is the value of a feature above a threshold? A node has the question's number. Its two
children are neighbours, and `child` is the one for no; a leaf is its own child, and its answer is always no.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import numpy as np

from modelbundle.plan_models import Model, in_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelbundle.plan_models import Matrix, Row

# Rows at a time, and pairs of a row and a tree: what lies between fits into the processor's cache.
MOST_ROWS, PAIRS = 4000, 40_000


def trees(node: Mapping[str, Any]) -> Model:
    """Make a model of trees: the sum of the leaves that a row reaches in them, times a scale, above a base."""
    scale, base = node["scale"], node["base"]
    many, one = _sums_of_many(node), _sum_of_one(node)
    return Model(in_chunks(lambda X: many(X) * scale + base, MOST_ROWS), lambda row: one(row) * scale + base)


def _sums_of_many(node: Mapping[str, Any]) -> Callable[[Matrix], np.ndarray]:
    depth, value, question, single = (node[name] for name in ("depth", "value", "question", "single"))
    roots, child, features = (node[name].astype(np.intp) for name in ("roots", "child", "features"))
    # where the column begins that a node asks about: what is read together lies together, column after column
    first, threshold = features.take(question) * MOST_ROWS, node["thresholds"].take(question)

    def leaves(cells: np.ndarray, rows: int, some: np.ndarray) -> np.ndarray:
        """Values of the leaves that the rows reach in the trees with some roots: (trees, rows)."""
        place, row = np.repeat(some, rows), np.tile(np.arange(rows), len(some))
        found, pairs = np.empty(len(place)), np.arange(len(place))
        for level in range(depth):
            place = child.take(place) + (cells.take(first.take(place) + row) > threshold.take(place))
            if level > 8 and level % 3 == 0:  # in deep trees most paths end early: the others go on without them
                on = np.flatnonzero(child.take(place) != place)
                found[pairs] = value.take(place)
                pairs, place, row = pairs[on], place[on], row[on]
        found[pairs] = value.take(place)
        return found.reshape(-1, rows)

    def sums(X: Matrix) -> np.ndarray:
        rows, columns = X.shape
        cells, trees = np.empty((columns, MOST_ROWS)), max(1, PAIRS // rows)
        cells[:, :rows] = X.T.astype(np.float32) if single else X.T
        parts = [leaves(cells.ravel(), rows, roots[at : at + trees]) for at in range(0, len(roots), trees)]
        return np.sum([part.sum(axis=0) for part in parts], axis=0)

    return sums


def _sum_of_one(node: Mapping[str, Any]) -> Callable[[Row], float]:
    """One row answers all questions about a feature at once: the thresholds are counted that it exceeds.

    A tree has up to 64 exits from its first levels, numbered from the left: leaves, and nodes to go on from. Whether an
    exit is still possible is a bit; the bits of all trees are one whole number. A yes rules out exits on its left, and
    in the end the leftmost one that is left is the right one. What all answers about a feature leave is worked out
    before. Lucchese et al. (2015), "QuickScorer: a fast algorithm to rank documents with additive ensembles of
    regression trees", SIGIR.
    """
    single, value, levels, questions = node["single"], node["value"], node["levels"], len(node["thresholds"])
    exits, question, child = (node[name].astype(np.intp) for name in ("exits", "question", "child"))
    lowest, asked_of = _asked_of(node)
    exit_of, first_exit, size = exits.ravel().take, np.arange(len(exits)) * exits.shape[1], 8 * len(exits)
    every, firsts = _every(size), int.from_bytes((b"\1" + bytes(7)) * len(exits), "little")
    # A node's child and question are one number: to look twice into the processor's cache takes longer than to part
    # them. Arrays part them, for to make an array of a number each time takes longer too.
    bits = questions.bit_length()
    next_node = (child << bits | question).take
    shift, mask = np.full(len(exits), bits), np.full(len(exits), 2**bits - 1)

    def total(row: Row) -> float:
        answers, left = np.zeros(questions if levels else 0, np.intp), every
        cells = array("f", row) if single else row  # in single precision, if that is what the trees compare
        for cell, least, asked in zip(cells, lowest, asked_of, strict=False):
            if cell > least:
                start, thresholds, leaves = asked
                exceeded = bisect_left(thresholds, cell)
                left &= leaves[exceeded]
                if levels:
                    answers[start : start + exceeded] = 1
        zeros = (~left & (left - firsts)).to_bytes(size, "little")  # the bits of each tree below its first 1
        place = exit_of(first_exit + np.bitwise_count(np.frombuffer(zeros, "<u8")))
        answer_of, found, asked, answer = answers.take, *(np.empty_like(place) for _ in range(3))
        for _ in range(levels):
            # into arrays that are there already, which "clip" allows; no number lies outside
            next_node(place, None, found, "clip")
            np.bitwise_and(found, mask, asked)
            answer_of(asked, None, answer, "clip")
            np.right_shift(found, shift, place)
            np.add(place, answer, place)
        return float(value.take(place).sum())

    return total


def _asked_of(node: Mapping[str, Any]) -> tuple[list[float], list[Any]]:
    """What is asked about each column of a row: the lowest threshold, and in a list of its own the rest.

    The rest is the number of the first question, all thresholds, and which exits are left by how many are exceeded.
    """
    features, thresholds, size = node["features"], node["thresholds"], 8 * len(node["exits"])
    numbers, place = np.unique(node["first_question"], return_inverse=True)
    left = np.full((len(numbers), len(node["exits"])), 2**64 - 1, dtype="<u8")
    np.bitwise_and.at(left, (place, node["first_tree"]), node["first_left"])
    columns = int(features.max()) + 1
    lowest, asked_of = [np.inf] * columns, [()] * columns
    for column in np.unique(features).tolist():
        start, end = np.searchsorted(features, [column, column + 1]).tolist()
        known = np.searchsorted(numbers, np.arange(start, end + 1))
        together = np.bitwise_and.accumulate(left[known[0] : known[-1]], axis=0)
        leaves = [_every(size), *(int.from_bytes(row.tobytes(), "little") for row in together)]
        lowest[column] = float(thresholds[start])
        asked_of[column] = start, thresholds[start:end].tolist(), [leaves[those] for those in known - known[0]]
    return lowest, asked_of


def _every(size: int) -> int:
    """So many bytes of ones."""
    return int.from_bytes(b"\xff" * size)

"""The parts of a plan that are trees: forests and boosted trees, put one behind the other, as plain arrays."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)

from training.planning_parts import Node, NotPlannable

# Exits from the first levels of a deep tree: each is a bit of 64. As many questions of all trees together, times trees,
# are answered by looking them up: 8 bytes are held in memory for each.
EXITS, MOST_LOOKED_UP = 64, 2_000_000


def _forest(model: RandomForestRegressor | ExtraTreesRegressor) -> Node:
    return _trees(
        [_binary_tree(each.tree_) for each in model.estimators_], 1 / len(model.estimators_), 0.0, single=True
    )


def _boosting(model: GradientBoostingRegressor) -> Node:
    if type(model.init_) is not DummyRegressor:
        raise NotPlannable("gradient boosting that starts from a model of its own cannot be expressed")
    trees = [_binary_tree(each.tree_) for each in model.estimators_.ravel()]
    return _trees(trees, model.learning_rate, float(np.ravel(model.init_.constant_)[0]), single=True)


def _hist_boosting(model: HistGradientBoostingRegressor) -> Node:
    trees = []
    for (predictor,) in model._predictors:
        nodes = predictor.nodes
        if nodes["is_categorical"].any():
            raise NotPlannable("boosting that splits by category cannot be expressed")
        leaf = nodes["is_leaf"].astype(bool)
        children = (np.where(leaf, -1, nodes["left"].astype(int)), np.where(leaf, -1, nodes["right"].astype(int)))
        trees.append((*children, nodes["feature_idx"], nodes["num_threshold"], nodes["value"]))
    if model.loss not in ("squared_error", "absolute_error", "quantile"):
        raise NotPlannable(f"boosting with the loss {model.loss!r} cannot be expressed")
    return _trees(trees, 1.0, float(np.ravel(model._baseline_prediction)[0]), single=False)


def _binary_tree(tree: Any) -> tuple[np.ndarray, ...]:
    return tree.children_left, tree.children_right, tree.feature, tree.threshold, tree.value[:, 0, 0]


def _trees(trees: list[tuple[np.ndarray, ...]], scale: float, base: float, *, single: bool) -> Node:
    """Put trees one behind the other, each renumbered so that the two children of a node are neighbours.

    What is asked next lies close by, in the same line of the processor's cache: a node's children follow it, the one
    with the larger subtree first.
    """
    features, thresholds, children, values, roots, deepest = [], [], [], [], [], 0
    for left, right, feature, threshold, value in trees:
        sizes = np.ones(len(left), dtype=int)
        for node in reversed(range(len(left))):  # a parent stands before its children
            if left[node] >= 0:
                sizes[node] += sizes[left[node]] + sizes[right[node]]
        roots.append(len(features))
        order, place, waiting = [0], {0: roots[-1]}, [(0, 0)]
        while waiting:
            node, depth = waiting.pop()
            deepest = max(deepest, depth)
            if left[node] >= 0:
                pair = [int(left[node]), int(right[node])]
                place |= {child: roots[-1] + len(order) + side for side, child in enumerate(pair)}
                order += pair
                waiting += [(child, depth + 1) for child in sorted(pair, key=lambda child: sizes[child])]
        for node in order:
            split = left[node] >= 0
            features.append(int(feature[node]) if split else 0)
            thresholds.append(float(threshold[node]) if split else np.inf)
            children.append(place[left[node]] if split else place[node])
            values.append(0.0 if split else float(value[node]))
    questions, question = np.unique(np.array([features, thresholds]), axis=1, return_inverse=True)
    return {
        "kind": "trees",
        "roots": np.array(roots, dtype=np.int32),
        "depth": deepest,
        "features": questions[0].astype(np.int32),
        "thresholds": questions[1],
        "question": question.ravel().astype(np.int32),
        "child": np.array(children, dtype=np.int32),
        "value": np.array(values),
        "scale": scale,
        "base": base,
        "single": single,
        **_first_levels(roots, question.ravel().tolist(), children),
    }


def _first_levels(roots: list[int], question: list[int], child: list[int]) -> Node:
    """Divide each tree into first questions and the exits from them, with as few levels below as can be.

    Of each first question: its number, its tree, and which exits are left, as bits, when it is answered with yes.
    """
    heights = [0] * len(child)
    for node in reversed(range(len(child))):  # a parent stands before its children
        if child[node] != node:
            heights[node] = 1 + max(heights[child[node]], heights[child[node] + 1])
    most = EXITS
    while True:
        divided = [_divide(root, child, heights, most) for root in roots]
        asked = {question[node] for left, _ in divided for node in left}
        if len(asked) * len(roots) <= MOST_LOOKED_UP:
            break
        most //= 2
    firsts = [(question[node], tree, bits) for tree, (left, _) in enumerate(divided) for node, bits in left.items()]
    numbers, trees, left = zip(*firsts, strict=True) if firsts else ((), (), ())
    exits = np.array([found + found[-1:] * (most - len(found)) for _, found in divided], dtype=np.int32)
    return {
        "levels": max(heights[node] for _, found in divided for node in found),
        "exits": exits,
        "first_question": np.array(numbers, dtype=np.int32),
        "first_tree": np.array(trees, dtype=np.int32),
        "first_left": np.array(left, dtype=np.uint64),
    }


def _divide(root: int, child: list[int], heights: list[int], most: int) -> tuple[dict[int, int], list[int]]:
    """Divide one tree at its highest nodes; give these, with the exits that a yes leaves, and the exits."""
    highest, left = [(-heights[root], root)], {}
    while len(left) < most - 1 and highest[0][0] < 0:
        _, node = heappop(highest)
        left[node] = 0
        for each in (child[node], child[node] + 1):
            heappush(highest, (-heights[each], each))
    exits: list[int] = []

    def walk(node: int) -> None:
        if node not in left:
            exits.append(node)
            return
        before = len(exits)
        walk(child[node])
        left[node] = (2**64 - 1) ^ (2 ** len(exits) - 2**before)
        walk(child[node] + 1)

    walk(root)
    return left, exits


MODELS = {
    RandomForestRegressor: _forest,
    ExtraTreesRegressor: _forest,
    GradientBoostingRegressor: _boosting,
    HistGradientBoostingRegressor: _hist_boosting,
}

"""The parts of a plan that are trees: forests and boosted trees, put one behind the other, as plain arrays."""

from typing import Any

import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)

from modelbundle.plan.trees import NODE
from training.bundle.plan_parts import Node, NotPlannable


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
    nodes, roots, deepest = [], [], 0
    for left, right, feature, threshold, value in trees:
        sizes = np.ones(len(left), dtype=int)
        for node in reversed(range(len(left))):  # a parent stands before its children
            if left[node] >= 0:
                sizes[node] += sizes[left[node]] + sizes[right[node]]
        roots.append(len(nodes))
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
            if left[node] >= 0:
                nodes.append((float(threshold[node]), place[left[node]], int(feature[node])))
            else:
                nodes.append((float(value[node]), 0, 0))
    return {
        "kind": "trees",
        "nodes": np.array(nodes, dtype=NODE),
        "roots": np.array(roots, dtype=np.int32),
        "depth": deepest,
        "scale": scale,
        "base": base,
        "single": single,
    }


MODELS = {
    RandomForestRegressor: _forest,
    ExtraTreesRegressor: _forest,
    GradientBoostingRegressor: _boosting,
    HistGradientBoostingRegressor: _hist_boosting,
}

"""A plan's sums of trees: compiled, or else with numpy, which walks all trees of many rows at once, level by level.

All trees stand one behind the other in one array of nodes. The two children of a split are neighbours, and `child` is
the first, for rows that are not above its threshold. A leaf has child 0, the first root, which is nobody's child, and
its value in the threshold's place.
"""

from array import array
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from modelbundle.plan.models import Matrix, Model, Row, compiled, in_chunks, one_as_many

NODE = np.dtype([("threshold", np.float64), ("child", np.int32), ("feature", np.int32)])
# Rows at a time, and pairs of a row and a tree: what lies between fits into the processor's cache.
MOST_ROWS, PAIRS = 4000, 40_000


def trees(node: Mapping[str, Any]) -> Model:
    """Make a model of trees: the sum of the leaves that a row reaches in them, times a scale, above a base.

    Raises ValueError where there is none, where a path would leave the nodes, or never end.
    """
    nodes, roots, scale, base = np.ascontiguousarray(node["nodes"], NODE), node["roots"], node["scale"], node["base"]
    _check(nodes, roots)
    if compiled:
        return _compiled(nodes, roots, scale, base, single=node["single"])
    sums = _sums(nodes, roots, node["depth"], single=node["single"])
    many = in_chunks(lambda X: sums(X) * scale + base, MOST_ROWS)
    return Model(many, one_as_many(many))


def _check(nodes: np.ndarray, roots: np.ndarray) -> None:
    """What is compiled looks at no bounds, and walks until it comes to a leaf."""
    if not len(nodes) or not len(roots):
        raise ValueError("there is no tree")
    splits = np.flatnonzero(nodes["child"])
    child, feature = nodes["child"][splits], nodes["feature"][splits]
    ahead = (child > splits) & (child < len(nodes) - 1) & (feature >= 0)
    if not ahead.all() or not ((roots >= 0) & (roots < len(nodes))).all():
        raise ValueError(f"the children of {(~ahead).sum()} of {len(splits)} splits, or a root, are no nodes ahead")


def _sums(nodes: np.ndarray, roots: np.ndarray, depth: int, *, single: bool) -> Callable[[Matrix], np.ndarray]:
    leaf, places, value = nodes["child"] == 0, np.arange(len(nodes)), np.ascontiguousarray(nodes["threshold"])
    # here a leaf is its own child, and no row is above it; the columns lie one behind the other
    child, threshold = np.where(leaf, places, nodes["child"]), np.where(leaf, np.inf, value)
    first, roots = np.where(leaf, 0, nodes["feature"].astype(np.intp) * MOST_ROWS), roots.astype(np.intp)

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


def _compiled(nodes: np.ndarray, roots: np.ndarray, scale: float, base: float, *, single: bool) -> Model:
    leaves, least, roots = compiled.sum_of_leaves, int(nodes["feature"].max()) + 1, roots.astype(np.int32)

    def many(X: Matrix) -> np.ndarray:
        totals = np.zeros(len(X))
        leaves(np.ascontiguousarray(X.astype(np.float32) if single else X, float), least, nodes, roots, totals)
        return totals * scale + base

    def one(row: Row) -> float:
        cells, total = array("d", array("f", row) if single else row), array("d", (0.0,))
        leaves(cells, least, nodes, roots, total)
        return total[0] * scale + base

    return Model(many, one)

"""Pipelines as a report lists them: every part in its order, with what is set in it."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import VotingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from modelbundle.contract import Contract
from training.config.recipe import Candidate
from training.models.candidates import Design, build_pipeline
from training.reporting.tables import outline


class NeedsShape(RegressorMixin, BaseEstimator):
    """An estimator of somebody's, with a parameter that has no default, and one that is a class."""

    def __init__(self, shape: str, kind: Any = Ridge):
        self.shape = shape
        self.kind = kind


class HandsOn(RegressorMixin, BaseEstimator):
    """As XGBoost's: some of its parameters are not in its signature."""

    def __init__(self, depth: int = 3, **others: Any):
        self.depth = depth
        self.others = others

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"depth": self.depth, "trees": None} | self.others


def lines(*named: tuple[str, Any]) -> list[str]:
    page = outline(Pipeline(list(named))).data
    return html.unescape(page.removeprefix('<pre tabindex="0">').removesuffix("</pre>")).splitlines()


def test_parts_stand_in_the_order_in_which_they_work_with_what_is_set_in_them():
    inner = Pipeline([("scale", StandardScaler(with_mean=False)), ("again", StandardScaler())])

    assert lines(("first", inner), ("model", Ridge(alpha=2, solver="svd"))) == [
        "first: Pipeline",
        "  scale: StandardScaler(with_mean=False)",
        "  again: StandardScaler",
        "model: Ridge(alpha=2, solver='svd')",
    ]


def test_members_of_a_blend_and_parts_of_a_kernel_are_parts_too():
    kernel = GaussianProcessRegressor(RBF(2.0) + WhiteKernel())

    assert lines(("model", VotingRegressor([("one", Ridge()), ("two", kernel)], weights=[1, 2]))) == [
        "model: VotingRegressor(weights=[1, 2])",
        "  one: Ridge",
        "  two: GaussianProcessRegressor",
        "    kernel: Sum",
        "      k1: RBF(length_scale=2.0)",
        "      k2: WhiteKernel",
    ]


def test_functions_are_named_and_long_settings_are_cut():
    function = FunctionTransformer(np.log, kw_args={"one": pd.to_numeric, "long": "<b> " * 99})

    assert lines(("log", function)) == [
        f"log: FunctionTransformer(func=log, kw_args=one: to_numeric, long: '{'<b> ' * 8}…)"
    ]


@pytest.mark.parametrize(("given", "told"), [({}, "shape='round'"), ({"kind": int}, "kind=int, shape='round'")])
def test_a_parameter_without_a_default_is_told_and_a_class_is_no_part(given: dict[str, Any], told: str):
    assert lines(("own", NeedsShape("round", **given))) == [f"own: NeedsShape({told})"]


def test_a_parameter_that_is_not_in_the_signature_is_told_if_it_is_set():
    assert lines(("own", HandsOn()), ("set", HandsOn(4, trees=5))) == ["own: HandsOn", "set: HandsOn(depth=4, trees=5)"]


def test_equal_pipelines_have_equal_outlines(contract: Contract):
    """Nothing in them is where it happens to lie in memory."""
    each = [
        outline(
            build_pipeline(
                "svr", Candidate(estimator="sklearn.svm.SVR", preprocessing=variant), Design(contract, "log")
            )
        )
        for variant in ("splines", "splines", "scaled")
    ]

    assert each[0].data == each[1].data != each[2].data
    assert " at 0x" not in each[0].data

"""Plans, one of each kind: arrays answer as the fitted pipeline does, alone and in a batch, compiled and by numpy.

tests/training/bundle/test_planning.py tries more models and more records.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from modelbundle.contract import Contract
from modelbundle.frame import records_of, records_to_frame
from modelbundle.plan import models as plan_models
from modelbundle.plan import trees as plan_trees
from modelbundle.plan.plan import read_plan, write_plan
from tests.training.conftest import COLUMNS, small_table
from training.bundle.plan import describe
from training.bundle.plan_check import at_thresholds, odd_records
from training.config.recipe import Candidate, Engineered
from training.models.candidates import Design, build_pipeline

if TYPE_CHECKING:
    from modelbundle.plan.plan import Model

# scikit-learn says that so few rows have no 200 quantiles, and takes fewer
pytestmark = pytest.mark.filterwarnings("ignore:n_quantiles")

KERNELS = "sklearn.gaussian_process.kernels"
TREES = {"n_estimators": 4, "max_features": 0.6}


def process(kernel: str, **parameters: Any) -> dict[str, Any]:
    shape = {"class": f"{KERNELS}.{kernel}", "length_scale": 300.0, **parameters}
    return {
        "estimator": "sklearn.gaussian_process.GaussianProcessRegressor",
        "parameters": {"kernel": shape, "alpha": 0.1, "optimizer": None, "normalize_y": True},
    }


MODELS: dict[str, dict[str, Any]] = {
    "median": {"estimator": "sklearn.dummy.DummyRegressor", "parameters": {"strategy": "median"}},
    "linear": {"estimator": "sklearn.linear_model.LinearRegression", "preprocessing": "splines"},
    "svr": {"estimator": "sklearn.svm.SVR", "preprocessing": "scaled"},
    "rbf": process("RBF"),
    "matern_half": process("Matern", nu=0.5),
    "matern_three_halves": process("Matern", nu=1.5),
    "matern_five_halves": process("Matern", nu=2.5),
    "forest": {"estimator": "sklearn.ensemble.RandomForestRegressor", "parameters": TREES},
    "boosting": {"estimator": "sklearn.ensemble.GradientBoostingRegressor", "parameters": TREES | {"max_depth": 10}},
    "histograms": {"estimator": "sklearn.ensemble.HistGradientBoostingRegressor", "parameters": {"max_iter": 3}},
    "blend": {"members": ["linear", "svr", "svr", "forest"]},
}
ENGINEERED = {
    "Storeys": Engineered(category="Class", numbers={20: 1, 60: 2}),
    "Living": Engineered(product=["Area", "Storeys"]),
    "Cube": Engineered(product=["Living", "Cellar"]),
}


def contract() -> Contract:
    return Contract.model_validate({"columns": COLUMNS})


@cache
def planned(name: str, transform: str = "log") -> tuple[Any, bytes]:
    """A pipeline fitted on 60 houses, and its plan."""
    table, candidate = small_table(), Candidate(**MODELS[name])
    members = {member: Candidate(**MODELS[member]) for member in candidate.members}
    built = build_pipeline(name, candidate, Design(contract(), transform, 0, ENGINEERED), members)
    pipeline = built.fit(table, table["Price"])
    return pipeline, write_plan(describe(pipeline, contract()))


def houses(count: int = 12) -> list[dict[str, Any]]:
    """Ordinary houses, and three times as many with gaps, strangers and numbers far out."""
    usual = records_of(small_table(), contract())[:count]
    return [*usual, *odd_records(usual, contract(), 3 * count, seed=3)]


def answers(model: Model, records: list[dict[str, Any]]) -> list[float]:
    """In a batch; and alone it must be the same."""
    batch = model.predict(records)
    assert [model.predict([record])[0] for record in records] == pytest.approx(batch, rel=1e-12)
    return list(batch)


@pytest.mark.parametrize("name", MODELS)
def test_a_plan_answers_as_its_pipeline(name: str):
    pipeline, plan = planned(name)
    records = houses()

    assert answers(read_plan(plan, contract()), records) == pytest.approx(
        list(pipeline.predict(records_to_frame(records, contract()))), rel=1e-9
    )


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("name", ["forest", "boosting", "histograms"])
def test_a_record_on_a_threshold_goes_where_the_tree_sends_it(
    name: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
):
    pipeline, plan = planned(name)
    records = at_thresholds(houses()[0], describe(pipeline, contract()), seed=0)
    if not compiled:
        monkeypatch.setattr(plan_trees, "compiled", None)

    assert len(records) >= 8
    assert list(read_plan(plan, contract()).predict(records)) == pytest.approx(
        list(pipeline.predict(records_to_frame(records, contract()))), rel=1e-12
    )


@pytest.mark.skipif(not plan_models.compiled, reason="there is no compiler")
@pytest.mark.parametrize("name", ["svr", "rbf", "matern_three_halves", "forest", "boosting", "histograms"])
def test_without_what_is_compiled_it_answers_the_same(name: str, monkeypatch: pytest.MonkeyPatch):
    _, plan = planned(name)
    compiled = answers(read_plan(plan, contract()), houses())
    monkeypatch.setattr(plan_models, "compiled", None)
    monkeypatch.setattr(plan_trees, "compiled", None)

    assert answers(read_plan(plan, contract()), houses()) == pytest.approx(compiled, rel=1e-12)


def test_a_target_that_is_not_logged_is_answered_too():
    pipeline, plan = planned("linear", "none")

    assert answers(read_plan(plan, contract()), houses()) == pytest.approx(
        list(pipeline.predict(records_to_frame(houses(), contract()))), rel=1e-9
    )


def test_a_linear_model_of_splines_has_one_polynomial_a_number():
    """Weighing each basis by itself would give the same, and take several times as long."""
    model = describe(planned("linear")[0], contract())["model"]["model"]
    numbers = len(contract().numeric) + len(ENGINEERED)

    assert model["steps"][-1]["pieces"].shape[-1] == 1
    assert len(model["steps"][-1]["knots"]) == numbers
    assert list(model["model"]["coefficients"][:numbers]) == [1.0] * numbers


@pytest.mark.parametrize("name", ["svr", "rbf", "forest"])
def test_a_long_batch_is_answered_as_its_parts(name: str):
    """What takes much memory at once goes through in pieces."""
    model, records = read_plan(planned(name)[1], contract()), houses() * 30

    assert np.array_equal(model.predict(records), model.predict(records[:48]) * 30)

"""Plans: arrays alone answer as the pickle does, for every model that is planned, and for any record."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from modelbundle.frame import records_of, records_to_frame
from modelbundle.plan import models as plan_models
from modelbundle.plan import plan as plans
from modelbundle.plan import trees as plan_trees
from modelbundle.plan.plan import read_plan, write_plan
from tests.conftest import ROOT
from training.bundle.plan import describe
from training.bundle.plan_check import RELATIVE, at_thresholds, largest_difference, make_plan, odd_records
from training.config.conf import load_conf
from training.config.recipe import Candidate, Engineered
from training.data.reading import features_and_target
from training.models.candidates import Design, build_pipeline

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from modelbundle.contract import Contract

# scikit-learn says that so few rows have no 200 quantiles, and takes fewer
pytestmark = pytest.mark.filterwarnings("ignore:n_quantiles")

KERNELS = "sklearn.gaussian_process.kernels"
PROCESS = {"estimator": "sklearn.gaussian_process.GaussianProcessRegressor", "preprocessing": "scaled"}
TREES = {"n_estimators": 20, "max_features": 0.6}
CANDIDATES: dict[str, dict[str, Any]] = {
    "median": {"estimator": "sklearn.dummy.DummyRegressor", "parameters": {"strategy": "median"}},
    "linear": {"estimator": "sklearn.linear_model.LinearRegression", "preprocessing": "splines"},
    "ridge": {"estimator": "sklearn.linear_model.Ridge", "preprocessing": "scaled"},
    "svr": {"estimator": "sklearn.svm.SVR", "preprocessing": "scaled"},
    "svr_splines": {"estimator": "sklearn.svm.SVR", "preprocessing": "splines", "parameters": {"gamma": 0.03}},
    "process": PROCESS
    | {"parameters": {"kernel": {"class": f"{KERNELS}.RBF", "length_scale": 3.0}, "alpha": 0.1, "optimizer": None}},
    "forest": {"estimator": "sklearn.ensemble.RandomForestRegressor", "parameters": TREES},
    "extra": {"estimator": "sklearn.ensemble.ExtraTreesRegressor", "parameters": TREES, "preprocessing": "scaled"},
    "boosting": {"estimator": "sklearn.ensemble.GradientBoostingRegressor", "parameters": TREES | {"max_depth": 12}},
    "histograms": {"estimator": "sklearn.ensemble.HistGradientBoostingRegressor", "parameters": {"max_iter": 20}},
    "blend": {"members": ["linear", "svr", "svr", "forest"]},
    **{
        f"matern{smoothness}": PROCESS
        | {
            "parameters": {
                "kernel": {"class": f"{KERNELS}.Matern", "length_scale": 3.0, "nu": smoothness},
                "alpha": 0.1,
                "optimizer": None,
                "normalize_y": True,
            }
        }
        for smoothness in (0.5, 1.5, 2.5)
    },
}
ENGINEERED = {
    "Storeys": Engineered(category="Class", numbers={20: 1, 60: 2}),
    "Living": Engineered(product=["Area", "Storeys"]),
    "Cube": Engineered(product=["Living", "Cellar"]),
}


CAN_COMPILE = bool(shutil.which("cc")) and Path(sysconfig.get_paths()["include"], "Python.h").exists()


def fitted(name: str, table: pd.DataFrame, contract: Contract, transform: str = "log", engineered: Any = None) -> Any:
    candidate = Candidate(**CANDIDATES[name])
    members = {member: Candidate(**CANDIDATES[member]) for member in candidate.members}
    X, y = features_and_target(table, contract)
    return build_pipeline(name, candidate, Design(contract, transform, 0, engineered or {}), members).fit(X, y)


@pytest.mark.run
@pytest.mark.parametrize("name", CANDIDATES)
def test_it_answers_as_the_pickle_does(name: str, table: pd.DataFrame, contract: Contract):
    """On training rows, on rows with gaps, strangers and numbers far out, alone and in a batch."""
    pipeline = fitted(name, table, contract, engineered=ENGINEERED)
    plan, reason = make_plan(pipeline, contract, table)
    usual = records_of(table, contract)
    records = [*usual, *odd_records(usual, contract, 400, seed=1)]

    assert reason == ""
    assert largest_difference(plan, pipeline, contract, records) <= RELATIVE
    model = read_plan(plan, contract)
    alone = [model.predict([record])[0] for record in records]
    assert alone == pytest.approx(model.predict(records), rel=1e-12)


@pytest.mark.run
@pytest.mark.parametrize("name", CANDIDATES)
@pytest.mark.parametrize("area", [1e30, 1e308, -1e308])
def test_where_arithmetic_overflows_one_record_and_several_are_answered_alike_and_without_a_warning(
    name: str, area: float, table: pd.DataFrame, contract: Contract
):
    plan, _ = make_plan(fitted(name, table, contract, engineered=ENGINEERED), contract, table)
    record = records_of(table, contract)[0] | {"Area": area, "Cellar": 1e300}
    model = read_plan(plan, contract)

    assert model.predict([record] * 2) == pytest.approx(model.predict([record]) * 2, rel=1e-12, nan_ok=True)


@pytest.mark.run
@pytest.mark.parametrize("name", ["svr", "process", "matern0.5", "matern1.5", "matern2.5"])
def test_far_from_all_points_one_record_and_several_are_answered_alike(
    name: str, table: pd.DataFrame, contract: Contract
):
    """Squares of numbers overflow long before the numbers do."""
    plan, _ = make_plan(fitted(name, table, contract, engineered=ENGINEERED), contract, table)
    usual, model = records_of(table, contract)[0], read_plan(plan, contract)
    records = [usual | {"Area": float(area)} for area in np.logspace(50, 308, 1000)]

    assert model.predict(records) == pytest.approx([model.predict([it])[0] for it in records], rel=1e-12, nan_ok=True)


def test_a_number_that_was_0_or_1_in_training_may_be_another(table: pd.DataFrame, contract: Contract):
    columns = {name: contract.columns[name] for name in ("Area", "Cellar", "Price")}
    binary, smaller = table.assign(Cellar=(table["Cellar"] > 500).astype(float)), type(contract)(columns=columns)
    X, y = features_and_target(binary, smaller)
    candidate = Candidate(estimator="sklearn.svm.SVR", parameters={"gamma": 0.5})
    pipeline = build_pipeline("svr", candidate, Design(smaller, "log")).fit(X.assign(Area=X["Area"] / 1000), y)
    plan, _ = make_plan(pipeline, smaller, binary)
    records = [{"Area": 2.0, "Cellar": value} for value in (0.0, 0.5, 1.0, 2.0)]

    assert len(set(read_plan(plan, smaller).predict(records))) == 4
    assert largest_difference(plan, pipeline, smaller, records) <= RELATIVE


@pytest.mark.run
@pytest.mark.parametrize("name", CANDIDATES)
def test_without_what_is_compiled_numpy_answers_the_same(
    name: str, table: pd.DataFrame, contract: Contract, monkeypatch: pytest.MonkeyPatch
):
    pipeline = fitted(name, table, contract, engineered=ENGINEERED)
    plan, _ = make_plan(pipeline, contract, table)
    usual = records_of(table, contract)
    monkeypatch.setattr(plan_models, "compiled", None)
    monkeypatch.setattr(plan_trees, "compiled", None)

    assert largest_difference(plan, pipeline, contract, [*usual, *odd_records(usual, contract, 400, 1)]) <= RELATIVE


@pytest.mark.skipif(not CAN_COMPILE, reason="there is no compiler, or no headers")
def test_where_there_is_a_compiler_it_was_used():
    assert plan_models.compiled


@pytest.mark.run
def test_without_a_compiler_it_installs_all_the_same(tmp_path: Path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target=there"]
    for compiler in ("false", "cc"):
        done = subprocess.run(
            [sys.executable, *install, "--upgrade", "."], cwd=tmp_path, env=os.environ | {"CC": compiler},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

        assert done.returncode == 0, done.stderr
        found = list((tmp_path / "there/modelbundle/plan").glob("compiled.*.so"))
        assert (tmp_path / "there/modelbundle/look.css").exists()
        assert list((tmp_path / "there/training/graph/templates/report").iterdir())
        assert bool(found) == (compiler == "cc" and CAN_COMPILE)


LAST, END = 10**8, 10**9  # stand for the numbers of the last node, and of none


def changed(description: dict[str, Any], part: str, value: int) -> dict[str, Any]:
    """The description of a forest with other children, features or roots."""
    trees = description["model"]["model"]
    value = {LAST: len(trees["nodes"]) - 1, END: len(trees["nodes"])}.get(value, value)
    trees = trees | {name: trees[name].copy() for name in ("nodes", "roots")}
    if part == "roots":
        trees["roots"][1] = value
    else:
        trees["nodes"][part][trees["roots"][1]] = value
    return description | {"model": description["model"] | {"model": trees}}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("child", 1),
        ("child", -1),
        ("child", LAST),
        ("child", 10**6),
        ("feature", -1),
        ("roots", -1),
        ("roots", END),
        ("roots", 10**6),
    ],
)
def test_trees_whose_paths_would_leave_the_nodes_or_never_end_are_refused(
    part: str, value: int, table: pd.DataFrame, contract: Contract
):
    description = describe(fitted("forest", table, contract), contract)

    with pytest.raises(ValueError, match="no nodes ahead"):
        read_plan(write_plan(changed(description, part, value)), contract)


@pytest.mark.parametrize("part", ["nodes", "roots"])
def test_a_forest_without_a_tree_is_refused(part: str, table: pd.DataFrame, contract: Contract):
    description = describe(fitted("forest", table, contract), contract)
    description["model"]["model"][part] = description["model"]["model"][part][:0]

    with pytest.raises(ValueError, match="no tree"):
        read_plan(write_plan(description), contract)


@pytest.mark.skipif(not plan_models.compiled, reason="there is no compiler")
def test_a_row_that_is_too_short_is_an_error(table: pd.DataFrame, contract: Contract):
    description = describe(fitted("forest", table, contract), contract)
    beyond = read_plan(write_plan(changed(description, "feature", 10**6)), contract)

    with pytest.raises(ValueError, match="expected 1000001 cells"):
        beyond.model.one([0.0] * 20)
    kernel = write_plan(describe(fitted("svr", table, contract), contract))
    with pytest.raises(ValueError, match="not as many"):
        read_plan(kernel, contract).model.one([0.0] * 200)


@pytest.mark.run
@pytest.mark.parametrize("name", ["forest", "boosting", "histograms", "blend"])
def test_a_record_on_a_threshold_goes_where_the_tree_sends_it(name: str, table: pd.DataFrame, contract: Contract):
    pipeline = fitted(name, table, contract)
    plan, _ = make_plan(pipeline, contract, table)
    records = at_thresholds(records_of(table, contract)[0], describe(pipeline, contract), seed=0)

    assert len(records) >= 20
    assert largest_difference(plan, pipeline, contract, records) <= RELATIVE


@pytest.mark.parametrize("kept", [["Zone", "Class"], ["Area", "Cellar"], ["Area"], ["Class"]])
@pytest.mark.parametrize("name", ["linear", "svr", "matern0.5", "forest"])
def test_a_contract_may_lack_numbers_or_categories(name: str, kept: list[str], table: pd.DataFrame, contract: Contract):
    columns = {key: column for key, column in contract.columns.items() if key in kept or column.role == "target"}
    smaller = type(contract)(columns=columns)
    plan, reason = make_plan(fitted(name, table, smaller, "none"), smaller, table)

    assert (plan is not None, reason) == (True, "")


def test_a_target_that_is_not_logged_may_be_negative(table: pd.DataFrame, contract: Contract):
    negative, contract = table.assign(Price=table["Price"] - 200_000), with_limits(contract, None, None)
    plan, _ = make_plan(fitted("svr", negative, contract, "none"), contract, negative)

    assert min(read_plan(plan, contract).predict(records_of(negative, contract))) < 0


def with_limits(contract: Contract, low: float | None, high: float | None) -> Contract:
    """The contract with other limits of the target."""
    price = contract.columns["Price"].model_copy(update={"minimum": low, "maximum": high})
    return type(contract)(columns=contract.columns | {"Price": price})


@pytest.mark.parametrize(("low", "high"), [(150_000.0, None), (None, 250_000.0), (150_000.0, 250_000.0)])
@pytest.mark.parametrize("name", ["linear", "svr"])
def test_limits_of_the_target_hold_in_plan_and_pickle_alike(
    name: str, low: float | None, high: float | None, table: pd.DataFrame, contract: Contract
):
    inside = with_limits(contract, low, high)
    table = table.assign(Price=table["Price"].clip(low, high))
    pipeline = fitted(name, table, inside, "none")
    plan, reason = make_plan(pipeline, inside, table)
    records = records_of(table, inside)
    answers = [read_plan(plan, inside).predict([record])[0] for record in records]

    assert reason == ""
    assert answers == pytest.approx(read_plan(plan, inside).predict(records), rel=1e-12)
    assert answers == pytest.approx(pipeline.predict(records_to_frame(records, inside)), rel=1e-12)
    assert {low, high} - {None} <= set(answers)
    assert (low or -math.inf) <= min(answers) < max(answers) <= (high or math.inf)


def test_what_is_no_number_is_not_taken_for_a_limit(monkeypatch: pytest.MonkeyPatch):
    nothing = plans.Model(lambda X: np.full(len(X), np.nan), lambda row: math.nan)
    monkeypatch.setitem(plans.MODELS, "nothing", lambda node: nothing)
    target = {"kind": "target", "model": {"kind": "nothing"}, "mean": 0.0, "scale": 1.0, "log": False}
    model = plans._model(target | {"low": 0.0, "high": 1.0})

    assert np.isnan([model.one([0.0]), *model.many(np.zeros((2, 1)))]).all()


def test_60_and_its_spellings_and_gaps_are_read_as_the_frame_reads_them(table: pd.DataFrame, contract: Contract):
    plan, _ = make_plan(fitted("linear", table, contract), contract, table)
    usual = {"Zone": "A", "Class": 60, "Area": 2000.0, "Cellar": 100}
    written = [usual | {"Class": value} for value in (60, "60", 60.0, "60.0", "060", " 60")]
    gaps = [{**usual, "Zone": None, "Cellar": None}, {"Class": 60, "Area": 2000.0}]
    gaps.append({**usual, "Zone": math.nan, "Cellar": math.nan})

    for records in (written, gaps):
        assert len(set(read_plan(plan, contract).predict(records))) == 1


@pytest.mark.parametrize(
    ("estimator", "parameters"),
    [
        ("sklearn.neighbors.KNeighborsRegressor", {}),
        ("sklearn.svm.SVR", {"kernel": "poly"}),
        ("tests.helpers.broken_estimators.PredictsNaN", {}),
    ],
)
def test_what_it_cannot_express_is_left_to_the_pickle_with_a_reason(
    estimator: str, parameters: dict[str, Any], table: pd.DataFrame, contract: Contract
):
    X, y = features_and_target(table, contract)
    candidate = Candidate(estimator=estimator, parameters=parameters)
    plan, reason = make_plan(build_pipeline("it", candidate, Design(contract, "log")).fit(X, y), contract, table)

    assert plan is None
    assert estimator.rpartition(".")[2] in reason


def test_a_plan_that_answers_differently_is_not_used(
    table: pd.DataFrame, contract: Contract, monkeypatch: pytest.MonkeyPatch
):
    from training.bundle import plan_check

    def off(pipeline: Pipeline, contract: Contract) -> dict[str, Any]:
        description = describe(pipeline, contract)
        description["model"]["mean"] += 1e-9
        return description

    monkeypatch.setattr(plan_check, "describe", off)
    plan, reason = make_plan(fitted("linear", table, contract), contract, table)

    assert plan is None
    assert "answers differently from model.pkl" in reason


@pytest.mark.run
def test_it_is_data_that_needs_neither_pandas_nor_scikit_learn(table: pd.DataFrame, contract: Contract, tmp_path: Path):
    plan, _ = make_plan(fitted("blend", table, contract), contract, table)
    (tmp_path / "plan.npz").write_bytes(plan)
    records = records_of(table, contract)[:3]
    (tmp_path / "records.json").write_text(json.dumps(records))
    (tmp_path / "contract.json").write_text(contract.model_dump_json())
    program = (
        "import sys, json, pathlib\n"
        "sys.modules.update(pandas=None, sklearn=None, scipy=None, joblib=None)\n"
        "from modelbundle.contract import Contract\n"
        "from modelbundle.plan.plan import read_plan\n"
        "contract = Contract.model_validate_json(pathlib.Path('contract.json').read_bytes())\n"
        "plan = read_plan(pathlib.Path('plan.npz').read_bytes(), contract)\n"
        "print(json.dumps(plan.predict(json.load(open('records.json')))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT / "lib")},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == read_plan(plan, contract).predict(records)


@pytest.mark.run
def test_the_same_pipeline_makes_the_same_bytes(table: pd.DataFrame, contract: Contract):
    pipeline = fitted("blend", table, contract)

    assert make_plan(pipeline, contract, table) == make_plan(pipeline, contract, table)


@pytest.mark.run
@pytest.mark.slow
@pytest.mark.parametrize("name", load_conf("conf/house_prices.yaml").candidates)
def test_every_default_candidate_is_planned_to_the_last_bits(name: str, full: Any):
    """20,000 odd rows, and rows on the thresholds of its trees."""
    import pickle

    import pandas as pd

    contract = load_conf("conf/house_prices.yaml").contract
    pipeline = pickle.loads((full.folder / f"runs/house_prices/03_train-{name}/candidate.pkl").read_bytes())
    table = pd.read_csv(full.folder / "data/house_prices.csv")
    plan, reason = make_plan(pipeline, contract, table)
    usual = records_of(table, contract)
    records = [*odd_records(usual, contract, 20_000, seed=2), *at_thresholds(usual[7], describe(pipeline, contract), 2)]

    assert reason == ""
    assert largest_difference(plan, pipeline, contract, records) <= RELATIVE
    assert np.isfinite(read_plan(plan, contract).predict(usual)).all()

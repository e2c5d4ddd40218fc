"""Tables that are no fault of anyone's, from draft to bundle or to the sentence that says why there is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import yaml

from modelbundle.bundle import current_folder, load_bundle
from training.config.conf import load_conf
from training.data.split import split_rows

if TYPE_CHECKING:
    import subprocess

    from tests.conftest import Project

pytestmark = [pytest.mark.run, pytest.mark.slow]

MEDIAN = {"estimator": "sklearn.dummy.DummyRegressor", "parameters": {"strategy": "median"}, "baseline": True}
LINEAR = {"estimator": "sklearn.linear_model.LinearRegression"}
TREE = {"estimator": "sklearn.tree.DecisionTreeRegressor", "parameters": {"max_depth": 3}}
CANDIDATES = {"median": MEDIAN, "linear": LINEAR}
QUICK = {"learning_curve": [0.3, 1.0], "candidates": CANDIDATES}


def run(
    project: Project, table: pd.DataFrame, target: str, split: dict[str, Any] | None = None, **changes: Any
) -> subprocess.CompletedProcess[str]:
    """Draft a configuration for a table, change it, and run it; the problem is called `mine`."""
    table.to_csv(project.folder / "data/mine.csv", index=False)
    drafted = project.python("-m", "training.draft_conf", "data/mine.csv", "--target", target)
    assert drafted.returncode == 0, drafted.stderr
    conf = yaml.safe_load(drafted.stdout) | QUICK | changes
    conf["split"] |= {"folds": 3, "repeats": 2} | (split or {})
    (project.folder / "conf/mine.yaml").write_text(yaml.safe_dump(conf, sort_keys=False))
    return project.run("conf/mine.yaml")


def manifest(project: Project) -> dict[str, Any]:
    return load_bundle(current_folder(project.folder / "models/mine")).manifest


def measurements() -> pd.DataFrame:
    """Rounded, so that many are equal."""
    random = np.random.default_rng(0)
    wind, cloud = random.normal(5, 1.5, 300).round(), random.choice(["sun", "rain"], 300)
    return pd.DataFrame({"wind": wind, "sky": cloud, "heat": (20 - wind + 4 * (cloud == "sun")).round()})


def test_equal_rows_are_told_and_stay_together(project: Project):
    done = run(project, measurements(), "heat")
    prepared, parts = project.results("02_preprocess", "mine"), project.json("runs/mine/02_preprocess/split.json")
    rows = [tuple(row) for row in measurements().to_numpy().tolist()]
    sides = [(parts["holdout"], parts["training"]), *((fold["score"], fold["fit"]) for fold in parts["folds"])]

    assert done.returncode == 0, done.stderr
    assert prepared["equal_rows"] == sum(rows.count(row) > 1 for row in rows) > 250
    assert manifest(project)["data"]["equal_rows"] == prepared["equal_rows"]
    assert not [1 for one, other in sides if {rows[row] for row in one} & {rows[row] for row in other}]
    page = (project.folder / "reports/mine/report/02_preprocess.html").read_text()
    assert f"{prepared['equal_rows']} records are equal to another one" in page


def test_who_refuses_equal_rows_gets_a_sentence(project: Project):
    done = run(project, measurements(), "heat", {"equal_rows": "refuse"})

    assert done.returncode != 0
    assert "a row of the hold-out stands in the training part too" in done.stderr
    assert "Traceback" not in done.stderr


def prices() -> pd.DataFrame:
    """98 of them; one size lies so far out that a straight line through the other logarithms leaves all bounds."""
    random = np.random.default_rng(0)
    size = random.uniform(10, 100, 98)
    price = np.exp(4 + size / 50 + random.normal(0, 0.1, 98))
    size[10] = 4e4  # which is not held out
    return pd.DataFrame({"size": size.round(1), "price": price.round(2)})


def test_a_candidate_that_diverges_fails_with_its_blends_and_the_others_go_on(project: Project):
    """The blend would hide it: it is off by no more than e to the power of 130 or so, on average."""
    candidates = CANDIDATES | {"tree": TREE, "blend": {"members": ["linear", *["tree"] * 5]}}
    absolute = {"metric": "neg_mean_absolute_error", "also_report": []}
    done = run(project, prices(), "price", target_transform="log", candidates=candidates, **absolute)
    results = project.results("04_compare", "mine")

    assert done.returncode != 0
    assert results["winner"] == "tree"
    assert project.results("03_train-blend", "mine")["failed"] is None
    assert set(results["failed"]) == {"linear", "blend"}
    assert results["failed"]["linear"].startswith(("predicted NaN or infinity for", "predicted beyond 1e+100 for"))
    assert results["failed"]["blend"] == f"its member linear failed: {results['failed']['linear']}"
    assert "Nothing was published" in done.stderr
    assert "Traceback" not in done.stderr
    assert (project.folder / "reports/mine/report.html").is_file()
    assert not (project.folder / "models/mine").exists()


def test_a_count_and_its_interval_are_never_below_zero(project: Project):
    random = np.random.default_rng(0)
    level = random.uniform(0, 4, 400).round(2)
    hits = np.where(random.random(400) < 0.25, random.poisson(1 + level), 0)
    done = run(project, pd.DataFrame({"level": level, "kind": random.choice(["p", "q"], 400), "hits": hits}), "hits")
    assert done.returncode == 0, done.stderr
    bundle = load_bundle(current_folder(project.folder / "models/mine"))
    answers = bundle.predict([{"level": each, "kind": "p"} for each in (-4.0, 0.0, 1.0, 4.0, 8.0)])

    assert bundle.contract.limits[0] == 0
    assert min(answers) >= 0
    assert min(bundle.intervals.around(answer, bundle.contract.limits)[0] for answer in answers) == 0


def noise(rows: int = 200, spread: float = 1.5) -> pd.DataFrame:
    """A skewed target of which the features tell nothing: the median is easily beaten, the mean is not."""
    random = np.random.default_rng(0)
    return pd.DataFrame({"one": random.normal(size=rows), "pay": random.lognormal(3, spread, rows).round(2)})


def test_what_does_not_beat_the_mean_on_the_folds_is_no_model(project: Project):
    done = run(project, noise(), "pay", target_transform="none")

    assert done.returncode != 0
    assert "no candidate beats the baseline in RMSE, so there is no model worth publishing" in done.stderr
    assert "and the mean, which knows no features, " in done.stderr
    assert not (project.folder / "models/mine").exists()


def test_a_winner_that_the_mean_beats_on_the_holdout_alone_is_told_first(project: Project):
    """The feature tells the target of the training rows, and the wrong thing of the others."""
    table = noise(200, 0.8).assign(one=lambda it: it["pay"] + np.random.default_rng(1).normal(0, 5, 200))
    held = split_rows(200, load_conf("conf/house_prices.yaml").split)["holdout"]  # of any table of as many rows
    table.loc[held, "one"] = -10 * table["pay"]
    done = run(project, table, "pay", target_transform="none")
    assert project.json("runs/mine/02_preprocess/split.json")["holdout"] == held
    (bundle,) = (project.folder / "models/mine/bundles").iterdir()
    facts = load_bundle(bundle).manifest

    assert done.returncode == 0, done.stderr
    assert "The gate refuses it" in done.stdout, "it is registered, and a person may put it into service"
    assert not (project.folder / "models/mine/channels/local/history").exists()
    assert (facts["baseline"]["name"], facts["baseline"]["beaten"]) == ("the mean", False)
    assert done.stdout[done.stdout.index("Do not rely") :].startswith("Do not rely on this model: on the hold-out ")
    assert done.stdout.index("Do not rely") < done.stdout.index("ranking, mean over the folds")
    for page in ("report.html", "report/model_card.html"):
        assert "Do not rely on this model" in (project.folder / "reports/mine" / page).read_text()
    assert json.dumps(facts).count("the mean") >= 2

"""Another problem is another file in conf/ and nothing else: the whole job on generated data."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import yaml

from modelbundle.bundle import current_folder, load_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Project

pytestmark = pytest.mark.run

CONF = {
    "name": "yields",
    "title": "Wheat yields on trial plots",
    "data": {"path": "data/yields.csv", "read": {"sep": ";", "decimal": ",", "encoding": "latin-1"}},
    "contract": {
        "columns": {
            "plot": {"role": "identifier", "kind": "categorical"},
            "rain_mm": {"kind": "numeric", "unit": "mm", "minimum": 0, "example": 500},
            "soil": {"kind": "categorical", "required": True, "example": "löss"},
            "nitrogen": {"kind": "numeric", "unit": "kg/ha", "example": 80},
            "change_t": {"role": "target", "kind": "numeric", "unit": "t/ha"},
        }
    },
    "split": {"folds": 4, "repeats": 2, "seed": 7},
    "metric": "neg_mean_absolute_error",
    "also_report": ["r2", "neg_max_error"],
    "rule": "simplest_within_one_standard_error",
    "candidates": {
        "mean": {"estimator": "sklearn.dummy.DummyRegressor", "baseline": True},
        "ridge": {"estimator": "sklearn.linear_model.Ridge", "preprocessing": "splines", "parameters": {"alpha": 0.1}},
        "boosting": {"estimator": "sklearn.ensemble.HistGradientBoostingRegressor", "parameters": {"max_iter": 20}},
    },
    "learning_curve": [0.5, 1.0],
}


def write_yields(path: Path, rows: int = 300) -> None:
    """A target that may be negative, gaps in optional columns, a German dialect with umlauts."""
    random = np.random.default_rng(0)
    rain, nitrogen = random.uniform(300, 900, rows), random.uniform(0, 150, rows)
    soil = random.choice(["löss", "ton", "sand"], rows)
    change = rain / 300 + nitrogen / 100 + (soil == "löss") - 3 + random.normal(0, 0.3, rows)
    table = pd.DataFrame({"plot": [f"P{row}" for row in range(rows)], "rain_mm": rain, "soil": soil})
    table = table.assign(nitrogen=np.where(random.random(rows) < 0.1, np.nan, nitrogen), change_t=change, remark="-")
    table.round(3).to_csv(path, index=False, sep=";", decimal=",", encoding="latin-1")


def test_a_second_file_in_conf_is_all_that_another_problem_needs(project: Project):
    write_yields(project.folder / "data/yields.csv")
    (project.folder / "conf/yields.yaml").write_text(yaml.safe_dump(CONF, sort_keys=False))
    before = project.version()
    done = project.run("conf/yields.yaml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Wheat yields on trial plots" in done.stdout
    assert "MAE (t/ha)" in done.stdout
    assert project.version() == before, "the other problem's bundle is untouched"

    bundle = load_bundle(current_folder(project.folder / "models"))
    dry, wet = bundle.predict([{"soil": "sand", "rain_mm": 350}, {"soil": "löss", "rain_mm": 850, "nitrogen": 120}])
    assert bundle.manifest["winner"] == "ridge"
    assert dry < 0 < wet

    page = re.sub(r"base64,[^\"]+", "", (project.folder / "reports/yields/report.html").read_text())
    assert "actual change_t (t/ha)" in page
    for name in ("SalePrice", "USD", "House"):
        assert name not in page
        assert name not in json.dumps(bundle.manifest)

"""What the gate judges: real bundles of small fits, and sides that are made up where only numbers matter."""

from __future__ import annotations

import itertools
import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelbundle.contract import Contract
from tests.modelbundle.conftest import write_bundle
from training.bundle.drafting import draft_bundle
from training.config.conf import Split
from training.config.recipe import Candidate
from training.data.reading import features_and_target
from training.data.split import split_rows
from training.judging.evidence import EVIDENCE, Evidence, Validated, make_evidence, row_digests
from training.judging.predictions import held_out_predictions
from training.judging.sides import Side
from training.models import evaluate
from training.models.candidates import Design, build_pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OWN_FOLDS = itertools.count()
RMSE = "neg_root_mean_squared_error"
COLUMNS: dict[str, dict[str, Any]] = {
    "Zone": {"kind": "categorical", "categories": ["A", "B", "C"]},
    "Area": {"kind": "numeric", "required": True, "unit": "sq ft", "minimum": 100, "maximum": 5000},
    "Cellar": {"kind": "numeric", "minimum": 0},
    "Price": {"role": "target", "kind": "numeric", "required": True, "unit": "USD", "minimum": 1},
}
GOOD = Candidate(estimator="sklearn.linear_model.LinearRegression")
COARSE = Candidate(estimator="sklearn.tree.DecisionTreeRegressor", parameters={"max_depth": 1})
HIGH = Candidate(estimator="sklearn.dummy.DummyRegressor", parameters={"strategy": "quantile", "quantile": 0.95})


def contract_of(**changes: Mapping[str, Any] | None) -> Contract:
    """The contract, with other entries for some columns; None takes a column out."""
    columns = {name: COLUMNS.get(name, {}) | (changes.get(name) or {}) for name in {**COLUMNS, **changes}}
    gone = [name for name, change in changes.items() if change is None]
    return Contract.model_validate({"columns": {name: it for name, it in columns.items() if name not in gone}})


def houses(rows: int, seed: int) -> pd.DataFrame:
    """Houses whose price is linear in what is told, but for a noise of about a tenth."""
    random = np.random.default_rng(seed)
    area, zone, cellar = random.uniform(500, 4000, rows), random.choice(list("ABC"), rows), random.uniform(0, 900, rows)
    price = 50_000 + 100 * area + 60 * cellar + 40_000 * (zone == "A")
    price = price * (1 + random.normal(0, 0.1, rows))
    return pd.DataFrame({"Zone": zone, "Area": area.round(), "Cellar": cellar.round(), "Price": price.round()})


@dataclass(frozen=True)
class Made:
    """What a bundle is made of."""

    candidate: Candidate
    table: pd.DataFrame
    contract: Contract = field(default_factory=contract_of)
    split: Split = field(default_factory=lambda: Split(repeats=1))
    metric: str = RMSE
    facts: Mapping[str, Any] = field(default_factory=dict)
    with_evidence: bool = True

    def put(self, registry: Path) -> Path:
        """Fit, score and write the bundle as a run does; returns its folder."""
        X, y = features_and_target(self.table, self.contract)
        parts = split_rows(len(y), self.split)
        design = Design(self.contract)

        def fitted(rows: list[int]) -> Any:
            return build_pipeline("it", self.candidate, design).fit(X.iloc[rows], y.iloc[rows])

        scores = [
            evaluate.score(fitted(fold["fit"]), X.iloc[fold["score"]], y.iloc[fold["score"]], [self.metric])
            for fold in parts["folds"]
        ]
        held_out = held_out_predictions(fitted(parts["training"]), X, y, parts["holdout"])
        own = {self.metric: [each[self.metric] for each in scores]}
        known = make_evidence(self.table, self.contract, parts, held_out, own, self.metric)
        model, carried = pickle.dumps(fitted(range(len(y)))), {EVIDENCE: known} if self.with_evidence else {}
        facts = facts_of(len(y), len(held_out)) | self.facts
        return write_bundle(registry, draft_bundle(model, self.contract, self.table, facts, carried))


def facts_of(rows: int, held_out: int) -> dict[str, Any]:
    """What a manifest tells a gate, with nothing to object to."""
    return {
        "name": "houses",
        "baseline": {"name": "the mean", "holdout": 1e5, "beaten": True},
        "data": {"rows": rows, "holdout_rows": held_out},
        "intervals": {"level": 0.9, "scale": "linear", "at": [0.0], "below": [1.0], "above": [1.0]},
        "coverage": {"folds": 0.9, "holdout": 0.9},
    }


def side(
    actual: np.ndarray, predicted: np.ndarray, *, answers: np.ndarray | None = None, scores: list[float] | None = None,
    metric: str = RMSE, fitted: np.ndarray | None = None, folds: str = "", facts: Mapping[str, Any] | None = None,
) -> Side:  # fmt: skip
    """Make up a side: records that differ in their area alone, on folds of its own unless they are named.

    scores: one per fold; fitted: areas that the model was fitted on, at a price of 1.
    """
    scores = scores or [-1.0, -1.1, -0.9, -1.0, -1.2]
    contract = contract_of(Zone=None, Cellar=None)
    known = pd.DataFrame({"Area": np.asarray([1.0] if fitted is None else fitted, dtype=float)})
    folds = folds or f"of its own, {next(OWN_FOLDS)}"
    validated = Validated(
        metric=metric, scores={metric: scores}, fold_rows=[(80, 20)] * len(scores), folds=folds, places=folds,
        constant=float(np.mean(actual)),
    )  # fmt: skip
    records = [{"Area": float(at)} for at in range(len(actual))]
    columns = (np.asarray(each, dtype=float) for each in (actual, predicted))
    found = Evidence(validated, np.unique(row_digests(known, np.ones(len(known)))), records, *columns)
    manifest = facts_of(5 * len(actual), len(actual)) | {"files": {"model.pkl": {"size": 1_200_000, "sha256": ""}}}
    manifest["contract"] = contract.model_dump(mode="json", exclude_defaults=True)
    told = None if answers is None else tuple(map(float, answers))
    return Side("f" * 64, manifest | dict(facts or {}), found, answers=told)

"""What moves the predictions: how they change with one feature, and what each feature adds to a single one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelbundle.contributions import Contributions, Typical, contributions
from modelbundle.frame import records_of, records_to_frame
from training.judging.segments import FEWEST_ROWS

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from modelbundle.contract import Contract

# Enough records for a steady average, few enough for a quick picture.
MOST_RECORDS = 300
STEPS = 20


def typical_record(X: pd.DataFrame, y: pd.Series, contract: Contract, target_transform: str) -> Typical:
    """Choose the record that predictions are compared with: the most ordinary one of the middle fifth of the target.

    A record of medians would be none: the median lot, year and area seldom go together. So it is a real one: with the
    fewest gaps, its numbers nearest to the medians of all records, by rank, and its categories among the commonest.
    """
    far = (X[contract.numeric].rank(pct=True) - 0.5).abs().sum(axis=1)
    for name in contract.categorical:
        counts = X[name].map(X[name].value_counts()).fillna(0)
        far += 0.5 * (1 - counts / max(counts.max(), 1))
    gaps = X.isna().sum(axis=1)
    full = X.index[gaps == gaps.min()]
    middle = full[y[full].between(*y.quantile([0.4, 0.6]))]
    chosen = X.loc[far[middle if len(middle) else full].idxmin()]
    known = {name: float(value) if name in contract.numeric else str(value) for name, value in chosen.dropna().items()}
    return Typical(scale="log" if target_transform == "log" else "linear", record={name: known.get(name) for name in X})


def leading(importance: Mapping[str, Sequence[float]], most: int) -> list[str]:
    """Names of the features with the largest mean importance, the largest first."""
    return sorted(importance, key=lambda name: -np.mean(importance[name]))[:most]


def effect(model: Pipeline, X: pd.DataFrame, name: str, contract: Contract, seed: int) -> pd.DataFrame:
    """How the prediction changes with one feature while the others stay: its partial dependence.

    Friedman (2001), "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29; the curves
    of single records are those of Goldstein and others (2015), "Peeking inside the black box", JCGS 24.
    Returns one line per value of the feature, ascending, categories by their effect: average over the records, and low
    and high, between which the middle 80 % of the records lie (target's unit). Empty where the feature has one value.
    """
    known = X[X[name].notna()]
    categorical = name in contract.categorical
    if categorical:
        known = known[known.groupby(name)[name].transform("size") >= FEWEST_ROWS]
    some = known.sample(min(MOST_RECORDS, len(known)), random_state=seed)
    if some[name].nunique() < 2:
        return pd.DataFrame(columns=["average", "low", "high"])
    values = np.sort(some[name].unique()) if categorical else _grid(some[name])
    # Every record with every value, predicted at once: scikit-learn's partial_dependence asks value by value, and each
    # time the pipeline takes longer to begin than to predict.
    asked = some.iloc[np.repeat(np.arange(len(some)), len(values))].reset_index(drop=True)
    asked[name] = np.tile(values, len(some))
    each = model.predict(asked).reshape(len(some), len(values))
    low, high = np.quantile(each, [0.1, 0.9], axis=0)
    lines = pd.DataFrame({"average": each.mean(axis=0), "low": low, "high": high}, index=values)
    lines = lines[np.isfinite(lines).all(axis=1)]  # far from all records the arithmetic may overflow
    return lines.sort_values("average") if categorical else lines


def _grid(values: pd.Series) -> np.ndarray:
    """Places along a number: its own values if they are few, else even steps over all but the outermost twentieths."""
    own = np.sort(values.unique())
    return own if len(own) <= STEPS else np.linspace(*values.quantile([0.05, 0.95]), STEPS)


def explain(model: Pipeline, X: pd.DataFrame, contract: Contract, typical: Typical) -> list[Contributions]:
    """What each feature adds to the prediction for each record, beside the typical one; X: canonical features."""

    def predict(rows: list[dict[str, Any]]) -> np.ndarray:
        return model.predict(records_to_frame(rows, contract))

    return contributions(predict, records_of(X, contract), contract.features, typical)

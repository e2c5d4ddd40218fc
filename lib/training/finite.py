"""What counts as a number to go on with: a prediction that is none is a failure, even where a limit would hide it."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline

from training.problems import CandidateFailed

if TYPE_CHECKING:
    import pandas as pd

# A prediction or a score beyond this is as good as infinite: sums of squares soon leave what a number can hold.
LARGEST = 1e100
LIMITS = "limits"  # the step of a pipeline that keeps predictions within the contract's limits of the target


def predict(fitted: Any, X: pd.DataFrame) -> np.ndarray:
    """Predict; raises CandidateFailed, with the reason, unless every prediction is a number to go on with.

    It is looked at before the limits of the target: a model that diverges is no good one, wherever it is cut off.
    """
    unlimited, limits = _apart(fitted)
    try:
        with np.errstate(over="ignore"):  # infinity is told of below
            predicted = np.asarray(unlimited.predict(X), dtype=float)
    except Exception as error:  # as of a fit: a failure is a result
        raise CandidateFailed(f"its predict raised {type(error).__name__}: {error}") from error
    for what, bad in (("NaN or infinity", ~np.isfinite(predicted)), (f"beyond {LARGEST:g}", abs(predicted) > LARGEST)):
        if bad.any():
            raise CandidateFailed(f"predicted {what} for {bad.sum()} of {len(predicted)} rows")
    return limits.inverse_transform(predicted) if limits else predicted


def _apart(fitted: Any) -> tuple[Any, Any]:
    """A pipeline without its limits, and the limits; as it is, and None, where it has none."""
    model = fitted[-1] if isinstance(fitted, Pipeline) else fitted
    (name, limits), *others = getattr(getattr(model, "transformer_", None), "steps", [("", None)])
    if name != LIMITS:
        return fitted, None
    without = copy(model)
    without.transformer_ = Pipeline(others)
    return Pipeline([*fitted.steps[:-1], ("model", without)]), limits

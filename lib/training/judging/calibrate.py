"""How sure a price is: intervals around predictions, calibrated on errors that the model made on unseen records.

After conformalised quantiles (Romano, Patterson and Candès, 2019, "Conformalized quantile regression", NeurIPS 32), of
out-of-fold errors, which makes them cross-conformal (Vovk, 2015, "Cross-conformal predictors", Annals of Mathematics
and Artificial Intelligence 74). Quantiles and correction come from the same errors, so the level is no theorem: the
report measures it on other records. Fewer records than level / (1 - level) cannot carry it.

The quantiles are taken among the records with the nearest predictions, so that a kind of house that is hard to price
gets a wider interval. MAPIE and crepes do such things too, but their results are objects that serving would have to
import; a few knots are plain numbers, which any client can read.
"""

import math

import numpy as np
import pandas as pd

from modelbundle.intervals import NO_LIMITS, Intervals

# Knots along the prediction, and the share of all errors that each looks at, but never those of fewer records.
KNOTS = 5
NEIGHBOURS = 0.2
FEWEST = 60


def calibrate(lines: pd.DataFrame, level: float, target_transform: str) -> Intervals:
    """Calibrate intervals on out-of-fold predictions.

    lines: one per prediction, columns row, predicted and actual (target's unit); a row may be predicted several times,
    by as many models that had not seen it. target_transform: as in the configuration.
    """
    log = target_transform == "log"
    place, truth = lines[["predicted", "actual"]].to_numpy(dtype=float).T
    place, truth = (np.log(place), np.log(truth)) if log else (place, truth)
    error = truth - place
    at = np.unique(np.quantile(place, np.linspace(0, 1, KNOTS)))
    rows = lines["row"].nunique()
    nearest = round(max(NEIGHBOURS, min(FEWEST / rows, 1)) * len(error))
    near = [error[np.argsort(np.abs(place - knot), kind="stable")[:nearest]] for knot in at]
    low, high = np.quantile(near, [(1 - level) / 2, (1 + level) / 2], axis=1)
    # How much wider all intervals must be to hold that share of errors, one unseen record counted: the conformal part.
    missing = np.maximum(np.interp(place, at, low) - error, error - np.interp(place, at, high))
    slack = np.quantile(missing, min(1.0, math.ceil((rows + 1) * level) / rows), method="higher")
    return Intervals(
        level=level,
        scale="log" if log else "linear",
        at=_rounded(np.exp(at) if log else at),
        below=_rounded(np.maximum(slack - low, 0)),
        above=_rounded(np.maximum(slack + high, 0)),
    )


def with_intervals(lines: pd.DataFrame, intervals: Intervals, limits: tuple[float, float] = NO_LIMITS) -> pd.DataFrame:
    """Add the interval around each prediction, as it is served: columns low and high, in the target's unit.

    limits: of the target, which the ends keep to.
    """
    around = [intervals.around(value, limits) for value in lines["predicted"]]
    return lines.assign(low=[low for low, _ in around], high=[high for _, high in around])


def with_held_out_intervals(  # noqa: PLR0913 - three of them are rarely given
    lines: pd.DataFrame, level: float, target_transform: str, seed: int, parts: int = 5,
    alike: np.ndarray | None = None, limits: tuple[float, float] = NO_LIMITS,
) -> pd.DataFrame:  # fmt: skip
    """Add to each line an interval that was calibrated on other records, so that coverage is honest.

    parts: the records are cut at random into so many; each part's intervals are calibrated on the others.
    alike: of split.equal_rows, for all rows: equal ones stay in one part. limits: as in with_intervals.
    """
    rows = lines["row"].unique()
    sets = pd.factorize(rows if alike is None else alike[rows])[0]
    part = pd.Series((np.random.default_rng(seed).permutation(sets.max() + 1) % parts)[sets], index=rows)
    group = lines["row"].map(part)
    pieces = [
        with_intervals(lines[group == number], calibrate(lines[group != number], level, target_transform), limits)
        for number in range(parts)
    ]
    return pd.concat(pieces).loc[lines.index]


def _rounded(values: np.ndarray) -> list[float]:
    """Round to six digits of the smallest step between values, so that different values stay different."""
    apart = min(np.diff(values), default=0.0, key=abs) if len(set(values)) == len(values) else 0.0
    digits = 5 - math.floor(math.log10(abs(apart) or np.abs(values).max() or 1.0))
    return [round(float(value), digits) for value in values]

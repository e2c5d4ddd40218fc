"""How far the truth may lie from a prediction, from a few plain numbers in the manifest."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Number = Annotated[float, Field(allow_inf_nan=False)]
NO_LIMITS = (-math.inf, math.inf)
Distance = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Intervals(BaseModel):
    """The calibration of a model's errors on records that it did not see.

    level: share of the true values that the interval should hold, 0 to 1.
    scale: what below and above are distances on: the target itself (linear) or its natural logarithm (log).
    at: predictions, ascending and in the target's unit; at each, how far the interval reaches below and above it.
    Between two of them the distances run straight on that scale; beyond the ends they stay.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: float = Field(gt=0, lt=1)
    scale: Literal["linear", "log"]
    at: tuple[Number, ...] = Field(min_length=1)
    below: tuple[Distance, ...]
    above: tuple[Distance, ...]

    @model_validator(mode="after")
    def _fits_together(self) -> Intervals:
        if not len(self.at) == len(self.below) == len(self.above):
            raise ValueError("at, below and above must be equally long")
        if any(one >= other for one, other in pairwise(self.at)) or (self.scale == "log" and self.at[0] <= 0):
            raise ValueError("at must ascend, and be above 0 where the scale is log")
        return self

    def around(self, prediction: float, limits: tuple[float, float] = NO_LIMITS) -> tuple[float, float]:
        """Return the interval's ends, in the target's unit.

        limits: the smallest and the largest value that the target can have. The ends keep to them, but the interval
        always holds its prediction.
        """
        below, above = self._distances(prediction)
        if self.scale == "linear":
            low, high = prediction - below, prediction + above
        else:
            low, high = prediction * math.exp(-below), prediction * math.exp(above)
        least, most = limits
        return (min(least, prediction) if low < least else low, max(most, prediction) if high > most else high)

    def _distances(self, prediction: float) -> tuple[float, float]:
        right = bisect_right(self.at, prediction)
        if right in (0, len(self.at)):
            end = 0 if right == 0 else -1
            return self.below[end], self.above[end]
        low, high, here = self.at[right - 1], self.at[right], prediction
        if self.scale == "log":
            low, high, here = math.log(low), math.log(high), math.log(here)
        share = (here - low) / (high - low)
        below, next_below = self.below[right - 1 : right + 1]
        above, next_above = self.above[right - 1 : right + 1]
        return below + share * (next_below - below), above + share * (next_above - above)

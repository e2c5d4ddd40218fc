"""How far the truth may lie from a prediction, from a few plain numbers in the manifest."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Intervals(BaseModel):
    """The calibration of a model's errors on records that it did not see.

    level: share of the true values that the interval should hold, 0 to 1.
    scale: what below and above are distances on: the target itself (linear) or its natural logarithm (log).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: float = Field(gt=0, lt=1)
    scale: Literal["linear", "log"]
    below: float = Field(ge=0, allow_inf_nan=False)
    above: float = Field(ge=0, allow_inf_nan=False)

    def around(self, prediction: float) -> tuple[float, float]:
        """Return the interval's ends, in the target's unit."""
        if self.scale == "linear":
            return prediction - self.below, prediction + self.above
        return prediction * math.exp(-self.below), prediction * math.exp(self.above)

"""How conf/ describes the gate: when a new model may take the place of the one that is served."""

from __future__ import annotations

from pydantic import Field

from training.config.recipe import Strict


class Gate(Strict):
    """The rules of the gate; no notebook reads them.

    margin: the share that the new model's loss may be larger. minimum_rows: how many records of the new hold-out must
    be new to the served model. least_coverage: the share of true values that the intervals must hold; where none is
    given, the promised level less 0.05 and less 2 / sqrt(records), as 04_compare asks of the folds.
    """

    margin: float = Field(0.02, ge=0, lt=1)
    minimum_rows: int = Field(100, ge=2)
    least_coverage: float | None = Field(None, ge=0, lt=1)

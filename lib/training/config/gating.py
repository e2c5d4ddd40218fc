"""What goes into a gate and comes out of it: its rules, as conf/ describes them, and its decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from training.config.recipe import Strict

Verdict = Literal["promote", "ask", "refuse"]
WORDS = {"promote": "Promote", "ask": "A person decides", "refuse": "Refuse"}


class Gate(Strict):
    """The rules of the gate; no notebook reads them.

    margin: the share that the new model's loss may be larger. minimum_rows: how many records of the new hold-out must
    be new to the served model. least_coverage: the share of true values that the intervals must hold; where none is
    given, the promised level less 0.05 and less 2 / sqrt(records), as 04_compare asks of the folds.
    """

    margin: float = Field(0.02, ge=0, lt=1)
    minimum_rows: int = Field(100, ge=2)
    least_coverage: float | None = Field(None, ge=0, lt=1)


@dataclass(frozen=True)
class Decision:
    """What the gate says, why in sentences that a person can read, and all that it went by, as JSON without NaN."""

    decision: Verdict
    reasons: list[str]
    numbers: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """What report, gate and promotion record have in common."""
        return {"schema_version": 1, "decision": self.decision, "reasons": self.reasons, **self.numbers}


def lines(told: Mapping[str, Any]) -> str:
    """Write a decision's JSON for the terminal: the verdict with its first reason, then the others, a line each."""
    first, *others = told["reasons"]
    return "\n".join([f"{WORDS[told['decision']]}: {first}", *(f"  - {text}" for text in others)])

"""How conf/ describes a candidate: what it is made of, where its parameters are searched, what was found there."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from modelbundle.cells import category


class Strict(BaseModel):
    """Frozen, and a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Engineered(Strict):
    """A number made of features before any preprocessing variant sees it.

    Either `category` with the `numbers` that its categories stand for, or the `product` of several numbers.
    """

    category: str | None = None
    numbers: dict[str, float] = {}
    product: list[str] = []

    @field_validator("numbers", mode="before")
    @classmethod
    def _categories_are_strings(cls, value: Any) -> Any:
        return {category(key, "text"): item for key, item in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Engineered:
        if bool(self.category and self.numbers) == bool(self.product) or bool(self.category) != bool(self.numbers):
            raise ValueError("give either category and numbers, or product")
        return self


class Range(Strict):
    """Where a parameter is searched: from low to high; whole numbers if both are; evenly by ratio if log."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> Range:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"low {self.low} must be below high {self.high}, and above 0 where log is true")
        return self


class Candidate(Strict):
    """One way to predict.

    Either an `estimator`, a scikit-learn-compatible class by dotted path, with its parameters, its preprocessing and
    the space that make tune searches; or the `members` of a blend, candidates whose predictions are averaged on the
    scale that the models learn on; one that is named twice counts twice.
    """

    estimator: str = ""
    parameters: dict[str, Any] = {}
    preprocessing: Literal["plain", "scaled", "splines"] = "plain"
    search: dict[str, Range | list[Any]] = {}
    members: list[str] = []
    baseline: bool = False

    @field_validator("estimator")
    @classmethod
    def _has_a_module(cls, path: str) -> str:
        if not all(part.isidentifier() for part in path.split(".")) or "." not in path:
            raise ValueError(f"{path!r} is not a dotted path to a class, such as sklearn.linear_model.Ridge")
        return path

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Candidate:
        if bool(self.estimator) == bool(self.members):
            raise ValueError("give either an estimator, or the members of a blend")
        if self.members and self.model_fields_set - {"members", "baseline"}:
            raise ValueError("a blend takes members and nothing else: its members bring the rest")
        return self


class Searched(Strict):
    """What make tune found for one candidate; scores as the scorer gives them, greater is better.

    before: of the written setting; None if that could not be scored.
    """

    trials: int
    before: float | None
    after: float
    mattered: dict[str, float] = {}
    at_edge: list[str] = []


class Tuning(Strict):
    """What make tune searched: by which scorer, on which rows of which data, and what came of it."""

    scorer: str
    searched_on: str
    candidates: dict[str, Searched]

"""The data contract: what each column means and which values it may hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from modelbundle.cells import MISSING, Values, category, cell_reader


class Column(BaseModel):
    """One column: its role, kind, unit, limits, and what training saw in it.

    minimum and maximum are hard limits, in `unit`: a value outside is refused.
    values: what the categories are (see cells.category): any spelling of a whole number or of a truth value, or text as
    it is written; where nothing is said, whole if all categories are given as numbers.
    categories lists the known ones, as strings: training refuses another, serving prices it with a warning.
    labels: what categories mean, where their names do not tell, such as 60: two storeys, 1946 and newer.
    seen_* are filled in when a bundle is written: the range that the training rows covered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["identifier", "feature", "target"] = "feature"
    kind: Literal["numeric", "categorical"]
    description: str = ""
    unit: str = ""
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    values: Values = "text"
    categories: tuple[str, ...] | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    example: bool | float | int | str | None = None
    seen_minimum: float | None = None
    seen_maximum: float | None = None
    seen_categories: tuple[str, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _values_are_what_the_categories_are(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "values" in given or not isinstance(given.get("categories"), list | tuple):
            return given
        numbers = all(isinstance(item, int) and not isinstance(item, bool) for item in given["categories"])
        return given | {"values": "whole"} if numbers and given["categories"] else given

    @field_validator("categories", "seen_categories", mode="before")
    @classmethod
    def _categories_are_strings(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, list | tuple) or "values" not in info.data:
            return value
        return tuple(dict.fromkeys(category(item, info.data["values"]) for item in value))

    @field_validator("labels", mode="before")
    @classmethod
    def _labels_are_of_categories(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, dict) or "values" not in info.data:
            return value
        labels = {category(key, info.data["values"]): label for key, label in value.items()}
        if strange := [name for name in labels if name not in (info.data.get("categories") or ())]:
            raise ValueError(f"{strange[0]!r} is none of the categories that are listed")
        return labels

    @model_validator(mode="after")
    def _limits_fit_the_kind(self) -> Column:
        if self.kind == "categorical" and (self.minimum is not None or self.maximum is not None):
            raise ValueError("a categorical column takes categories, not minimum or maximum")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self

    @model_validator(mode="after")
    def _categories_fit_the_kind(self) -> Column:
        if self.kind == "numeric" and self.categories is not None:
            raise ValueError("a numeric column takes minimum and maximum, not categories")
        if self.kind == "numeric" and self.values != "text":
            raise ValueError(f"values: {self.values} is for a categorical column; a numeric one holds numbers")
        if "" in (self.categories or ()):
            raise ValueError("categories: an empty text is no category, since an empty cell is missing")
        return self

    @property
    def known(self) -> tuple[str, ...]:
        """The categories that are listed, or else those that training saw."""
        return self.categories or self.seen_categories or ()

    def usual_value(self) -> bool | float | int | str | None:
        """The example, or else a value that training saw; None where neither is known."""
        if self.example is not None:
            return self.example
        if self.kind == "numeric":
            return self.seen_minimum
        return next(iter(self.seen_categories or self.categories or ()), None)


class Contract(BaseModel):
    """The columns of one data set, in order: at least one feature, one numeric target, at most one identifier.

    missing: what a missing cell says, without outer blanks; a category that a column lists is none of these.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, Column] = Field(min_length=2)
    missing: tuple[str, ...] = MISSING

    @model_validator(mode="after")
    def _roles_are_complete(self) -> Contract:
        targets = self._with_role("target")
        if len(targets) != 1:
            raise ValueError(f"exactly one column has the role target; found {targets or 'none'}")
        if self.columns[targets[0]].kind != "numeric":
            raise ValueError(f"the target {targets[0]} must be numeric: this project predicts numbers")
        if len(self._with_role("identifier")) > 1:
            raise ValueError(f"at most one column is the identifier; found {self._with_role('identifier')}")
        if not self.features:
            raise ValueError("at least one column has the role feature")
        return self

    def _with_role(self, role: str) -> list[str]:
        return [name for name, column in self.columns.items() if column.role == role]

    @cached_property
    def features(self) -> list[str]:
        """Names of the columns that the model reads, in the contract's order."""
        return self._with_role("feature")

    @cached_property
    def numeric(self) -> list[str]:
        """Names of the numeric features."""
        return [name for name in self.features if self.columns[name].kind == "numeric"]

    @cached_property
    def categorical(self) -> list[str]:
        """Names of the categorical features."""
        return [name for name in self.features if self.columns[name].kind == "categorical"]

    @cached_property
    def target(self) -> str:
        """Name of the column to predict."""
        return self._with_role("target")[0]

    @cached_property
    def identifier(self) -> str | None:
        """Name of the column that names a row, if there is one."""
        return next(iter(self._with_role("identifier")), None)

    @cached_property
    def readers(self) -> dict[str, Callable[[Any], Any]]:
        """What reads the cells of each column: see cells.cell_reader."""
        return {name: cell_reader(column, self.missing) for name, column in self.columns.items()}

    def read(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Read a record's features by their readers: a missing one is None, and what has no column is left out."""
        return {name: self.readers[name](record[name]) for name in self.features if name in record}

    @cached_property
    def limits(self) -> tuple[float, float]:
        """The smallest and the largest value that the target can have; infinite where the contract names none."""
        target = self.columns[self.target]
        low = -math.inf if target.minimum is None else target.minimum
        return low, math.inf if target.maximum is None else target.maximum

    @property
    def unit(self) -> str:
        """The target's unit, such as USD; empty where it has none."""
        return self.columns[self.target].unit

    def label(self, name: str) -> str:
        """The column's name with its unit, for axes and forms: `LotArea (sq ft)`."""
        unit = self.columns[name].unit
        return f"{name} ({unit})" if unit else name

    def example(self) -> dict[str, Any]:
        """One record as a client would send it, features only: the columns' examples, or values that training saw."""
        examples = {name: self.columns[name].usual_value() for name in self.features}
        return {name: value for name, value in examples.items() if value is not None}

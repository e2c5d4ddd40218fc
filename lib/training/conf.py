"""The configuration: one YAML file in conf/ describes one problem; unknown keys are errors."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from modelbundle.contract import Contract
from training.paths import from_root
from training.problems import ConfigProblem

if TYPE_CHECKING:
    from pathlib import Path


class Strict(BaseModel):
    """Frozen, and a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Read(Strict):
    """How a CSV is written: these keys go to pandas.read_csv as they are."""

    sep: str = ","
    decimal: str = "."
    thousands: str | None = None
    quotechar: str = Field('"', min_length=1, max_length=1)
    encoding: str = "utf-8"
    na_values: str | list[str] | None = None
    keep_default_na: bool = True


class Download(Strict):
    """Where the data come from when the local file is missing."""

    url: str = Field(pattern=r"^https?://")
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    timeout_seconds: float = Field(30, gt=0)
    retries: int = Field(3, ge=0)
    read: Read = Read()


class Data(Strict):
    """The local file, relative to the project's root, and its fallback."""

    path: str
    read: Read = Read()
    download: Download | None = None


class Split(Strict):
    """A final hold-out, and repeated folds of the rest that every candidate shares."""

    holdout_fraction: float = Field(0.2, gt=0, lt=1)
    folds: int = Field(5, ge=2)
    repeats: int = Field(3, ge=1)
    seed: int = Field(0, ge=0)


class Candidate(Strict):
    """One way to predict: a scikit-learn-compatible class by dotted path, its parameters and its preprocessing."""

    estimator: str
    parameters: dict[str, Any] = {}
    preprocessing: Literal["plain", "scaled", "splines"] = "plain"
    baseline: bool = False

    @field_validator("estimator")
    @classmethod
    def _has_a_module(cls, path: str) -> str:
        if not all(part.isidentifier() for part in path.split(".")) or "." not in path:
            raise ValueError(f"{path!r} is not a dotted path to a class, such as sklearn.linear_model.Ridge")
        return path


class Conf(Strict):
    """Everything that a run depends on, apart from the code and the data."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    data: Data
    contract: Contract
    target_transform: Literal["log", "none"] = "none"
    split: Split = Split()
    metric: str
    also_report: list[str] = []
    rule: Literal["best_mean", "simplest_within_one_standard_error"] = "best_mean"
    candidates: dict[str, Candidate] = Field(min_length=2)
    learning_curve: list[float] = [0.2, 0.4, 0.7, 1.0]
    registry: str = "models"
    notebooks: dict[str, dict[str, str | int | float | bool]] = {}

    @property
    def scorers(self) -> list[str]:
        """The scorers that every candidate is measured with, the deciding one first."""
        return list(dict.fromkeys([self.metric, *self.also_report]))

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Conf:
        if not any(candidate.baseline for candidate in self.candidates.values()):
            raise ValueError("candidates: none has baseline: true; the others are measured against one")
        if all(candidate.baseline for candidate in self.candidates.values()):
            raise ValueError("candidates: all have baseline: true, so none could win")
        if bad := [name for name in self.candidates if not name.isidentifier() or not name.islower()]:
            raise ValueError(f"candidates: {bad[0]!r} is not a name in lower case, such as random_forest")
        target = self.contract.columns[self.contract.target]
        if self.target_transform == "log" and not (target.minimum is not None and target.minimum > 0):
            raise ValueError(
                f"target_transform: log needs a positive target: give {self.contract.target} a minimum above 0"
            )
        if bad := [fraction for fraction in self.learning_curve if not 0 < fraction <= 1]:
            raise ValueError(f"learning_curve: {bad[0]} is not a share of the rows, above 0 and at most 1")
        return self


def load_conf(path: str | Path) -> Conf:
    """Read a configuration file, given relative to the project's root.

    `extends: other.yaml` starts from another file beside it; mappings are merged key by key.
    Raises ConfigProblem with every fault of the file at once.
    """
    file = from_root(path)
    try:
        return Conf.model_validate(_read_yaml(file))
    except ValidationError as error:
        faults = "\n".join(f"  - {_explain(fault)}" for fault in error.errors())
        raise ConfigProblem(f"{path} cannot be used:\n{faults}") from None


def _read_yaml(file: Path, children: tuple[Path, ...] = ()) -> dict[str, Any]:
    if file in children:
        raise ConfigProblem(f"{file} extends itself, by way of {' and '.join(map(str, children))}; remove one extends")
    if not file.is_file():
        there = ", ".join(sorted(other.name for other in file.parent.glob("*.yaml"))) or "nothing"
        raise ConfigProblem(f"there is no configuration {file}; in that folder: {there}")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigProblem(f"{file} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigProblem(f"{file} should hold a mapping with keys such as name, data and candidates")
    parent = content.pop("extends", None)
    return content if parent is None else _merge(_read_yaml(file.parent / str(parent), (*children, file)), content)


def _merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both else value
    return merged


def _explain(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"] if part != "Contract")
    if fault["type"] != "extra_forbidden":
        found = "" if fault["type"] in ("missing", "value_error") else f" (found {fault['input']!r:.80})"
        return f"{where}: {fault['msg'].removeprefix('Value error, ')}{found}".removeprefix(": ")
    allowed = _allowed_keys(fault["loc"][:-1])
    near = difflib.get_close_matches(str(fault["loc"][-1]), allowed, n=1)
    hint = f" did you mean {near[0]}?" if near else ""
    return f"{where}: unknown key;{hint} allowed are {', '.join(allowed)}"


def _allowed_keys(loc: tuple[Any, ...]) -> list[str]:
    """Names of the fields that the model at this place of the configuration has."""
    model: Any = Conf
    for part in loc:
        if part in getattr(model, "model_fields", {}):
            annotation = model.model_fields[part].annotation
            inner = [
                item for item in (annotation, *getattr(annotation, "__args__", ())) if hasattr(item, "model_fields")
            ]
            model = inner[0] if inner else model
    return list(model.model_fields)

"""The configuration: one YAML file in conf/ describes one problem; unknown keys are errors."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from modelbundle.cells import MISSING
from modelbundle.contract import Contract
from training.config.gating import Gate
from training.config.recipe import Candidate, Engineered, Strict, Tuning
from training.config.yaml_reading import read_yaml
from training.paths import from_root
from training.problems import ConfigProblem


class Read(Strict):
    """How a CSV is written; the keys mean what they mean to pandas.read_csv."""

    sep: str = ","
    decimal: str = Field(".", min_length=1, max_length=1)
    thousands: str | None = Field(None, min_length=1, max_length=1)
    quotechar: str = Field('"', min_length=1, max_length=1)
    encoding: str = "utf-8"
    na_values: str | list[str] | None = None
    keep_default_na: bool = True

    @property
    def missing(self) -> tuple[str, ...]:
        """What a missing cell says; an empty one always does."""
        own = [self.na_values] if isinstance(self.na_values, str) else self.na_values or []
        return tuple(dict.fromkeys(["", *(text.strip() for text in own), *(MISSING if self.keep_default_na else ())]))


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

    @property
    def missing(self) -> tuple[str, ...]:
        """What a missing cell says, wherever the data come from."""
        return tuple(dict.fromkeys([*self.read.missing, *(self.download.read.missing if self.download else ())]))


class Split(Strict):
    """A final hold-out, and repeated folds of the rest that every candidate shares.

    equal_rows: what becomes of rows with the same features and target, such as rounded measurements: they stay
    together on one side of every split, or the run is refused where the hold-out shares one with the training part.
    """

    holdout_fraction: float = Field(0.2, gt=0, lt=1)
    folds: int = Field(5, ge=2)
    repeats: int = Field(3, ge=1)
    seed: int = Field(0, ge=0)
    equal_rows: Literal["together", "refuse"] = "together"


class Conf(Strict):
    """Everything that a run depends on, apart from the code and the data.

    registry: the folder, from the project's root, that this problem publishes to, and no other one.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    data: Data
    contract: Contract
    engineered: dict[str, Engineered] = Field({})
    target_transform: Literal["log", "none"] = "none"
    split: Split = Split()
    metric: str
    also_report: list[str] = Field([])
    rule: Literal["best_mean", "simplest_within_one_standard_error"] = "best_mean"
    candidates: dict[str, Candidate] = Field(min_length=2)
    interval_level: float = Field(0.9, ge=0.5, le=0.99)
    tuning: Tuning | None = None
    gate: Gate = Gate()
    learning_curve: list[float] = Field([0.2, 0.4, 0.7, 1.0])
    registry: str = "models"
    notebooks: dict[str, dict[str, str | int | float | bool]] = Field({})

    @property
    def scorers(self) -> list[str]:
        """The scorers that every candidate is measured with, the deciding one first."""
        return list(dict.fromkeys([self.metric, *self.also_report]))

    def members(self, name: str) -> dict[str, Candidate]:
        """The candidates that a blend is made of; none for a candidate that is no blend."""
        return {member: self.candidates[member] for member in self.candidates[name].members}

    @field_validator("contract")
    @classmethod
    def _missing_is_what_the_data_say(cls, contract: Contract, info: ValidationInfo) -> Contract:
        """So that serving takes for missing what training did."""
        if "data" not in info.data:
            return contract
        own = contract.missing if "missing" in contract.model_fields_set else ()
        return Contract(columns=contract.columns, missing=tuple(sorted({*own, *info.data["data"].missing})))

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Conf:
        self._require_good_candidates()
        self._require_known_members()
        self._require_known_factors()
        target = self.contract.columns[self.contract.target]
        if self.target_transform == "log" and not (target.minimum is not None and target.minimum > 0):
            raise ValueError(
                f"target_transform: log needs a positive target: give {self.contract.target} a minimum above 0"
            )
        if bad := [fraction for fraction in self.learning_curve if not 0 < fraction <= 1]:
            raise ValueError(f"learning_curve: {bad[0]} is not a share of the rows, above 0 and at most 1")
        return self

    def _require_good_candidates(self) -> None:
        if not any(candidate.baseline for candidate in self.candidates.values()):
            raise ValueError("candidates: none has baseline: true; the others are measured against one")
        if all(candidate.baseline for candidate in self.candidates.values()):
            raise ValueError("candidates: all have baseline: true, so none could win")
        if bad := [name for name in self.candidates if not name.isidentifier() or not name.islower()]:
            raise ValueError(f"candidates: {bad[0]!r} is not a name in lower case, such as random_forest")

    def _require_known_members(self) -> None:
        alone = {name for name, candidate in self.candidates.items() if not candidate.members}
        for name, candidate in self.candidates.items():
            if strange := [member for member in candidate.members if member not in alone]:
                raise ValueError(f"candidates.{name}.members: {strange[0]!r} is no candidate, or itself a blend")

    def _require_known_factors(self) -> None:
        numbers = set(self.contract.numeric)
        for name, made in self.engineered.items():
            if name in self.contract.columns:
                raise ValueError(f"engineered.{name}: the contract has a column of that name; give it another")
            if made.category and made.category not in self.contract.categorical:
                raise ValueError(f"engineered.{name}.category: {made.category!r} is no categorical feature")
            if unknown := [factor for factor in made.product if factor not in numbers]:
                raise ValueError(f"engineered.{name}.product: {unknown[0]!r} is no number that stands before it")
            numbers.add(name)


def load_conf(path: str | Path, *, tuned: bool = True) -> Conf:
    """Read a configuration file, given relative to the project's root.

    `extends: other.yaml` starts from another file beside it; mappings are merged key by key, and a candidate that is
    null is left out. `tuned: other.yaml` names the file that make tune writes; what it found goes over what stands
    here. tuned: whether it does.
    Raises ConfigProblem with every fault of the file at once.
    """
    file = from_root(path)
    try:
        content = _read_yaml(file, tuned=tuned)
        if isinstance(named := content.get("candidates"), dict):
            content["candidates"] = {name: candidate for name, candidate in named.items() if candidate is not None}
        return Conf.model_validate(content)
    except ValidationError as error:
        faults = "\n".join(f"  - {_explain(fault)}" for fault in error.errors())
        raise ConfigProblem(f"{path} cannot be used:\n{faults}") from None


def tuned_file(path: str | Path) -> Path:
    """The file that make tune writes for a configuration; raises ConfigProblem if the configuration names none."""
    content = _read_mapping(from_root(path))
    if "tuned" not in content:
        name = f"{from_root(path).stem}.tuned.yaml"
        raise ConfigProblem(f"{path} does not say where what is found should go; add the line tuned: {name}")
    return from_root(path).parent / str(content["tuned"])


def _read_yaml(file: Path, children: tuple[Path, ...] = (), *, tuned: bool = True) -> dict[str, Any]:
    if file in children:
        raise ConfigProblem(f"{file} extends itself, by way of {' and '.join(map(str, children))}; remove one extends")
    content = _read_mapping(file)
    found = file.parent / str(content.pop("tuned", ""))
    if tuned and found.is_file():  # before the first make tune there is none
        content = _merge(content, _read_mapping(found))
    parent = content.pop("extends", None)
    if parent is None:
        return content
    return _merge(_read_yaml(file.parent / str(parent), (*children, file), tuned=tuned), content)


def _read_mapping(file: Path) -> dict[str, Any]:
    if not file.is_file():
        there = ", ".join(sorted(other.name for other in file.parent.glob("*.yaml"))) or "nothing"
        raise ConfigProblem(f"there is no configuration {file}; in that folder: {there}")
    try:
        content = read_yaml(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigProblem(f"{file} is not YAML: {error}") from error
    except ConfigProblem as problem:
        raise ConfigProblem(f"{file} {problem}") from None
    if not isinstance(content, dict):
        raise ConfigProblem(f"{file} should hold a mapping with keys such as name, data and candidates")
    return content


def as_json(part: Any) -> Any:
    """Turn a part of the configuration into plain JSON values, in the order of the file."""
    if isinstance(part, dict):
        return [[key, as_json(item)] for key, item in part.items()]
    return part.model_dump(mode="json") if hasattr(part, "model_dump") else part


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

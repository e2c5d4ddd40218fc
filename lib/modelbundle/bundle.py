"""Reading a bundle: verified first, loaded only then, and believed only after it repeats its golden answers."""

from __future__ import annotations

import json
import math
import pickle
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, model_validator

from modelbundle.contract import Contract
from modelbundle.contributions import Typical
from modelbundle.digests import digest_bytes
from modelbundle.frame import records_to_frame
from modelbundle.intervals import Intervals
from modelbundle.plan.models import compiled
from modelbundle.plan.plan import read_plan

if TYPE_CHECKING:
    Model = Callable[[Sequence[Mapping[str, Any]]], list[float]]

SCHEMA_VERSION = 1
VERIFIED_FILES = ("golden.json", "model.pkl", "preprocessing.pkl")
PLAN = "plan.npz"  # verified too, where there is one
# The libraries whose code the pickle runs: another version may compute something else.
LIBRARIES = ("joblib", "numpy", "pandas", "scikit-learn", "scipy")


class BundleProblem(Exception):
    """A bundle that must not be served, with the reason in one sentence."""


class Manifest(BaseModel):
    """What serving reads of manifest.json; the rest is for people."""

    name: str
    contract: Contract
    intervals: Intervals | None = None
    typical: Typical | None = None
    without_plan: str = "the bundle holds no plan"
    versions: dict[str, str | None]
    files: dict[str, dict[str, str | int]]

    @model_validator(mode="after")
    def _typical_keeps_to_the_contract(self) -> Manifest:
        if self.typical is None:
            return self
        record, features = self.typical.record, self.contract.features
        if unknown := [name for name in record if name not in features]:
            raise ValueError(f"typical.record should name features alone; got {', '.join(unknown)}")
        if absent := [it for it in features if self.contract.columns[it].required and record.get(it) is None]:
            raise ValueError(f"typical.record should tell every required feature; it lacks {', '.join(absent)}")
        return self


@dataclass(frozen=True)
class Bundle:
    """A verified bundle: its version (the manifest's digest), manifest, contract and model.

    intervals: how far the truth lies from a prediction; typical: what a prediction is compared with, to explain it;
    each None if the bundle does not tell it. predict: the target, in its own unit, for each record, in order, however
    its values are written. served_by: `plan` or `pickle`; why: in words.
    """

    folder: Path
    version: str
    manifest: dict[str, Any]
    contract: Contract
    intervals: Intervals | None
    typical: Typical | None
    predict: Model
    served_by: Literal["plan", "pickle"]
    why: str


def installed_versions() -> dict[str, str]:
    """Versions of Python (major.minor) and of the libraries that a pickle depends on."""
    major, minor, _ = platform.python_version_tuple()
    return {"python": f"{major}.{minor}"} | {name: metadata.version(name) for name in LIBRARIES}


def bundle_folder(registry: Path, version: str) -> Path:
    """Where a registry keeps a version: below bundles/, or, in one of the old layout, directly in it."""
    old, new = registry / version, registry / "bundles" / version
    return new if new.is_dir() or ((registry / "bundles").is_dir() and not old.is_dir()) else old


def current_folder(registry: Path, version: str = "", channel: str = "local") -> Path:
    """Find the bundle of a version, or the one that the channel's `current` file names, if no version is given.

    A registry of the old layout has one file `current`, and no channels. Raises BundleProblem if there is none.
    """
    if version:
        if not _is_version(version) or not bundle_folder(registry, version).is_dir():
            raise BundleProblem(f"version {version[:80]!r} is asked for, but {registry} holds no bundle of that name")
        return bundle_folder(registry, version)
    pointer = (registry / "channels" / channel if (registry / "channels").is_dir() else registry) / "current"
    try:
        version = pointer.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        raise BundleProblem(f"{pointer} does not exist: no model was published yet; make run makes one") from None
    except OSError as error:
        raise BundleProblem(f"{pointer} cannot be read: {error.strerror}") from error
    if not _is_version(version):
        raise BundleProblem(f"{pointer} should hold a version of 64 hexadecimal digits; found {version[:80]!r}")
    folder = bundle_folder(registry, version)
    if not folder.is_dir():
        raise BundleProblem(f"{pointer} names {version}, but {folder} does not exist")
    return folder


def _is_version(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def load_bundle(folder: Path) -> Bundle:
    """Verify a bundle, then load its model and replay its golden requests.

    Checked in this order: the manifest against the folder's name, the schema, the versions of Python and of the
    libraries, every file against the manifest, and last the golden answers and the typical record. Each file is read
    once, so that the bytes that were checked are the bytes that are loaded. A plan that repeats the golden answers
    serves; without one, the pickle does, which alone costs the memory and the seconds of pandas and scikit-learn.
    Raises BundleProblem, naming the file and both values.
    """
    version, manifest, read = _read_manifest(folder)
    _check_versions(folder, manifest)
    names = (*VERIFIED_FILES, PLAN) if PLAN in manifest["files"] else VERIFIED_FILES
    files = {name: _read_verified(folder / name, manifest) for name in names}
    golden = folder / "golden.json", files["golden.json"]
    model, why = _planned(files[PLAN], read.contract, golden) if PLAN in files else (None, read.without_plan)
    served_by: Literal["plan", "pickle"] = "plan" if model else "pickle"
    model = model or _unpickled(folder / "model.pkl", files["model.pkl"], read.contract, golden)
    told = (read.contract, read.intervals, read.typical and read.typical.read(read.contract))
    bundle = Bundle(folder, version, manifest, *told, model, served_by, why)
    _check_typical(bundle)
    return bundle


def _planned(data: bytes, contract: Contract, golden: tuple[Path, bytes]) -> tuple[Model | None, str]:
    """The model of a plan, or None if it is not what it was where it was made; and why it serves or does not."""
    try:
        model = read_plan(data, contract).predict
        _replay(model, PLAN, *golden)
        # a record that comes alone goes another way
        _replay(lambda records: [model([record])[0] for record in records], PLAN, *golden)
    except KeyError as error:
        return None, f"{PLAN} is not used here: it was written in another form, without {error}"
    except Exception as error:  # whatever is wrong with it, the pickle can serve
        return None, f"{PLAN} is not used here: {error}"
    installed = "installed" if compiled else "not installed, so numpy is alone"
    return model, f"{PLAN} answers as model.pkl does, and faster; modelbundle.plan.compiled is {installed}"


def _unpickled(path: Path, data: bytes, contract: Contract, golden: tuple[Path, bytes]) -> Model:
    try:
        pipeline = pickle.loads(data)  # noqa: S301 - its digest was just checked
    except Exception as error:  # a pickle may raise anything
        raise BundleProblem(f"{path} cannot be unpickled: {error!r}") from error

    def predict(records: Sequence[Mapping[str, Any]]) -> list[float]:
        return [float(value) for value in pipeline.predict(records_to_frame(records, contract))]

    try:
        _replay(predict, path.name, *golden)
    except BundleProblem:
        raise
    except Exception as error:  # and so may what comes out of it
        raise BundleProblem(f"{golden[0]} cannot be replayed by {path.name}: {error!r}") from error
    return predict


def _read_manifest(folder: Path) -> tuple[str, dict[str, Any], Manifest]:
    path = folder / "manifest.json"
    data = _read(path)
    version = digest_bytes(data)
    if version != folder.name:
        raise BundleProblem(f"{path} has the digest {version}, but its folder is named {folder.name}")
    try:
        manifest = json.loads(data)
        found = manifest["schema_version"]
        if found != SCHEMA_VERSION:
            raise BundleProblem(f"{path} has schema_version {found}; this code reads {SCHEMA_VERSION}")
        return version, manifest, Manifest.model_validate(manifest)
    except (ValueError, TypeError, KeyError) as error:
        raise BundleProblem(f"{path} is no manifest of a bundle: {error}") from error


def _check_versions(folder: Path, manifest: dict[str, Any]) -> None:
    installed, wanted = installed_versions(), manifest["versions"]
    wrong = [
        f"{name} {wanted.get(name)} (here {installed[name]})"
        for name in installed
        if wanted.get(name) != installed[name]
    ]
    if wrong:
        raise BundleProblem(
            f"{folder / 'model.pkl'} was made with {', '.join(wrong)}; install those versions, or make run"
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleProblem(f"{path} cannot be read: {error.strerror}") from error


def _read_verified(path: Path, manifest: dict[str, Any]) -> bytes:
    data = _read(path)
    expected = manifest["files"].get(path.name)
    if expected is None:
        raise BundleProblem(f"{path.parent / 'manifest.json'} does not vouch for {path.name}")
    found = {"sha256": digest_bytes(data), "size": len(data)}
    if found != expected:
        raise BundleProblem(
            f"{path} is not the file that manifest.json describes: expected sha256 {expected['sha256']} "
            f"({expected['size']} bytes), found {found['sha256']} ({found['size']} bytes)"
        )
    return data


def _replay(model: Model, name: str, path: Path, data: bytes) -> None:
    golden = json.loads(data)
    answers = model([request["record"] for request in golden["requests"]])
    for number, (request, answer) in enumerate(zip(golden["requests"], answers, strict=True)):
        expected = request["prediction"]
        if not abs(answer - expected) <= golden["relative_tolerance"] * abs(expected):
            raise BundleProblem(
                f"{path}, request {number}: {name} answers {answer!r} here, and answered {expected!r} when it was made"
            )


def _check_typical(bundle: Bundle) -> None:
    """Or every request for an explanation would fail, and each would blame its own record."""
    if bundle.typical is None:
        return
    where, log = f"{bundle.folder / 'manifest.json'}, typical", bundle.typical.scale == "log"
    try:
        (answer,) = bundle.predict([bundle.typical.record])
    except Exception as error:
        raise BundleProblem(f"{where}: model.pkl cannot predict its record: {error!r}") from error
    if not math.isfinite(answer) or (log and answer <= 0):
        above = " above 0, since the scale is log" if log else ""
        raise BundleProblem(f"{where}: expected a record with a finite prediction{above}; model.pkl answers {answer!r}")

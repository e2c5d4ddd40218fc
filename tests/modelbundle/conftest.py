"""A problem of four columns, and a bundle for it that is made as the job makes one."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from modelbundle.bundle import PLAN, BundleProblem, load_bundle
from modelbundle.contract import Contract
from modelbundle.digests import canonical_json, digest_bytes
from training.bundle.drafting import draft_bundle
from training.config.recipe import Candidate
from training.models.candidates import Design, build_pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COLUMNS = {
    "Zone": {"kind": "categorical", "example": "RL"},
    "Class": {"kind": "categorical", "required": True, "categories": [20, 60], "example": 60},
    "Area": {"kind": "numeric", "required": True, "unit": "sq ft", "minimum": 0, "maximum": 9000, "example": 3},
    "Price": {"role": "target", "kind": "numeric", "unit": "USD"},
}


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract.model_validate({"columns": COLUMNS})


@pytest.fixture(scope="session")
def bundle_files(contract: Contract) -> dict[str, bytes]:
    """The files of a small bundle, by name."""
    return small_bundle(contract, 9)


def small_bundle(contract: Contract, added: float) -> dict[str, bytes]:
    """Make the files of a bundle whose prices are the area and what is added to it."""
    zones, classes, areas = ["RL", "RM"] * 10, [20, 60, 60, 20] * 5, [float(area) for area in range(20)]
    table = pd.DataFrame({"Zone": zones, "Class": classes, "Area": areas, "Price": [added + area for area in areas]})
    candidate = Candidate(estimator="sklearn.linear_model.LinearRegression")
    pipeline = build_pipeline("linear", candidate, Design(contract)).fit(table, table["Price"])
    return draft_bundle(pickle.dumps(pipeline), contract, table, {"name": "small"})


@pytest.fixture
def folder(tmp_path: Path, bundle_files: dict[str, bytes]) -> Path:
    """A bundle on the disk, for a test to damage."""
    return write_bundle(tmp_path, bundle_files)


def write_bundle(registry: Path, files: Mapping[str, bytes]) -> Path:
    """Write a bundle's files into the folder that its manifest's digest names."""
    folder = registry / digest_bytes(files["manifest.json"])
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def vouch(folder: Path, **changes: Any) -> Path:
    """Let the manifest describe the files as they are now, with the changes, and name the folder after it."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for name in manifest["files"]:
        data = (folder / name).read_bytes()
        manifest["files"][name] = {"sha256": digest_bytes(data), "size": len(data)}
    return rename(folder, canonical_json(manifest | changes))


def without_plan(folder: Path) -> Path:
    """Take the plan out of a bundle, so that its pickle serves."""
    (folder / PLAN).unlink()
    manifest = json.loads((folder / "manifest.json").read_bytes())
    del manifest["files"][PLAN]
    return rename(folder, canonical_json(manifest))


def rename(folder: Path, manifest: bytes) -> Path:
    """Give a bundle another manifest, and the name that goes with it."""
    (folder / "manifest.json").write_bytes(manifest)
    return folder.rename(folder.with_name(digest_bytes(manifest)))


def refusal(folder: Path) -> str:
    """What the refusal of a bundle says."""
    with pytest.raises(BundleProblem) as refused:
        load_bundle(folder)
    return str(refused.value)

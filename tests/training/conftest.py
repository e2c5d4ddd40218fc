"""A small problem for the unit tests: 60 houses with two categories and two numbers, and two bundles for it."""

from __future__ import annotations

import pickle
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from modelbundle.bundle import current_folder, load_bundle
from modelbundle.contract import Contract
from modelbundle.digests import digest_file
from training.bundle import publish as publishing
from training.bundle.drafting import draft_bundle
from training.bundle.service import Judge
from training.config.gating import Decision
from training.config.recipe import Candidate
from training.models.candidates import Design, build_pipeline

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = {
    "Id": {"role": "identifier", "kind": "numeric"},
    "Zone": {"kind": "categorical", "categories": ["A", "B", "C"]},
    "Class": {"kind": "categorical", "required": True, "categories": [20, 30, 60]},
    "Area": {"kind": "numeric", "required": True, "unit": "sq ft", "minimum": 100, "maximum": 5000},
    "Cellar": {"kind": "numeric", "minimum": 0},
    "Price": {"role": "target", "kind": "numeric", "required": True, "unit": "USD", "minimum": 1},
}


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract.model_validate({"columns": COLUMNS})


@pytest.fixture
def table() -> pd.DataFrame:
    """Sound data, as they are read; each test has its own."""
    return small_table()


def small_table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    area, zone = random.integers(500, 4000, 60), random.choice(["A", "B", "C"], 60)
    columns = {
        "Id": np.arange(1, 61),
        "Zone": zone,
        "Class": random.choice([20, 30, 60], 60),
        "Area": area,
        "Cellar": random.integers(0, 900, 60),
        "Price": 100 * area + 20_000 * (zone == "A") + random.normal(0, 5_000, 60).round(),
    }
    return pd.DataFrame(columns)


def agree(folder: Path, served: Path | None) -> Decision:
    """A gate that lets everything pass."""
    return Decision("promote", ["It may pass."], {"served": served.name if served else None})


class Drafts:
    """Two drafted bundles with their reports, `old` and `new`, and a registry that serves the old one."""

    def __init__(self, folder: Path):
        self.old, self.new, self.registry = (folder / name for name in ("old", "new", "models"))
        self.versions = {path.name: digest_file(path / "bundle/manifest.json") for path in (self.old, self.new)}

    def publish(self, name: str, registry: Path | None = None, judge: Judge = agree) -> None:
        folder = getattr(self, name)
        publishing.publish(folder, folder / "reports", registry or self.registry, judge)

    def folder(self, name: str) -> Path:
        """Where the registry keeps one of them."""
        return self.registry / "bundles" / self.versions[name]

    def served(self, registry: Path | None = None) -> str:
        """Which of the two is served: verified, unpickled and asked."""
        version = load_bundle(current_folder(registry or self.registry)).version
        return next(name for name in self.versions if self.versions[name] == version)

    @property
    def left(self) -> set[str]:
        """What stands in the registry beside the two versions."""
        kept = {"bundles", "channels", *self.versions.values()}
        return {path.name for path in [*self.registry.iterdir(), *(self.registry / "bundles").iterdir()]} - kept


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture(scope="session")
def drafted(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Path:
    """A folder with the two drafts, to be copied."""
    folder, table = tmp_path_factory.mktemp("drafted"), small_table()
    for name, strategy in (("old", "mean"), ("new", "median")):
        candidate = Candidate(estimator="sklearn.dummy.DummyRegressor", parameters={"strategy": strategy})
        pipeline = build_pipeline(name, candidate, Design(contract)).fit(table, table["Price"])
        files = draft_bundle(pickle.dumps(pipeline), contract, table, {"name": "houses"})
        for file, data in files.items():
            write(folder / name / "bundle" / file, data)
        write(folder / name / "results.json", b'{"failed": {}}')
        write(folder / name / "reports/report.html", name.encode())
    return folder


@pytest.fixture
def drafts(tmp_path: Path, drafted: Path, monkeypatch: pytest.MonkeyPatch) -> Drafts:
    """The two drafts, the old one published; for a test to publish, damage and interrupt."""
    monkeypatch.setattr(publishing, "git_commit", lambda: "none")
    drafts = Drafts(shutil.copytree(drafted, tmp_path / "drafts"))
    drafts.publish("old")
    return drafts

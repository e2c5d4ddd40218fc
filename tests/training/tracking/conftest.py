"""A history below a temporary folder, and records to put into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training.config.conf import Conf, load_conf
from training.graph import ledger
from training.tracking import index, record, store

RMSE = "neg_root_mean_squared_error"
SHOWN = {"label": "RMSE", "unit": "USD", "folds_mean": 20.0, "folds_spread": 1.0, "holdout": 21.0}


def content(**changes: Any) -> dict[str, Any]:
    """What a record of a sound run may hold."""
    scores = {"ridge": [-10.0, -12.0, -11.0, -9.0], "svr": [-20.0, -21.0, -22.0, -19.0]}
    candidates = {
        name: {"failed": None, "baseline": False, "parameters": {}, "scores": {RMSE: each}, "size_bytes": 5}
        for name, each in scores.items()
    }
    return {
        "schema_version": 1, "problem": "smoke", "verb": "run", "command": "make run CONF=conf/smoke.yaml",
        "status": "finished", "started": "2026-03-01T10:00:00.000Z", "ended": "2026-03-01T10:01:00.000Z",
        "who": "ada", "commit": {"name": "abc123", "changed": 0, "files": []},
        "configuration": {"title": "Houses", "candidates": {"svr": {"parameters": {"C": 1.0}}}},
        "data": {"file": "data/x.csv", "sha256": "d" * 64, "rows": 100},
        "environment": {"digest": "e", "lock": "l", "python": "3.11.9", "machine": "linux x86_64"},
        "nodes": {"03_train-svr": {"outcome": "ran", "seconds": 1.0, "why": ["code"], "code": "c"}},
        "candidates": candidates, "folds": {"id": "f", "fit": [75] * 4, "score": [25] * 4},
        "metric": RMSE, "metrics": {RMSE: SHOWN}, "winner": "svr", "reason": "svr has the lowest RMSE",
        "holdout": {"id": "h", "rows": 20, "times": 1, "by": "first"},
        "bundle": "b" * 64,
    } | changes  # fmt: skip


class History:
    """The records of the smoke problem in a folder of a test's own."""

    def __init__(self, root: Path):
        self.root, self.folder = root, root / "runs/history/smoke"

    def add(self, minute: int = 0, pages: dict[str, Path] | None = None, **changes: Any) -> str:
        """Write a record of a minute; returns its name."""
        at = {"started": f"2026-03-01T10:{minute:02}:00.000Z"}
        return store.write_record(self.folder, content(**(at | changes)), pages or {}).name

    def names(self) -> list[str]:
        return [head["name"] for head in index.heads("smoke")]

    def read(self, name: str) -> record.Record:
        return record.read_record(self.folder / name)


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    for module in (record, ledger):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return History(tmp_path)


@pytest.fixture
def conf(tmp_path: Path) -> Conf:
    """The smoke problem with a registry of the test's own."""
    return load_conf("conf/smoke.yaml").model_copy(update={"registry": str(tmp_path / "models")})

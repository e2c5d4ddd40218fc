"""What a workflow's terminal or file may lack: letters beyond its encoding end no program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.delivery.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Of a problem in €."""
    about = {
        "title": "Häuser",
        "reason": "svr ≤ 1 €",
        "winner": "svr",
        "metric": "neg_mean_absolute_error",
        "metrics": {"neg_mean_absolute_error": {"label": "MAE", "unit": "€", "folds_mean": 21.0}},
        "data": {"rows": 60},
        "ranking": [{"name": "svr", "mean": 21.0, "spread": 1.0, "failed": None}],
    }
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(about), encoding="utf-8")
    (tmp_path / "other.json").write_text(json.dumps(about | {"title": "other"}), encoding="utf-8")
    return path


def run(encoding: str, *command: str) -> subprocess.CompletedProcess[bytes]:
    names = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
    plain = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=plain | {"PYTHONIOENCODING": encoding},
        capture_output=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_decision_is_told_with_what_letters_there_are(manifest: Path, encoding: str):
    done = run(encoding, "delivery.gate", str(manifest), str(manifest.with_name("other.json")))

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"Release: MAE 21 to 21 ? is the same (60 to 60 records)\n"


def test_a_summary_is_utf_8_since_it_is_appended_to_a_file(manifest: Path, tmp_path: Path):
    models = tmp_path / "models"
    (models / "bundles/v1").mkdir(parents=True)
    (models / "channels/local").mkdir(parents=True)
    (models / "channels/local/current").write_text("v1")
    manifest.rename(models / "bundles/v1/manifest.json")
    done = run("ascii", "delivery.summary", "--models", str(models))

    assert done.returncode == 0, done.stderr
    assert "Häuser" in done.stdout.decode("utf-8")
    assert "±" in done.stdout.decode("utf-8")

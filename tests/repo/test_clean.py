"""make clean removes what runs made and keeps what they are remembered by, unless it is told to forget."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

MADE = ("runs/x/01_eda/results.json", "runs/.lock", "reports/x/report.html", "scratch/a", ".cache/fits/b")
KEPT = ("models/current", "reports/README.md")
RECORD = "runs/history/x/1/run.json"


@pytest.mark.parametrize(("words", "forgotten"), [([], False), (["HISTORY=1"], True), (["HISTORY=0"], False)])
def test_history_stays_unless_it_is_to_be_forgotten(tmp_path: Path, words: list[str], forgotten: bool):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (*MADE, *KEPT, RECORD):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for _ in range(2):  # the second time there is nothing left
        subprocess.run(["make", "clean", *words], cwd=tmp_path, check=True, capture_output=True)

    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"Makefile", *KEPT} | (set() if forgotten else {RECORD})

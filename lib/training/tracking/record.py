"""The record of a run: its schema, where it stands, and how it is read without trusting it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from modelbundle.digests import digest_bytes
from training.paths import ROOT, to_root
from training.problems import ConfigProblem, RunProblem

FILE = "run.json"
ARRAYS = "arrays"
# The name of a table that was too long for the record: {"kept": its digest} stands in its place.
KEPT = "kept"


class Node(BaseModel):
    """One notebook of a run. outcome: ran, up to date, failed, stopped or left out; why: what had changed."""

    model_config = ConfigDict(frozen=True)

    outcome: Literal["ran", "up to date", "failed", "stopped", "left out"]
    seconds: float | None = None
    why: list[str] = []
    code: str | None = None


class Record(BaseModel):
    """What one run left. Times are UTC; scores are scikit-learn's, greater is better; metrics as people read them.

    started, ended: ISO 8601. commit: name, changed (how many files differ from it, new ones too), files (the first
    twenty). configuration: as it was read, addresses without user and query. data: file, digests and rows.
    candidates: name -> parameters, scores (scorer -> one per fold), seconds, size_bytes, failed, and out_of_fold, the
    digest of an array. folds: id, and the numbers of fitted and of scored rows. metrics, ranking, winner, reason: as
    04_compare judged. holdout: id, rows, times (from 1: which scoring of it this was), by (digest of the executed
    comparison). searches: node -> what was found, and all trials. bundle: the version, if one came out. kept:
    notebooks and pages with their digests. before: name of the run of this kind before; changed: what differs from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    problem: str
    verb: Literal["run", "tune", "audit"]
    command: str
    status: Literal["finished", "failed", "interrupted"]
    started: str
    ended: str
    who: str
    commit: dict[str, Any]
    configuration: dict[str, Any] = {}
    data: dict[str, Any]
    environment: dict[str, str]
    nodes: dict[str, Node]
    steps: dict[str, float] = {}
    failures: dict[str, str] = {}
    candidates: dict[str, dict[str, Any]] = {}
    folds: dict[str, Any] | None = None
    metric: str
    metrics: dict[str, dict[str, Any]] = {}
    ranking: list[dict[str, Any]] = []
    winner: str | None = None
    reason: str | None = None
    holdout: dict[str, Any] | None = None
    searches: dict[str, dict[str, Any]] = {}
    audit: dict[str, Any] | None = None
    bundle: str | None = None
    kept: dict[str, str] = {}
    before: str | None = None
    changed: list[str] = []


def history_folder(problem: str) -> Path:
    """Where the records of a problem stand; raises ConfigProblem for the one name that is taken."""
    if problem == "history":
        raise ConfigProblem("name: runs/history holds the records of runs; give the problem another name than history")
    return ROOT / "runs" / "history" / problem


def run_name(started: str, data: bytes) -> str:
    """Name a record by its time and its content: `20261201T041233Z-1a2b3c4d`."""
    digits = started.partition(".")[0].replace("-", "").replace(":", "")
    return f"{digits}Z-{digest_bytes(data)[:8]}"


def read_record(folder: Path, *, whole: bool = True) -> Record:
    """Read a record. whole: also the tables that were too long for it, and stand among the arrays.

    Without them these fields are empty. Raises RunProblem if it is missing, is not what was written, or was written by
    a newer version.
    """
    path = folder / FILE
    try:
        data = path.read_bytes()
        if digest_bytes(data)[:8] != folder.name.rpartition("-")[2]:
            raise RunProblem(f"{to_root(path)} is not what the run wrote: the name of its folder has another digest")
        content = json.loads(data)
        long = [key for key, value in content.items() if isinstance(value, dict) and value.keys() == {KEPT}]
        for key in long:
            elsewhere = array_file(folder.parent / ARRAYS, content.pop(key)[KEPT], "json")
            content |= {key: json.loads(gzip.decompress(elsewhere.read_bytes()))} if whole else {}
        return Record.model_validate(content)
    except OSError as error:
        raise RunProblem(f"{to_root(Path(error.filename or path))} cannot be read: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        version = "; it may be of a newer version of this project" if "schema_version" in str(error) else ""
        raise RunProblem(f"{to_root(path)} is no record of a run{version}: {str(error).splitlines()[0]}") from None


def array_file(arrays: Path, digest: str, ending: str) -> Path:
    """Where an array is kept: named by the digest of what it holds, compressed."""
    return arrays / f"{digest}.{ending}.gz"

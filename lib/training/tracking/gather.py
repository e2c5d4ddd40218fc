"""What a run's files say of it, collected into the content of a record."""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelbundle.digests import digest_file, digest_json
from training.data.source import location
from training.graph import graph, ledger
from training.graph.reasons import OWN_RESULTS
from training.paths import ROOT, to_root
from training.problems import DataProblem
from training.provenance import git_commit, locked_environment

if TYPE_CHECKING:
    from training.config.conf import Conf
    from training.tracking.recording import Seen

SOUND = ("ran", "up to date")
MOST_FILES = 20
LONGEST_FAILURE = 2000
_ADDRESS = re.compile(r"(\w[\w+.-]*://)(?:[^\s/?#]*@)?([^\s?#'\"<>]*)(?:[?#][^\s'\"<>]*)?")


def content(conf: Conf, seen: Seen) -> dict[str, Any]:
    """Collect all that a record says of a run but how it stands to other records.

    conf: as the run's notebooks read it; seen: what happened while it ran.
    """
    runs, nodes = graph.runs_folder(conf), _nodes(seen)
    sound = {name for name, node in nodes.items() if node["outcome"] in SOUND}
    said = {
        "schema_version": 1,
        "problem": conf.name,
        **{key: getattr(seen, key) for key in ("verb", "command", "status", "started", "ended")},
        "who": _user(),
        "commit": _commit(),
        "configuration": conf.model_dump(mode="json"),
        "data": _data(conf, runs, sound),
        "environment": _environment(),
        "nodes": nodes,
        "steps": {name: round(seen.seconds[name], 3) for name in seen.ran if not name.startswith("notebook:")},
        "failures": {name: text[:LONGEST_FAILURE] for name, text in seen.failures},
        "metric": conf.metric,
        "candidates": _candidates(conf, runs, nodes),
        "folds": _folds(runs) if "02_preprocess" in sound else None,
        **(_judged(runs) if ledger.COMPARED in sound else {}),
        "searches": {name: _search(runs / name) for name in sound if name.startswith(("tune-", "blend"))},
        "audit": _json(runs / "audit/results.json") if "audit" in sound else None,
        "bundle": _version(runs) if "publish" in {*seen.ran, *seen.skipped} else None,
    }
    return without_secrets(said)


def pages(conf: Conf, seen: Seen) -> dict[str, Path]:
    """The executed notebooks and the rendered pages of a run: name below the record's folder -> file."""
    found, done = {}, {*seen.ran, *seen.skipped}
    for name in _nodes(seen):
        found[f"notebooks/{name}.ipynb"] = graph.runs_folder(conf) / name / "notebook.ipynb"
        file = graph.report_file(name)
        if done & {f"{kind}:{name}" for kind in ("report", "search", "audit")}:
            found[f"reports/{file}"] = graph.reports_folder(conf) / file
    return {name: path for name, path in found.items() if path.is_file()}


def out_of_fold(conf: Conf, record: dict[str, Any]) -> list[Path]:
    """The files with predictions that a record names."""
    named = [name for name, candidate in record["candidates"].items() if candidate.get("out_of_fold")]
    return [graph.runs_folder(conf) / graph.node_name("03_train", name) / "out_of_fold.csv" for name in named]


def without_secrets(value: Any) -> Any:
    """The same value; addresses in its texts lose user, password, query and fragment, which may be secret."""
    if isinstance(value, dict):
        return {key: without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return _without_secrets(value) if isinstance(value, str) else value


def _without_secrets(text: str) -> str:
    if _ADDRESS.match(text):  # a value that is an address, whose query may hold anything
        text = re.split("[?#]", text, maxsplit=1)[0]
    return _ADDRESS.sub(r"\1\2", text)


def _nodes(seen: Seen) -> dict[str, dict[str, Any]]:
    """Each notebook that was asked for: how it ended, how long it took, and why it ran."""
    found = {}
    for task, meta in seen.notebooks.items():
        outcome = seen.outcome(task)
        why = meta.get("why", []) or [OWN_RESULTS]
        about = {"outcome": outcome, "code": meta.get("code")}
        if outcome in ("ran", "failed", "stopped"):
            about |= {"seconds": round(seen.seconds[task], 3), "why": why}
        found[task.partition(":")[2]] = about
    return found


def _candidates(conf: Conf, runs: Path, nodes: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name in conf.candidates:
        node = graph.node_name("03_train", name)
        outcome = nodes.get(node, {}).get("outcome")
        if outcome in SOUND:
            found[name] = _candidate(runs / node)
        elif outcome == "failed":
            found[name] = {"failed": "its notebook failed"}
    return found


def _candidate(folder: Path) -> dict[str, Any]:
    results, timings = _json(folder / "results.json"), _json(folder / "timings.json")
    kept = {key: results[key] for key in ("baseline", "preprocessing", "parameters", "failed", "scores", "size_bytes")}
    return kept | {"seconds": timings, "out_of_fold": results["files"].get("out_of_fold.csv")}


def _judged(runs: Path) -> dict[str, Any]:
    facts, executed = _json(runs / ledger.COMPARED / "facts.json"), runs / ledger.COMPARED / "notebook.ipynb"
    holdout = {
        "id": ledger.holdout_id(runs),
        "rows": facts["data"]["holdout_rows"],
        "times": ledger.times_scored(runs),
        "by": digest_file(executed),
    }
    return {key: facts[key] for key in ("metrics", "ranking", "winner", "reason")} | {"holdout": holdout}


def _folds(runs: Path) -> dict[str, Any]:
    """The folds by their digest, and how many rows each fits and scores: all that comparing two runs needs."""
    folds, data = _json(runs / "02_preprocess/split.json")["folds"], _json(runs / "02_preprocess/results.json")
    sizes = {part: [len(fold[part]) for fold in folds] for part in ("fit", "score")}
    return {"id": digest_json([data["data_sha256"], folds]), **sizes}


def _data(conf: Conf, runs: Path, sound: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        file = location(conf.data)
        found["file"] = to_root(file)
        found["file_sha256"] = digest_file(file)
    except (DataProblem, OSError):
        found["missing"] = True
    if "02_preprocess" in sound:
        prepared = _json(runs / "02_preprocess/results.json")
        found["sha256"] = prepared["data_sha256"]
        found |= {key: prepared[key] for key in ("rows", "training_rows", "holdout_rows")}
    return found


def _search(folder: Path) -> dict[str, Any]:
    """What a search found, with its table of trials."""
    results = {key: value for key, value in _json(folder / "results.json").items() if key != "files"}
    trials = folder / "trials.json"
    return results | ({"table": _json(trials)} if trials.is_file() else {})


def _version(runs: Path) -> str:
    return digest_file(runs / "05_publish/bundle/manifest.json")


def _environment() -> dict[str, str]:
    return {
        "digest": locked_environment(),
        "lock": digest_file(ROOT / "requirements/pipeline.txt"),
        "python": platform.python_version(),
        "machine": f"{sys.platform} {platform.machine()}",
    }


def _commit() -> dict[str, Any]:
    """The commit that is checked out, whether files differ from it, and the first of these."""
    name = git_commit()
    command = ["git", "status", "--porcelain", "-z", "--no-renames"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=10, check=True)  # noqa: S603
        files = [line[3:] for line in done.stdout.split("\0") if line] if name != "unknown" else []
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        files = []
    return {"name": name.removesuffix("-dirty"), "changed": len(files), "files": files[:MOST_FILES]}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number alone
        return f"user {os.getuid()}"


def _json(path: Path) -> Any:
    return json.loads(path.read_bytes())

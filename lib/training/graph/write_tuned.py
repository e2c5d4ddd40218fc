"""What make tune found, written beside the configuration as a file that people review as a diff and commit."""

import json
from typing import Any

import yaml

from training.config.conf import Conf, tuned_file
from training.config.recipe import Searched
from training.files import write_atomically
from training.graph.graph import node_name, runs_folder, searches

HEAD = """\
# Written by make tune from {conf}, whose values it goes over; review it as a diff, then commit it.
# Scores are means over the folds that all candidates share, greater is better; the hold-out was not touched.
"""


def write_tuned(conf: Conf, conf_path: str) -> None:
    """Write the best parameters, the blend's members and how the searches went; raises ConfigProblem or RunProblem."""
    found = {candidate or notebook: _results(conf, notebook, candidate) for notebook, candidate in searches(conf)}
    candidates: dict[str, Any] = {
        name: {"parameters": result["parameters"]} for name, result in found.items() if "parameters" in result
    }
    blends = [name for name, candidate in conf.candidates.items() if candidate.members]
    candidates |= {name: {"members": found["blend"]["members"]} for name in blends}
    first = next(iter(found.values()))
    searched = {name: _searched(result) for name, result in found.items()}
    tuning = {"scorer": first["scorer"], "searched_on": first["searched_on"], "candidates": searched}
    text = yaml.safe_dump(
        {"candidates": candidates, "tuning": tuning}, sort_keys=False, default_flow_style=None, width=200
    )
    write_atomically(tuned_file(conf_path), (HEAD.format(conf=conf_path) + text).encode())


def _results(conf: Conf, notebook: str, candidate: str) -> dict[str, Any]:
    return json.loads((runs_folder(conf) / node_name(notebook, candidate) / "results.json").read_bytes())


def _searched(result: dict[str, Any]) -> dict[str, Any]:
    """How a search went, as recipe.Searched; numbers with six digits."""
    kept = {key: result[key] for key in Searched.model_fields if key in result}
    return {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in kept.items()}

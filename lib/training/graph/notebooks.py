"""Notebook files as data: their parameters, code and prose, read without starting anything."""

import ast
import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from modelbundle.digests import digest_json
from training.paths import NOTEBOOKS, to_root
from training.problems import ConfigProblem, RunProblem
from training.provenance import imported_modules, module_digest

PARAMETERS = "parameters"


def notebook_path(notebook: str) -> Path:
    """The file of a notebook that is named without its ending, such as 03_train."""
    return NOTEBOOKS / f"{notebook}.ipynb"


def read_notebook(path: Path) -> dict[str, Any]:
    """Read a notebook's JSON; raises RunProblem if the file is none."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = notebook["cells"]
    except FileNotFoundError:
        raise RunProblem(f"{to_root(path)} does not exist; git checkout brings it back") from None
    except (ValueError, KeyError, TypeError) as error:
        raise RunProblem(
            f"{to_root(path)} is not a notebook ({error}); open it in Jupyter, or git checkout it"
        ) from None
    for cell in cells:
        cell["source"] = "".join(cell["source"])
    return notebook


def tags(cell: Mapping[str, Any]) -> list[str]:
    """The tags of a cell."""
    return cell["metadata"].get("tags", [])


def code_digest(notebook: Mapping[str, Any]) -> str:
    """Digest of what decides a notebook's results: its code cells, their tags, and the modules that they import."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    modules = set().union(*(_modules_of(cell["source"]) for cell in cells))
    return digest_json([[(cell["source"], tags(cell)) for cell in cells], module_digest(*modules)])


def shown_digest(notebook: Mapping[str, Any]) -> str:
    """Digest of all that a report shows of a notebook's source: code, prose and tags."""
    return digest_json([(cell["cell_type"], cell["source"], tags(cell)) for cell in notebook["cells"]])


def parameters(notebook: Mapping[str, Any], name: str) -> set[str]:
    """Names of the parameters that a notebook takes; raises RunProblem without exactly one parameters cell."""
    cells = [cell for cell in notebook["cells"] if PARAMETERS in tags(cell)]
    if len(cells) != 1:
        raise RunProblem(f"notebook {name} has {len(cells)} cells tagged {PARAMETERS}; it needs exactly one")
    try:
        statements = ast.parse(cells[0]["source"]).body
    except SyntaxError as error:
        raise RunProblem(f"notebook {name}: its {PARAMETERS} cell is not Python: {error}") from None
    nodes = [node for statement in statements for node in ast.iter_child_nodes(statement)]
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def require_parameters(notebook: Mapping[str, Any], name: str, given: Iterable[str]) -> None:
    """Raise ConfigProblem if a notebook does not take one of the given parameters: papermill would only warn."""
    allowed = sorted(parameters(notebook, name))
    for parameter in given:
        if parameter not in allowed:
            near = difflib.get_close_matches(parameter, allowed, n=1)
            hint = f" did you mean {near[0]}?" if near else ""
            raise ConfigProblem(f"notebook {name} has no parameter {parameter};{hint} it takes {', '.join(allowed)}")


def _modules_of(source: str) -> set[str]:
    try:
        return imported_modules(source)
    except SyntaxError:  # a magic, or a mistake that the run will show in its cell
        return set()

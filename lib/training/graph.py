"""The notebook graph: which notebook runs when, with which parameters, and what would make it run again.

doit owns order, parallel branches, skipping and errors; this module tells it what depends on what, by content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doit.exceptions import TaskFailed
from doit.tools import config_changed

from modelbundle.digests import digest_file
from training.files import unwritable
from training.notebooks import (
    code_digest,
    notebook_path,
    read_notebook,
    require_parameters,
    shown_digest,
)
from training.paths import ROOT, from_root, to_root
from training.problems import ConfigProblem, Problem
from training.provenance import locked_environment, module_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from training.conf import Conf

MODEL_CARD = "model_card"
NOTEBOOKS = ("01_eda", "02_preprocess", "03_train", "04_compare")

# The parts of the configuration that each notebook reads. Its session hands out these and no others, so that this
# table cannot lie about what makes the notebook run again.
READS = {
    "01_eda": ("data", "contract", "target_transform"),
    "02_preprocess": ("data", "contract", "split"),
    "03_train": ("data", "contract", "target_transform", "scorers", "seed", "candidate"),
    "04_compare": (
        *("name", "title", "data", "contract", "target_transform", "scorers", "seed", "candidates"),
        *("metric", "rule", "learning_curve"),
    ),
}


def node_name(notebook: str, candidate: str = "") -> str:
    """Name of one execution of a notebook: 03_train-svr where a candidate tells several apart."""
    return f"{notebook}-{candidate}" if candidate else notebook


def parts_read(conf: Conf, notebook: str, candidate: str = "") -> dict[str, Any]:
    """The parts of the configuration that a notebook reads; raises ConfigProblem for an unknown candidate."""
    if candidate and candidate not in conf.candidates:
        raise ConfigProblem(f"there is no candidate {candidate!r}; the configuration has {', '.join(conf.candidates)}")
    derived = {"seed": conf.split.seed, "candidate": conf.candidates.get(candidate)}
    # Which scorer decides is read by 04_compare alone: a change of the metric refits nothing.
    derived["scorers"] = conf.scorers if notebook == "04_compare" else sorted(conf.scorers)
    return {part: derived[part] if part in derived else getattr(conf, part) for part in READS[notebook]}


def nodes(conf: Conf) -> Iterator[tuple[str, str]]:
    """All executions as (notebook, candidate); the most complex candidates first, since they take longest."""
    yield "02_preprocess", ""
    for candidate in reversed(conf.candidates):
        yield "03_train", candidate
    yield "01_eda", ""
    yield "04_compare", ""


def upstream(conf: Conf, notebook: str) -> list[str]:
    """Names of the nodes whose results a notebook reads."""
    candidates = [node_name("03_train", candidate) for candidate in conf.candidates]
    return {"03_train": ["02_preprocess"], "04_compare": ["02_preprocess", *candidates]}.get(notebook, [])


def runs_folder(conf: Conf) -> Path:
    """Where make run keeps the executed notebooks and their results."""
    return ROOT / "runs" / conf.name


def memory_file(conf: Conf) -> Path:
    """Where doit remembers what each step was made from."""
    return runs_folder(conf) / ".doit.json"


def reports_folder(conf: Conf) -> Path:
    """Where make run renders the reports."""
    return ROOT / "reports" / conf.name


def report_file(node: str) -> str:
    """A node's page below the reports folder: the comparison is the front page, the others lie one level down."""
    return "report.html" if node == "04_compare" else f"report/{node}.html"


def node_task(conf: Conf, conf_path: str, notebook: str, candidate: str, data_file: Path) -> dict[str, Any]:
    """Describe one execution of one notebook as a doit task."""
    from training.execute import execute

    source = read_notebook(notebook_path(notebook))
    values = {"conf": conf_path, "inputs": "runs", "output": "runs"} | conf.notebooks.get(notebook, {})
    values |= {"candidate": candidate} if candidate else {}
    node = node_name(notebook, candidate)
    folder = runs_folder(conf) / node
    decides = {
        "code": code_digest(source),
        "parameters": values,
        "conf": {key: _plain(value) for key, value in parts_read(conf, notebook, candidate).items()},
        "environment": locked_environment(),
    }
    return {
        "basename": "notebook",
        "name": node,
        "actions": [_action(execute, notebook, values, folder)],
        "file_dep": _names(
            data_file, *(runs_folder(conf) / other / "results.json" for other in upstream(conf, notebook))
        ),
        "task_dep": ["check"] if notebook == "03_train" else [],
        "targets": _names(folder / "notebook.ipynb", folder / "results.json"),
        "uptodate": [config_changed(decides), _outputs_unchanged(folder)],
        "io": {"capture": False},
    }


def data_task(conf: Conf, data_file: Path) -> dict[str, Any] | None:
    """Describe the download as a doit task, or None where the data are here already."""
    if data_file.exists() or conf.data.download is None:
        return None

    def fetch() -> None:
        from training.source import download

        download(conf.data.download)

    return {
        "basename": "data",
        "actions": [_action(fetch)],
        "targets": _names(data_file),
        "io": {"capture": False},
    }


def check_task(conf: Conf) -> dict[str, Any]:
    """Describe the check of what the configuration names: it needs scikit-learn, so it runs only after a change."""

    def check() -> None:
        from training.candidates import build_pipeline
        from training.metrics import build_scorer

        build_scorer(conf.scorers)
        for name, candidate in conf.candidates.items():
            build_pipeline(name, candidate, conf.contract, conf.target_transform, conf.split.seed)

    named = {
        "candidates": _plain(conf.candidates),
        "scorers": conf.scorers,
        "code": module_digest("training.candidates", "training.metrics"),
        "environment": locked_environment(),
    }
    return {
        "basename": "check",
        "actions": [_action(check)],
        "uptodate": [config_changed(named)],
        "io": {"capture": False},
    }


def pages(conf: Conf) -> dict[str, str]:
    """The reports of a run, node -> file below the reports folder, in the order of their common head."""
    candidates = [node_name("03_train", candidate) for candidate in conf.candidates]
    return {node: report_file(node) for node in ("04_compare", "01_eda", "02_preprocess", *candidates, MODEL_CARD)}


def report_task(conf: Conf, node: str) -> dict[str, Any]:
    """Describe the rendering of one page: it shows today's prose around the last execution's outputs."""
    from training.render import TEMPLATES, render_markdown, render_notebook

    page = reports_folder(conf) / report_file(node)
    common = [page, conf.title, node, pages(conf)]
    shown = {
        "title": conf.title,
        "pages": pages(conf),
        "code": module_digest("training.render"),
        "templates": {path.name: digest_file(path) for path in sorted(TEMPLATES.iterdir())},
        "environment": locked_environment(),
    }
    if node == MODEL_CARD:
        made = runs_folder(conf) / "04_compare" / f"{MODEL_CARD}.md"
        action = _action(render_markdown, made, *common)
    else:
        made = runs_folder(conf) / node / "notebook.ipynb"
        notebook = node.partition("-")[0]
        shown["source"] = shown_digest(read_notebook(notebook_path(notebook)))
        action = _action(render_notebook, notebook, made, *common)
    return {
        "basename": "report",
        "name": node,
        "actions": [action],
        "file_dep": _names(made),
        "task_dep": ["notebook:04_compare"] if node == MODEL_CARD else [],
        "targets": _names(page),
        "uptodate": [config_changed(shown)],
        "io": {"capture": False},
    }


def publish_task(conf: Conf) -> dict[str, Any]:
    """Describe the publishing of the bundle that 04_compare drafted, with the rendered reports."""
    from training.publish import is_published, publish

    draft = runs_folder(conf) / "04_compare"
    registry = from_root(conf.registry)
    return {
        "basename": "publish",
        "actions": [_action(publish, draft, reports_folder(conf), registry)],
        "file_dep": _names(draft / "results.json", *(reports_folder(conf) / file for file in pages(conf).values())),
        "uptodate": [(is_published, [draft, registry])],
        "io": {"capture": False},
    }


def require_known_parameters(conf: Conf) -> None:
    """Raise ConfigProblem if the configuration sets a notebook or a parameter that does not exist."""
    if unknown := [name for name in conf.notebooks if name not in NOTEBOOKS]:
        raise ConfigProblem(f"notebooks: there is no notebook {unknown[0]}; there are {', '.join(NOTEBOOKS)}")
    for notebook in NOTEBOOKS:
        own = ["conf", "inputs", "output", *(["candidate"] if notebook == "03_train" else [])]
        given = conf.notebooks.get(notebook, {})
        require_parameters(read_notebook(notebook_path(notebook)), notebook, [*own, *given])
        if reserved := sorted(set(given) & {*own, "candidate"}):
            raise ConfigProblem(f"notebooks.{notebook}: the run itself sets {', '.join(reserved)}; remove it")


def _action(function: Callable[..., None], *arguments: Any) -> Callable[[], Any]:
    """Make a doit action that fails with a problem's sentence; any other exception fails with its traceback."""

    def act() -> Any:
        try:
            function(*arguments)
        except Problem as problem:
            return TaskFailed(str(problem))
        except OSError as error:
            return TaskFailed(str(unwritable(error)))
        return None

    return act


def _names(*paths: Path) -> list[str]:
    """Name files for doit as seen from the root, so that a checkout may be moved or copied with its results."""
    return [to_root(path) for path in paths]


def _outputs_unchanged(folder: Path) -> Any:
    """Make a doit check: the node's files are those that its last execution left."""

    def state() -> dict[str, str]:
        files = [path for path in folder.rglob("*") if path.is_file() and "/." not in str(path.relative_to(ROOT))]
        return {str(path.relative_to(folder)): digest_file(path) for path in sorted(files)}

    def unchanged(task: Any, values: dict[str, Any]) -> bool:
        task.value_savers.append(lambda: {"outputs": state()})
        return values.get("outputs") == state()

    return unchanged


def _plain(value: Any) -> Any:
    """Turn a part of the configuration into plain JSON values, in the order of the file."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return [[key, _plain(item)] for key, item in value.items()]
    return value

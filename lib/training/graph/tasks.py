"""The graph as doit's tasks: each says what it is made from, by content, so that only what changed runs again.

doit owns order, parallel branches, skipping and errors.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from doit.exceptions import TaskFailed
from doit.tools import config_changed

from modelbundle.digests import digest_file
from training.config.conf import Conf, as_json
from training.files import unwritable
from training.graph.graph import (
    node_name,
    pages,
    parts_read,
    report_file,
    reports_folder,
    runs_folder,
    searches,
    upstream,
)
from training.graph.notebooks import code_digest, notebook_path, read_notebook, shown_digest
from training.graph.reasons import Reasons
from training.headless import environment
from training.paths import ROOT, from_root, to_root
from training.problems import TOLD, ConfigProblem
from training.provenance import locked_environment, module_digest


def node_task(conf: Conf, conf_path: str, notebook: str, candidate: str, data_file: Path) -> dict[str, Any]:
    """Describe one execution of one notebook as a doit task."""
    from training.graph.execute import execute

    source = read_notebook(notebook_path(notebook))
    values = {"conf": conf_path, "inputs": "runs", "output": "runs"} | conf.notebooks.get(notebook, {})
    values |= {"candidate": candidate} if candidate else {}
    node = node_name(notebook, candidate)
    folder = runs_folder(conf) / node
    decides = {
        "code": code_digest(source),
        "parameters": values,
        "conf": {key: as_json(value) for key, value in parts_read(conf, notebook, candidate).items()},
        "environment": locked_environment(),
    }
    before = [runs_folder(conf) / other / "results.json" for other in upstream(conf, notebook)]
    return _task(
        "notebook",
        _action(execute, notebook, values, folder),
        name=node,
        file_dep=_names(data_file, *before),
        task_dep=["check"] if notebook in ("03_train", "tune", "audit") else [],
        targets=_names(folder / "notebook.ipynb", folder / "results.json"),
        uptodate=[config_changed(decides), _outputs_unchanged(folder), Reasons(decides)],
    )


def data_task(conf: Conf, data_file: Path) -> dict[str, Any] | None:
    """Describe the download as a doit task, or None where the data are here already."""
    if data_file.exists() or conf.data.download is None:
        return None

    def fetch() -> None:
        from training.data.source import download

        download(conf.data.download)

    return _task("data", _action(fetch), targets=_names(data_file))


def check_task(conf: Conf, conf_path: str) -> dict[str, Any]:
    """Describe the check of what the configuration names: it needs scikit-learn, so it runs only after a change."""

    def check() -> None:
        command = [sys.executable, "-m", "training.models.check", conf_path]
        settings = environment() | {"PYTHONIOENCODING": "utf-8"}
        done = subprocess.run(  # noqa: S603
            command, cwd=ROOT, env=settings, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        if done.returncode:
            raise ConfigProblem(done.stdout.strip() or f"it cannot be checked:\n{done.stderr.strip()}")

    named = {
        "candidates": as_json(conf.candidates),
        "engineered": as_json(conf.engineered),
        "scorers": conf.scorers,
        "code": module_digest("training.models.check"),
        "environment": locked_environment(),
    }
    return _task("check", _action(check), uptodate=[config_changed(named)])


def report_task(conf: Conf, node: str) -> dict[str, Any]:
    """Describe the rendering of one page: it shows today's prose around the last execution's outputs."""
    from training.graph.render import LOOK, TEMPLATES, render_notebook

    page, notebook = reports_folder(conf) / report_file(node), node.partition("-")[0]
    executed = runs_folder(conf) / node / "notebook.ipynb"
    looks = [LOOK, *sorted(path for path in TEMPLATES.rglob("*") if path.is_file())]
    listed = pages(conf) | {node: report_file(node)}  # the page of a search is listed on itself alone
    shown = {
        "title": conf.title,
        "pages": listed,
        "code": module_digest("training.graph.render"),
        "templates": {to_root(path): digest_file(path) for path in looks},
        "environment": locked_environment(),
        "source": shown_digest(read_notebook(notebook_path(notebook))),
    }
    return _task(
        "report" if node in pages(conf) else "audit" if node == "audit" else "search",
        _action(render_notebook, notebook, executed, page, conf.title, node, listed),
        name=node,
        file_dep=_names(executed),
        targets=_names(page),
        uptodate=[config_changed(shown)],
    )


def tuned_task(conf: Conf, conf_path: str) -> dict[str, Any]:
    """Describe the writing of what the searches found, beside the configuration."""
    from training.graph.write_tuned import write_tuned

    results = [runs_folder(conf) / node_name(*search) / "results.json" for search in searches(conf)]
    # never up to date: it is quick, and a file changed by hand is made again
    return _task("tuned", _action(write_tuned, conf, conf_path), file_dep=_names(*results), uptodate=[False])


def publish_task(conf: Conf) -> dict[str, Any]:
    """Describe the publishing of the bundle that 05_publish drafted, with the rendered reports."""
    from training.bundle.publish import is_published, publish
    from training.bundle.registry import require_own
    from training.bundle.service import judge_by

    draft = runs_folder(conf) / "05_publish"
    registry = from_root(conf.registry)
    return _task(
        "publish",
        _action(require_own, registry, conf.name),
        _action(publish, draft, reports_folder(conf), registry, judge_by(conf.gate)),
        file_dep=_names(draft / "results.json", *(reports_folder(conf) / file for file in pages(conf).values())),
        uptodate=[(is_published, [draft, registry])],
    )


def _task(basename: str, *actions: Callable[[], Any], **more: Any) -> dict[str, Any]:
    """Describe a step that writes to the terminal itself."""
    return {"basename": basename, "actions": list(actions), "io": {"capture": False}, **more}


def _action(function: Callable[..., None], *arguments: Any) -> Callable[[], Any]:
    """Make a doit action that fails with a problem's sentence; any other exception fails with its traceback."""

    def act() -> Any:
        try:
            function(*arguments)
        except TOLD as problem:
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

"""A notebook's session: where it reads and writes, its run card and its record.

By hand a notebook reads the last run's results and writes under scratch/; only `make run` writes under runs/.
"""

import html
import json
import pickle
import platform
import time
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from IPython.display import HTML, display

from modelbundle.digests import canonical_json, digest_bytes, digest_file
from training.config.conf import load_conf
from training.data.source import location
from training.files import write_atomically
from training.graph.graph import SEARCHING, node_name, parts_read
from training.paths import from_root, to_root
from training.problems import RunProblem
from training.provenance import git_commit

RESULTS = "results.json"
TIMINGS = "timings.json"


@dataclass(frozen=True)
class Session:
    """One execution of one notebook; conf holds the parts of the configuration that it declares to read."""

    node: str
    conf: SimpleNamespace
    inputs: Path
    folder: Path
    started: float = field(default_factory=time.perf_counter)

    def read(self, notebook: str, candidate: str = "") -> dict[str, Any]:
        """Read the results that an earlier notebook recorded; raises RunProblem if it has not run."""
        path = self.path_of(notebook, RESULTS, candidate)
        if not path.is_file():
            node = node_name(notebook, candidate)
            raise RunProblem(
                f"{node} has left no results in {to_root(self.inputs)} or {to_root(self.folder.parent)}: "
                f"run make run first, or {notebook} by hand before this notebook"
            )
        return json.loads(path.read_bytes())

    def read_file(self, notebook: str, file: str) -> Any:
        """Read a JSON file that an earlier notebook left beside its results."""
        self.read(notebook)
        return json.loads(self.path_of(notebook, file).read_bytes())

    def load_candidate(self, candidate: str) -> Any:
        """Unpickle a candidate that 03_train fitted, if it is still the file that was recorded; else RunProblem."""
        path = self.path_of("03_train", "candidate.pkl", candidate)
        data = path.read_bytes()
        if digest_bytes(data) != self.read("03_train", candidate)["files"]["candidate.pkl"]:
            raise RunProblem(f"{to_root(path)} is not the file that its results.json records; run 03_train again")
        return pickle.loads(data)  # noqa: S301 - its digest was just checked

    def path_of(self, notebook: str, file: str, candidate: str = "") -> Path:
        """Where an earlier notebook left a file: in the last run, or, where that has none, beside this one's results.

        So the notebooks can also be run by hand one after another before the first make run.
        """
        node = node_name(notebook, candidate)
        found = self.inputs if (self.inputs / node / RESULTS).is_file() else self.folder.parent
        return found / node / file

    def write(self, file: str, data: bytes) -> None:
        """Leave a file for later notebooks, named in the record with its digest."""
        write_atomically(self.folder / file, data)

    def record(self, results: dict[str, Any], **seconds: Any) -> None:
        """Record the results as JSON beside the executed notebook; timings stand apart, so that results compare equal.

        Results must hold no NaN. The digests of the other files that the notebook left are added.
        """
        mine = {RESULTS, TIMINGS, "notebook.ipynb"}
        left = sorted(path for path in self.folder.rglob("*") if path.is_file() and path.name not in mine)
        files = {str(path.relative_to(self.folder)): digest_file(path) for path in left}
        self.write(TIMINGS, canonical_json({"notebook_seconds": time.perf_counter() - self.started, **seconds}))
        self.write(RESULTS, canonical_json({**results, "files": files}))
        display(HTML(f"<p class='note'>Recorded in <code>{html.escape(to_root(self.folder / RESULTS))}</code></p>"))


def start(notebook: str, conf: str, inputs: str, output: str, candidate: str = "") -> Session:
    """Begin a notebook: read the configuration, make an empty output folder and show the run card.

    notebook: its name, such as 02_preprocess; conf, inputs, output: as in its parameters cell.
    Raises ConfigProblem, and DataProblem where there are no data.
    """
    loaded = load_conf(conf, tuned=notebook not in SEARCHING)
    parts = SimpleNamespace(**parts_read(loaded, notebook, candidate))
    node = node_name(notebook, candidate)
    folder = from_root(output) / loaded.name / node
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.is_file() and old.name != "notebook.ipynb":
            old.unlink()
    data = location(loaded.data)
    digest = f"SHA-256 {digest_file(data)[:12]}" if data.is_file() else "not downloaded yet"
    told = {"Notebook": node, "Configuration": conf, "Data": f"{to_root(data)}, {digest}"}
    show_card(told | {"Writes to": to_root(folder), "Commit": git_commit()})
    return Session(node, parts, from_root(inputs) / loaded.name, folder)


def show_card(facts: dict[str, str]) -> None:
    """Show the run card: what ran, on what."""
    libraries = ("scikit-learn", "pandas", "numpy")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in libraries)
    rows = "".join(
        f"<tr><th>{key}</th><td>{html.escape(value)}</td></tr>"
        for key, value in (facts | {"Python": platform.python_version(), "Libraries": versions}).items()
    )
    card = f"<summary>Run card</summary><table>{rows}</table>"
    display(HTML(f"<details class='run-card mathjax_ignore'>{card}</details>"))

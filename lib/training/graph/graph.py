"""The notebook graph: which notebooks there are, what each reads, and where its results and its page go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.graph.notebooks import notebook_path, read_notebook, require_parameters
from training.paths import ROOT
from training.problems import ConfigProblem

if TYPE_CHECKING:
    from training.config.conf import Conf

# Those that make run executes; and those of make tune and make audit, which search for themselves and so read the
# configuration as people wrote it, without what an earlier search found.
RUN = ("01_eda", "02_preprocess", "03_train", "04_compare", "05_publish")
SEARCHING = ("tune", "blend", "audit")
NOTEBOOK_NAMES = (*RUN, *SEARCHING)

# The parts of the configuration that each notebook reads. Its session hands out these and no others, so that this
# table cannot lie about what makes the notebook run again.
READS = {
    "01_eda": ("data", "contract", "target_transform"),
    "02_preprocess": ("data", "contract", "engineered", "split"),
    "03_train": (*("data", "contract", "engineered", "target_transform", "scorers", "seed"), *("candidate", "members")),
    "tune": ("data", "contract", "engineered", "target_transform", "seed", "metric", "candidate"),
    "blend": ("data", "contract", "engineered", "target_transform", "seed", "metric", "candidates"),
    "audit": ("data", "contract", "engineered", "target_transform", "split", "scorers", "rule", "candidates"),
    "04_compare": (
        *("name", "title", "data", "contract", "engineered", "target_transform", "scorers", "seed"),
        *("candidates", "metric", "rule", "interval_level", "tuning", "learning_curve"),
    ),
    "05_publish": ("data", "contract"),
}


def node_name(notebook: str, candidate: str = "") -> str:
    """Name of one execution of a notebook: 03_train-svr where a candidate tells several apart."""
    return f"{notebook}-{candidate}" if candidate else notebook


def parts_read(conf: Conf, notebook: str, candidate: str = "") -> dict[str, Any]:
    """The parts of the configuration that a notebook reads; raises ConfigProblem for an unknown candidate."""
    if candidate and candidate not in conf.candidates:
        raise ConfigProblem(f"there is no candidate {candidate!r}; the configuration has {', '.join(conf.candidates)}")
    derived: dict[str, Any] = {"seed": conf.split.seed, "candidate": conf.candidates.get(candidate)}
    derived["members"] = conf.members(candidate) if candidate else {}
    # Which scorer decides is read by 04_compare alone: a change of the metric refits nothing.
    derived["scorers"] = conf.scorers if notebook in ("04_compare", "audit") else sorted(conf.scorers)
    return {part: derived[part] if part in derived else getattr(conf, part) for part in READS[notebook]}


def nodes(conf: Conf) -> Iterator[tuple[str, str]]:
    """All executions as (notebook, candidate); the most complex candidates first, since they take longest."""
    yield "02_preprocess", ""
    for candidate in reversed(conf.candidates):
        yield "03_train", candidate
    yield "01_eda", ""
    yield "04_compare", ""
    yield "05_publish", ""


def searches(conf: Conf) -> Iterator[tuple[str, str]]:
    """The executions of make tune as (notebook, candidate): each space, then the blend of what they found."""
    for candidate in conf.candidates:
        if conf.candidates[candidate].search:
            yield "tune", candidate
    if any(candidate.members for candidate in conf.candidates.values()):
        yield "blend", ""


def upstream(conf: Conf, notebook: str) -> list[str]:
    """Names of the nodes whose results a notebook reads."""
    candidates = [node_name("03_train", candidate) for candidate in conf.candidates]
    tuned = [node_name(*search) for search in searches(conf) if search[0] == "tune"]
    after = {
        "03_train": ["02_preprocess"],
        "04_compare": ["02_preprocess", *candidates],
        "05_publish": ["04_compare", *candidates],
        "tune": ["02_preprocess"],
        "blend": ["02_preprocess", *tuned],
    }
    return after.get(notebook, [])


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
    named = {"04_compare": "report.html", "05_publish": "report/model_card.html"}
    return named.get(node, f"report/{node}.html")


def pages(conf: Conf) -> dict[str, str]:
    """The reports of a run, node -> file below the reports folder, in the order of their common head."""
    candidates = [node_name("03_train", candidate) for candidate in conf.candidates]
    return {node: report_file(node) for node in ("04_compare", "01_eda", "02_preprocess", *candidates, "05_publish")}


def require_known_parameters(conf: Conf) -> None:
    """Raise ConfigProblem if the configuration sets a notebook or a parameter that does not exist."""
    if unknown := [name for name in conf.notebooks if name not in NOTEBOOK_NAMES]:
        raise ConfigProblem(f"notebooks: there is no notebook {unknown[0]}; there are {', '.join(NOTEBOOK_NAMES)}")
    for notebook in NOTEBOOK_NAMES:
        own = ["conf", "inputs", "output", *(["candidate"] if notebook in ("03_train", "tune") else [])]
        given = conf.notebooks.get(notebook, {})
        require_parameters(read_notebook(notebook_path(notebook)), notebook, [*own, *given])
        if reserved := sorted(set(given) & {*own, "candidate"}):
            raise ConfigProblem(f"notebooks.{notebook}: the run itself sets {', '.join(reserved)}; remove it")

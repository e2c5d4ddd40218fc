"""What makes a notebook easy to read, run and review: held for every notebook, without running any."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from training.graph.graph import NOTEBOOK_NAMES

FOLDER = Path(__file__).parents[2] / "notebooks"
FIGURE = re.compile(r"\bplots(_\w+)?\.\w+\(")  # a call of lib/training/plots*.py
PATHS = sorted(path for path in FOLDER.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def notebook(path: Path) -> Any:
    found = nbformat.read(path, as_version=4)
    nbformat.validate(found)
    return found


def cells(notebook: Any, kind: str) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def parameter_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]


def test_the_graph_knows_every_notebook():
    assert [str(path.relative_to(FOLDER)) for path in PATHS] == [f"{name}.ipynb" for name in sorted(NOTEBOOK_NAMES)]


def test_it_opens_with_a_question_and_what_it_reads_and_writes(notebook: Any):
    opening = "\n".join(cell.source for cell in notebook.cells[:2] if cell.cell_type == "markdown")

    assert re.match(r"# .+\?\n", opening)
    assert "| Reads | Writes | Takes |" in opening


def test_it_ends_with_what_was_learned_what_is_not_known_and_what_comes_next(notebook: Any):
    conclusion = notebook.cells[-1].source

    assert conclusion.startswith("## Conclusion")
    assert len(re.findall(r"^- \*\*(Learned|Not known yet|Next):\*\*", conclusion, re.MULTILINE)) == 3


def test_it_checks_and_records_what_it_found(notebook: Any):
    assert {"## Checks", "## Record"} <= set(cells(notebook, "markdown"))
    assert any("assert " in source for source in cells(notebook, "code"))
    assert any("run.record(" in source for source in cells(notebook, "code"))


def test_its_cells_are_few_and_short(notebook: Any):
    lengths = [len(source.splitlines()) for source in cells(notebook, "code")]

    assert len(notebook.cells) <= 40
    assert statistics.median(lengths) <= 5
    assert max(lengths) <= 15


def test_it_tells_at_least_four_words_of_prose_for_five_of_code(notebook: Any):
    def words(kind: str) -> int:
        return sum(len(source.split()) for source in cells(notebook, kind))

    assert words("markdown") >= 0.8 * words("code")


def test_it_defines_nothing_that_should_be_in_the_package(notebook: Any):
    body = ast.parse("\n".join(cells(notebook, "code"))).body

    assert not [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.While)]


def test_its_parameters_are_plain_literals_with_a_comment(notebook: Any):
    (cell,) = parameter_cells(notebook)

    for line in cell.source.splitlines():
        assert re.fullmatch(r"\w+: (str|int|float|bool) = \S.*  # \S.*", line), line
        ast.literal_eval(ast.parse(line).body[0].value)


def test_papermill_reads_the_same_parameters(path: Path, notebook: Any):
    (cell,) = parameter_cells(notebook)
    names = [line.partition(":")[0] for line in cell.source.splitlines()]

    assert list(papermill.inspect_notebook(path)) == names


def test_every_parameter_is_read_in_a_later_cell(notebook: Any):
    (cell,) = parameter_cells(notebook)
    later = "\n".join(cell.source for cell in notebook.cells[notebook.cells.index(cell) + 1 :])
    read = {node.id for node in ast.walk(ast.parse(code_of(later, notebook))) if isinstance(node, ast.Name)}

    assert {line.partition(":")[0] for line in cell.source.splitlines()} <= read


def code_of(text: str, notebook: Any) -> str:
    return "\n".join(source for source in cells(notebook, "code") if source in text)


def test_nothing_that_a_run_made_is_committed(notebook: Any):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]

    assert not [cell.id for cell in code if cell.outputs or cell.execution_count is not None]
    assert not any("injected-parameters" in cell.metadata.get("tags", []) for cell in code)


def test_it_asks_for_the_kernel_that_every_machine_has(notebook: Any):
    assert notebook.metadata.kernelspec.name == "python3"


def test_its_cells_keep_their_names_when_others_are_inserted(notebook: Any):
    ids = [cell.id for cell in notebook.cells]

    assert len(set(ids)) == len(ids)


def test_its_paths_do_not_depend_on_where_it_runs(notebook: Any):
    code = "\n".join(cells(notebook, "code"))

    assert not re.search(r"""sys\.path|os\.chdir|%run|\.\./|open\(|Path\(|read_csv\(""", code)


def sections(notebook: Any) -> list[str]:
    return re.split(r"^## ", "\n".join(cell.source for cell in notebook.cells), flags=re.MULTILINE)[1:]


def test_every_figure_is_followed_by_a_sentence(notebook: Any):
    for section in sections(notebook):
        if figures := list(FIGURE.finditer(section)):
            assert "Markdown(" in section[figures[-1].start() :], section


def test_the_figures_are_found_so_that_each_can_be_asked_for_its_sentence():
    """Wherever a notebook names what it got from a plotting helper, the search for figures sees the call."""
    read = [nbformat.read(path, as_version=4) for path in PATHS]
    drawn = [line for notebook in read for source in cells(notebook, "code") for line in source.splitlines()]
    named = [line for line in drawn if re.match(r"\s*figures? = ", line)]

    assert len([section for notebook in read for section in sections(notebook) if FIGURE.search(section)]) >= 20
    assert [line for line in named if not FIGURE.search(line)] == []

"""Notebook files as data: what decides their results, what a report shows, and which parameters they take."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from training.graph.notebooks import code_digest, parameters, read_notebook, require_parameters, shown_digest, tags
from training.problems import ConfigProblem, RunProblem
from training.provenance import module_digest

if TYPE_CHECKING:
    from pathlib import Path


def cell(source: str, kind: str = "code", *tagged: str) -> dict[str, Any]:
    return {"cell_type": kind, "source": source, "metadata": {"tags": list(tagged)} if tagged else {}}


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    return {"cells": list(cells)}


PROSE = cell("# Why?", "markdown")
CODE = cell("from training.judging import segments\nx = 1")


@pytest.mark.parametrize(
    "other",
    [
        notebook(PROSE, cell("from training.judging import segments\nx = 2")),
        notebook(PROSE, cell(CODE["source"], "code", "hide-input")),
        notebook(PROSE, CODE, cell("y = 3")),
        notebook(PROSE, cell("from training.judging import segments"), cell("x = 1")),
        notebook(PROSE, cell("from training.models import metrics\nx = 1")),
    ],
)
def test_other_code_tags_or_cells_may_have_other_results(other: dict[str, Any]):
    assert code_digest(other) != code_digest(notebook(PROSE, CODE))


def test_prose_and_outputs_change_no_result_but_prose_is_shown():
    before = notebook(PROSE, CODE)
    reworded = notebook(cell("# How so?", "markdown"), CODE)
    ran = notebook(PROSE, CODE | {"outputs": [{"text": "3"}], "execution_count": 7})

    assert code_digest(before) == code_digest(reworded) == code_digest(ran)
    assert shown_digest(before) == shown_digest(ran) != shown_digest(reworded)
    assert shown_digest(notebook(PROSE, cell(CODE["source"], "code", "summary"))) != shown_digest(before)
    assert shown_digest(notebook(cell("# Why?"), CODE)) != shown_digest(before), "a kind of cell is shown"


@pytest.mark.parametrize("before", ["%matplotlib inline\nx = (", "x = 1"])
def test_a_module_that_any_cell_imports_counts_even_beside_a_magic(monkeypatch: pytest.MonkeyPatch, before: str):
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        "training.graph.notebooks.module_digest", lambda *names: asked.append(names) or module_digest(*names)
    )
    code_digest(
        notebook(cell(before), cell("from training.judging import segments"), cell("import modelbundle.amounts"))
    )

    assert {name for names in asked for name in names} >= {"training.judging.segments", "modelbundle.amounts"}


def test_a_saved_notebook_is_read_with_its_cells_as_text(tmp_path: Path):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook(cell("") | {"source": ["x = 1\n", "y = 2"]})))

    assert read_notebook(path)["cells"][0]["source"] == "x = 1\ny = 2"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells"', "3"])
def test_what_is_no_notebook_is_told_with_what_to_do(tmp_path: Path, text: str):
    path = tmp_path / "a.ipynb"
    path.write_text(text)

    with pytest.raises(RunProblem, match=r"a\.ipynb is not a notebook .*git checkout it"):
        read_notebook(path)


def test_a_notebook_that_is_gone_is_told_with_what_to_do(tmp_path: Path):
    with pytest.raises(RunProblem, match=r"a\.ipynb does not exist; git checkout brings it back"):
        read_notebook(tmp_path / "a.ipynb")


def test_a_cell_without_tags_has_none():
    assert tags(cell("")) == []
    assert tags(cell("", "code", "parameters", "x")) == ["parameters", "x"]


def test_parameters_are_what_the_tagged_cell_assigns():
    it = notebook(cell("a = 1"), cell("b: int = 2  # how many\nc = 'x'\nprint(b)", "code", "parameters"), cell("d = 3"))

    assert parameters(it, "x") == {"b", "c"}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([cell("a = 1")], "notebook x has 0 cells tagged parameters; it needs exactly one"),
        ([cell("a = 1", "code", "parameters")] * 2, "notebook x has 2 cells tagged parameters"),
        ([cell("a = (", "code", "parameters")], "notebook x: its parameters cell is not Python"),
    ],
)
def test_a_notebook_has_one_cell_of_parameters_in_python(cells: list[dict[str, Any]], message: str):
    with pytest.raises(RunProblem, match=message):
        parameters(notebook(*cells), "x")


def test_a_parameter_that_the_notebook_does_not_take_is_refused_with_those_that_it_takes():
    it = notebook(cell("trials: int = 2\nseed: int = 0", "code", "parameters"))
    require_parameters(it, "tune", ["trials", "seed"])

    with pytest.raises(
        ConfigProblem, match=r"tune has no parameter trails; did you mean trials\? it takes seed, trials"
    ):
        require_parameters(it, "tune", ["seed", "trails"])
    with pytest.raises(ConfigProblem, match="tune has no parameter zzz; it takes seed, trials"):
        require_parameters(it, "tune", ["zzz"])

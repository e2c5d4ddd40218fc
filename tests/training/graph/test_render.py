"""A page of the report: today's prose, the last execution's outputs, and ways to the other pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from training.graph import render

if TYPE_CHECKING:
    from pathlib import Path

PAGES = {
    "04_compare": "report.html",
    "01_eda": "report/01_eda.html",
    "03_train-svr": "report/03_train-svr.html",
    "tune-svr": "report/tune-svr.html",
    "05_publish": "report/model_card.html",
}


def code(identity: str, source: str, *tagged: str, output: dict[str, str] | None = None) -> Any:
    outputs = [new_output("display_data", data=output)] if output else []
    return new_code_cell(source, id=identity, metadata={"tags": list(tagged)}, outputs=outputs)


def prose(identity: str, source: str, *tagged: str) -> Any:
    return new_markdown_cell(source, id=identity, metadata={"tags": list(tagged)})


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A notebook whose prose was edited after it ran, as a page."""
    source = [
        prose("title", "# Prices *today*"),
        prose("head", "New prose."),
        code("given", "fast = True", "parameters"),
        code("tools", "import tools", "not-in-report"),
        code("table", "show()"),
        code("figure", "draw()"),
        code("later", "not_run_yet()"),
        code("last", "summary()", "summary"),
    ]
    ran = [
        prose("title", "# Prices of yesterday"),
        code("given", "fast = True", "parameters"),
        code("injected", "fast = False", "injected-parameters"),
        code("tools", "import tools", output={"text/html": "<p>loaded</p>"}),
        code("table", "show()", output={"text/html": "<table><td>60</td></table><script>steal()</script>"}),
        code("figure", "draw()", output={"image/svg+xml": '<?xml?><svg id="a"><use href="#a"/><text>x</text></svg>'}),
        code("last", "summary()", "summary", output={"text/markdown": "The **winner** is [x](y) svr."}),
    ]
    for name, cells in (("source", source), ("ran", ran)):
        nbformat.write(new_notebook(cells=cells), tmp_path / f"{name}.ipynb")
    monkeypatch.setattr(render, "notebook_path", lambda name: tmp_path / f"{name}.ipynb")
    target = tmp_path / PAGES["01_eda"]
    target.parent.mkdir()
    render.render_notebook("source", tmp_path / "ran.ipynb", target, "Houses", "01_eda", PAGES)
    return target.read_text(encoding="utf-8")


def test_the_summary_stands_below_the_title_and_the_given_values_below_the_usual_ones(page: str):
    places = [page.index(text) for text in ("New prose.", "fast", "False", "60</td>", "<svg")]

    assert page.index("winner") < places[0]
    assert places == sorted(places)


def test_prose_is_todays_and_outputs_are_those_of_the_run(page: str):
    assert "yesterday" not in page
    assert "60</td>" in page
    assert "not_run_yet" in page
    assert page.count("loaded") == 0, "a cell that is not for the report is left out with its output"


def test_it_runs_nothing_and_a_figure_has_its_own_identifiers(page: str):
    assert "steal()" not in page
    assert "<script" not in page
    assert "anchor-link" not in page
    assert re.search(r'<svg id="(figure\d+-a)"><use href="#\1"></use><text>x</text></svg>', page)


def test_the_head_leads_to_the_others_from_where_the_page_is(page: str):
    links = dict(re.findall(r'<a href="([^"]+)">([^<]+)</a>', page[: page.index("winner")]))

    assert re.search(r'<a (?=[^>]*aria-current="page")[^>]*href="01_eda.html"[^>]*>Data</a>', page)
    assert links == {
        "../report.html": "Result",
        "03_train-svr.html": "svr",
        "tune-svr.html": "Search of svr",
        "model_card.html": "Model card",
    }


@pytest.mark.parametrize(("node", "told"), [("04_compare", True), ("01_eda", False)])
def test_the_result_says_below_its_summary_how_often_the_hold_out_was_scored(
    node: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(render, "tell_times", lambda runs: f"scored in {runs.name}")
    cells = [prose("title", "# Prices"), code("given", "x = 1", "parameters"), code("last", "tell()", "summary")]
    monkeypatch.setattr(render, "notebook_path", lambda _: tmp_path / "runs/smoke/node/notebook.ipynb")
    (tmp_path / "runs/smoke/node").mkdir(parents=True)
    (tmp_path / "report").mkdir()
    executed = render.notebook_path("")
    nbformat.write(new_notebook(cells=cells), executed)
    render.render_notebook("source", executed, tmp_path / PAGES[node], "Houses", node, PAGES)
    page = (tmp_path / PAGES[node]).read_text(encoding="utf-8")

    assert ('<p class="note">scored in smoke</p></section>' in page) is told

"""Text from data is never markup: not in a sentence of Markdown, not in a table, not in a page."""

from __future__ import annotations

import html
import re

import nbformat
import pandas as pd
import pytest

from modelbundle.contributions import Contributions
from tests.helpers.texts import TEXTS, Page, seen
from tests.training.reporting.test_verdict import facts
from training.config.recipe import Range
from training.graph import render
from training.models.metrics import Metric
from training.models.search import Found
from training.reporting import tables, words_data, words_result, words_search
from training.reporting.markup import for_page, literal
from training.reporting.verdict import verdict

__all__ = ["facts"]

# Where a text may stand, and the elements that Markdown makes of our own signs there.
PLACES = {
    "{} and {}.": ["p"],
    "**{}** is": ["p", "strong"],
    "**{}:** on": ["p", "strong"],
    "It is **{}** ({}, more) and **{}**.": ["p", "strong", "strong"],
    "# Card: {}": ["h1"],
    "- a {}": ["ul", "li"],
    "| {} |\n|---|\n| {} |": ["table", "thead", "tr", "th", "tbody", "tr", "td"],
}


def shown(*cells: str) -> Page:
    """Render cells of Markdown as the report does, and take the page's main part."""
    page, _ = render._exporter(0).from_notebook_node(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(cell) for cell in cells]),
        resources={"page": {"title": "", "heading": "", "links": [], "css": ""}},
    )
    return Page(page[page.index("<main>") + len("<main>") : page.index("</main>")])


@pytest.mark.parametrize("place", PLACES)
def test_a_text_is_seen_as_it_is_written_wherever_it_stands(place: str):
    words = re.sub(r"\*\*|^# |^- |\|---\||\|", "", place, flags=re.MULTILINE)
    cells = [place.replace("{}", literal(text)) for text in TEXTS]
    for page in (shown(*cells), shown(*map(for_page, cells))):
        assert [element for element, _ in page.elements] == PLACES[place] * len(TEXTS)
        assert page.text == seen(" ".join(words.replace("{}", text) for text in TEXTS))


def test_usual_names_and_amounts_are_not_disfigured():
    for text in ("random_forest", "35,250 USD. The folds", "-1 to 3", "LotArea (sq ft)", "x1.5", "m²", "raised X: no"):
        assert literal(text) == text


def test_signs_that_a_page_is_searched_for_stand_alone():
    """GitHub and JupyterLab look for mathematics, names and references between two tags of the finished page."""
    assert literal("$x$ @me #1 :a:") == (
        "<span>&#36;</span>x<span>&#36;</span> <span>&#64;</span>me <span>&#35;</span>1 <span>&#58;</span>a:"
    )


TEXT = "<b>$x$</b> **y** | `z` _w_ [v](u)"
METRIC = Metric("neg_root_mean_squared_error", "RMSE", TEXT)
GROUPS = pd.DataFrame(
    {"rows": [30, 20], "median_error": [2.0, 1.0], "coverage": [0.5, 0.9], "mean_width": [3.0, 4.0]},
    index=pd.Index([TEXT, f"{TEXT} too"], name=TEXT),
)
EFFECT = pd.DataFrame({"average": [1.0, 2.0], "low": [0.0, 1.0], "high": [2.0, 3.0]}, index=["a", "b"])
FOUND = Found([{TEXT: 1.0}, {TEXT: 2.0}], [-2.0, -1.0], {TEXT: 0.5}, [TEXT])
WORST = Contributions(2.0, 1.0, {TEXT: 1.0}, {TEXT: 1.0})
SENTENCES = {
    "failure": lambda: words_result.tell_failure(f"its fit raised {TEXT}"),
    "candidate": lambda: words_result.tell_candidate(TEXT, {METRIC.scorer: [-1.0, -2.0]}, METRIC, 3.0),
    "groups": lambda: words_result.tell_groups(GROUPS, TEXT, TEXT),
    "coverage": lambda: words_result.tell_coverage({TEXT: GROUPS}, 0.9, 0.9, 0.9),
    "importance": lambda: words_result.tell_importance({TEXT: [1.0], f"{TEXT} too": [0.0]}, METRIC),
    "effects": lambda: words_result.tell_effects({TEXT: EFFECT}, TEXT),
    "worst": lambda: words_result.tell_worst(GROUPS, WORST, TEXT),
    "learning": lambda: words_result.tell_learning([10, 20], [[3.0, 2.0], [2.0, 1.0]], METRIC),
    "search": lambda: words_search.tell_search(TEXT, FOUND, METRIC),
    "edges": lambda: words_search.tell_edges(FOUND, {TEXT: Range(low=1, high=2)}),
    "mattered": lambda: words_search.tell_mattered(FOUND),
    "blends": lambda: words_search.tell_blends({TEXT: -1.0}, {(TEXT, TEXT): -1.0}, (TEXT, TEXT), METRIC),
    "drivers": lambda: words_data.tell_drivers(pd.Series([0.5, 0.2], index=[TEXT, f"{TEXT} too"])),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_no_sentence_makes_markup_of_a_name_or_a_unit(name: str):
    page = shown(SENTENCES[name]())

    assert TEXT in page.text
    assert {element for element, _ in page.elements} <= {"p", "strong", "code"}
    assert "conf/" in page.text or "code" not in dict(page.elements), "the only code is ours"
    assert not re.search("<b>|</b>|_w_|`z`", page.text.replace(TEXT, ""))


def test_the_verdict_makes_no_markup_of_its_facts(facts: dict):
    texts = {"winner": f"{TEXT} 1", "target_unit": f"{TEXT} 2", "baseline": {"name": f"{TEXT} 3", "holdout": 85.0}}
    ranking = [entry | {"name": entry["name"].replace("blend", f"{TEXT} 1")} for entry in facts["ranking"]]
    ranking[1]["name"] = f"{TEXT} 4"
    page = shown(verdict(facts | texts | {"ranking": ranking}, f"{TEXT} 5"))

    assert all(f"{TEXT} {number}" in page.text for number in range(1, 6))
    assert {element for element, _ in page.elements} == {"p", "strong"}


def test_a_table_shows_each_cell_as_it_is_written():
    table = pd.DataFrame({TEXT: TEXTS}, index=pd.Index([TEXT] * len(TEXTS), name=TEXT))
    page = Page(tables.show(table).data)

    assert {element for element, _ in page.elements} == {"table", "thead", "tbody", "tr", "th", "td"}
    assert "mathjax_ignore" in page.elements[0][1]["class"].split(), "JupyterLab would typeset $"
    for text in TEXTS:
        assert seen(text.replace("\n", r"\n")) in page.text


def test_a_title_is_text_in_head_and_tab():
    title = f"{TEXT} &amp; {{{{7*7}}}}"
    cell = nbformat.v4.new_markdown_cell(f"# Model card: {literal(title)}")
    page = render._page(
        nbformat.v4.new_notebook(cells=[cell]), {"title": title}, "card", {"card": "card.html"}
    ).decode()

    assert html.unescape(re.search("<title>(.*?)</title>", page)[1]) == f"Model card: {title} \N{EN DASH} {title}"
    assert html.unescape(re.search('<p class="problem">(.*?)</p>', page)[1]) == title
    assert Page(page).text.count(title) == 4

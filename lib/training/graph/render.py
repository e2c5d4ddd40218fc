"""Reports: today's prose around the last execution's outputs, as one HTML file that needs no network."""

from __future__ import annotations

import os.path
import re
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import modelbundle
from training.files import write_atomically
from training.graph.ledger import COMPARED, tell_times
from training.graph.notebooks import notebook_path, tags
from training.headless import load
from training.reporting.markup import INK, for_page, shown

if TYPE_CHECKING:
    from nbconvert import HTMLExporter

TEMPLATES = Path(__file__).parent / "templates" / "report"
LOOK = Path(modelbundle.__file__).parent / "look.css"
# How the pages are named in their common head; a candidate's page has the candidate's name.
LABELS = {
    "01_eda": "Data",
    "02_preprocess": "Preprocessing",
    "04_compare": "Result",
    "05_publish": "Model card",
    "blend": "Search of blends",
    "audit": "Audit",
}


def render_notebook(  # noqa: PLR0913 - what is shown, and where
    notebook: str, executed: Path, page: Path, title: str, node: str, pages: Mapping[str, str]
) -> None:
    """Render one node's report.

    notebook: whose prose is shown; executed: whose outputs are shown, joined by cell id; page: the file to write;
    title: of the problem; node: which page this is; pages: node -> file below the reports folder, in the head's order.
    """
    load("nbformat")
    import nbformat

    source = nbformat.read(notebook_path(notebook), as_version=4)
    ran = nbformat.read(executed, as_version=4)
    told = tell_times(executed.parent.parent) if node == COMPARED else ""
    write_atomically(page, _page(_joined(source, ran), {"title": title, "told": told}, node, pages))


def _joined(source: Any, ran: Any) -> Any:
    """Put the outputs of the execution under today's cells; the summary moves up to stand below the title."""
    outputs = {cell["id"]: cell.get("outputs", []) for cell in ran.cells}
    for cell in source.cells:
        if cell.cell_type == "code":
            cell.outputs = outputs.get(cell["id"], [])
    summary, left_out = _tagged(source, "summary"), _tagged(source, "not-in-report")
    others = [cell for cell in source.cells if cell not in [*summary, *left_out]]
    after = 1 + others.index(_tagged(source, "parameters")[0])
    injected = _tagged(ran, "injected-parameters")
    source.cells = [others[0], *summary, *others[1:after], *injected, *others[after:]]
    return source


def _tagged(notebook: Any, tag: str) -> list[Any]:
    return [cell for cell in notebook.cells if tag in tags(cell)]


def _page(notebook: Any, facts: Mapping[str, str], node: str, pages: Mapping[str, str]) -> bytes:
    heading = re.search(r"^# (.+)$", "\n".join(cell.source for cell in notebook.cells[:1]), re.MULTILINE)
    _make_parts_of_a_page([output for cell in notebook.cells for output in cell.get("outputs", [])])
    here = Path(pages[node]).parent
    links = [
        {
            "label": LABELS.get(name, name.replace("tune-", "Search of ").removeprefix("03_train-")),
            "href": os.path.relpath(file, here),
            "here": name == node,
        }
        for name, file in pages.items()
    ]
    css = "".join(file.read_text(encoding="utf-8") for file in (LOOK, TEMPLATES / "report.css"))
    facts = {**facts, "heading": shown(heading.group(1)) if heading else node, "links": links, "css": css}
    exporter = _exporter(threading.get_ident())
    html, _ = exporter.from_notebook_node(notebook, resources={"page": facts})
    return html.encode()


def _make_parts_of_a_page(outputs: list[Any]) -> None:
    for number, data in enumerate(output.data for output in outputs if "data" in output):
        if svg := data.get("image/svg+xml"):
            data["image/svg+xml"] = _inline_svg(svg, number)
        if markdown := data.get("text/markdown"):
            data["text/markdown"] = for_page(markdown)
        if html := data.get("text/html"):
            # what a library draws for Jupyter may bring a script; a report is a document and runs nothing
            data["text/html"] = re.sub(r"<script\b.*?</script>", "", html, flags=re.DOTALL)


def _inline_svg(svg: str, number: int) -> str:
    """Make a figure part of the page: text in the page's colour on its ground, identifiers that no other figure has."""

    def restyled(tag: re.Match[str]) -> str:
        inked = tag[0].replace(INK, "currentColor").replace("fill: #ffffff", "fill: none")
        return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>figure{number}-", inked)

    return re.sub(r"<[^>]*>", restyled, svg[svg.index("<svg") :])  # a text stays, whatever it says


@cache
def _exporter(_thread: int) -> HTMLExporter:
    """One for each thread: it keeps what belongs to the page at work."""
    load("nbconvert")
    from nbconvert import HTMLExporter

    return HTMLExporter(
        template_name=TEMPLATES.name, extra_template_basedirs=[str(TEMPLATES.parent)], exclude_anchor_links=True
    )

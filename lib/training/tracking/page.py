"""The comparison of two runs as one page that needs no network, and looks as the reports do."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

import modelbundle
from modelbundle.amounts import amount, between

if TYPE_CHECKING:
    from training.tracking.comparison import Comparison, Section
    from training.tracking.paired import Pair

LOOK = Path(modelbundle.__file__).parent / "look.css"
OWN_LOOK = """
figure { margin: .6rem 0; overflow-x: auto; }
svg { display: block; width: 100%; max-width: 44rem; min-width: 26rem; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
svg .soft { fill: var(--soft); }
tbody th { font-weight: 500; }
td { min-width: 5.5rem; }
"""
# The picture, in its own units: names stand left of the lines.
WIDTH, LEFT, ROW, TOP, BOTTOM = 640, 180, 24, 12, 34


def page(comparison: Comparison) -> bytes:
    """Write a comparison as HTML: light and dark, on a phone too."""
    title = html.escape(comparison.sections[0].title)
    body = "".join(_section(section, comparison) for section in comparison.sections)
    css = LOOK.read_text(encoding="utf-8") + OWN_LOOK
    problem = html.escape(comparison.sections[0].title.rpartition(":")[0])
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<header><p class="problem">{problem}</p></header>
<main>
<h1>What differs between two runs?</h1>
{body}</main>
</body>
</html>
""".encode()


def _section(section: Section, comparison: Comparison) -> str:
    title = "The runs" if section is comparison.sections[0] else section.title
    parts = [f"<h2>{html.escape(title)}</h2>\n"]
    parts += [f"<p>{html.escape(section.sentence)}</p>\n"] if section.sentence else []
    parts += [_picture(comparison)] if section.title == "Candidates" else []
    if section.rows:
        head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in section.heads)
        rows = "".join(_row(row) for row in section.rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        parts.append(f'<div class="table" tabindex="0">{table}</div>\n')
    return "".join(parts)


def _row(row: tuple[str, ...]) -> str:
    first, *others = map(html.escape, row)
    broken = first.replace(".", ".<wbr>")  # a dotted key may take two lines on a phone
    return f'<tr><th scope="row">{broken}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>\n'


def _picture(comparison: Comparison) -> str:
    """Draw each paired difference with its interval, on one scale with zero; nothing where no folds are shared."""
    drawn = [pair for pair in comparison.pairs if pair.difference is not None]
    ends = [0.0, *(end for pair in drawn for end in (pair.low, pair.high))]
    low, high = min(ends), max(ends)
    if low == high:
        return ""
    height, unit = TOP + ROW * len(drawn) + BOTTOM, comparison.unit

    def x(value: float) -> float:
        return LEFT + 10 + (value - low) / (high - low) * (WIDTH - LEFT - 30)

    marks = "".join(_mark(pair, TOP + ROW * at + ROW / 2, x) for at, pair in enumerate(drawn))
    foot = height - BOTTOM
    what = f"{comparison.label}{f' ({unit})' if unit else ''}: left of the line the new run is better"
    scale = "".join(
        f'<text class="soft" x="{x(end):.1f}" y="{foot + 14}" text-anchor="{anchor}">{amount(end)}</text>'
        for end, anchor in ((low, "start"), (high, "end"))
        if end
    )
    return (
        f'<figure tabindex="0"><svg viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="Paired differences by candidate">'
        f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{TOP}" y2="{foot}" stroke="var(--edge)" stroke-dasharray="3 3"/>'
        f'{marks}{scale}<text class="soft" x="{WIDTH - 20}" y="{foot + 30}" text-anchor="end">'
        f"{html.escape(what)}</text></svg></figure>\n"
    )


def _mark(pair: Pair, y: float, x: object) -> str:
    name = html.escape(pair.name)
    told = html.escape(f"{pair.name}: {amount(pair.difference)} ({between(pair.low, pair.high)}), {pair.told}")
    return (
        f'<g><title>{told}</title><text x="{LEFT}" y="{y + 4:.0f}" text-anchor="end">{name}</text>'
        f'<line x1="{x(pair.low):.1f}" x2="{x(pair.high):.1f}" y1="{y:.0f}" y2="{y:.0f}" '
        f'stroke="var(--accent)" stroke-width="3"/>'
        f'<circle cx="{x(pair.difference):.1f}" cy="{y:.0f}" r="4.5" fill="var(--accent)"/></g>'
    )

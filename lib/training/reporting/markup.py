"""Text from data and configuration in Markdown: it stands there as it was written, and is never markup."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.models.metrics import Metric

# Text and axes of figures are drawn in this colour and in nothing else; the report replaces it by the colour of the
# page's text, so that a dark page needs no second picture.
INK = "#2b2d31"
# What Markdown, or the mathematics, links, names and smileys that its readers add to it, could take for a sign. An
# underscore inside a word is none; a blank at an edge would keep ** beside it from being bold.
_SIGNS = re.compile(
    r"[\\`*~^<>&\[\]|$@#]|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.|:(?=\S)|^[-+=](?!\d)|^\d+[.)](?!\S)|^[:\s]|\s\Z",
    re.IGNORECASE,
)
# JupyterLab and GitHub look for these ones in the finished page too, each piece of text between two tags for itself.
_ALONE = "$@#:"
_TAGS = re.compile("</?span>")


def literal(text: object) -> str:
    """Write a text so that Markdown shows it as it is, on one line; wherever one stands in a sentence or a table."""
    return _SIGNS.sub(_reference, " ".join(str(text).splitlines()))


def literal_metric(metric: Metric) -> Metric:
    """Write a metric's label and unit so, for the sentences that it stands in."""
    return replace(metric, label=literal(metric.label), unit=literal(metric.unit))


def _reference(sign: re.Match[str]) -> str:
    reference = "".join(f"&#{ord(character)};" for character in sign[0])
    return f"<span>{reference}</span>" if sign[0] in _ALONE else reference


def for_page(markdown: str) -> str:
    """Leave out the tags around single signs: a report runs nothing that would look for them."""
    return _TAGS.sub("", markdown)


def shown(markdown: str) -> str:
    """Give a line of Markdown as its reader sees it, where nothing stands in it but literal text."""
    return html.unescape(for_page(markdown))

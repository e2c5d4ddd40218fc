"""Text from a manifest in a workflow's Markdown: it stands there as it was written, and is never markup.

As training.reporting.markup does it for the reports, which this environment cannot import; a test holds the two
together.
"""

from __future__ import annotations

import re

_SIGNS = re.compile(
    r"[\\`*~^<>&\[\]|$@#]|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.|:(?=\S)|^[-+=](?!\d)|^\d+[.)](?!\S)|^[:\s]|\s\Z",
    re.IGNORECASE,
)
_ALONE = "$@#:"  # GitHub looks for these ones in the finished page too, each piece of text between two tags for itself


def literal(text: object) -> str:
    """Write a text so that Markdown shows it as it is, on one line; wherever one stands in a sentence or a table."""
    return _SIGNS.sub(_reference, " ".join(str(text).splitlines()))


def _reference(sign: re.Match[str]) -> str:
    reference = "".join(f"&#{ord(character)};" for character in sign[0])
    return f"<span>{reference}</span>" if sign[0] in _ALONE else reference


def fenced(text: str) -> str:
    """Write a text of several lines, such as a log, as a block of its own that nothing in it can end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(4, longest + 1)
    return f"{fence}text\n{text}\n{fence}"

"""Texts that somebody's data may hold, and that a figure, Markdown or HTML could take for something else."""

from __future__ import annotations

from html.parser import HTMLParser

TEXTS = [
    "$$", "$x$", r"$\frac{1}{$", "_private", "_x_", "__init__", "a|b", "<script>alert(1)</script>", "<img src=x>",
    "**b**", "*", "[x](http://y)", "![x](http://y)", "# h", "#12", "@me", ":smile:", "&amp;", "&#36;", "`code`", "```",
    r"\alpha", r"\(a\)", r"\begin{a}b\end{a}", "50 %", "äöü 😀", "a\nb", "{{7*7}}", "{% raw %}", "#2b2d31",
    'id="x" href="#y" url(#z)', "fill: #ffffff", "]]>", "<!-- c", "- a", "1. a", "1) a", "> q", "~~s~~", "[^1]", "---",
    "www.a.com", "http://a.b/c?d=e", "me@x.org", ": d", "[ ] t", "'q'", '"q"', "{}", "%s", "_", "\u00a0x\u00a0",
]  # fmt: skip


def seen(text: str) -> str:
    """A text as a browser's reader sees it: blanks and the ends of lines are one blank."""
    return " ".join(text.split())


class Page(HTMLParser):
    """A page as its reader sees it: `elements` without those in `passed`, each with its attributes, and `text`."""

    passed = ("span",)

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.feed(html)
        self.close()
        self.text = seen("".join(self.pieces))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.passed:
            self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

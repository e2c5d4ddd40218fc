"""Tables and pipelines as a report shows them."""

from __future__ import annotations

import html
import inspect
import textwrap
from typing import TYPE_CHECKING, Any

from IPython.display import HTML

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from sklearn.pipeline import Pipeline


def show(table: pd.DataFrame) -> HTML:
    """Show a whole table: the index as its first column, no cell cut short, each cell as it is written.

    JupyterLab takes $ in a cell for mathematics, unless a class says no.
    """
    flat = table.reset_index(allow_duplicates=True) if table.index.name else table
    written = {"index": False, "border": 0, "justify": "left", "na_rep": "", "float_format": "{:,.4g}".format}
    return HTML(flat.to_html(classes="mathjax_ignore", **written))


def outline(pipeline: Pipeline) -> HTML:
    """Show the parts of a pipeline in their order, one a line: name, class, and what is set in it.

    scikit-learn's own drawing takes a second or two and a hundred times the space, and shows addresses in memory, so
    that pages of equal runs would differ.
    """
    text = "\n".join(_lines(pipeline))
    return HTML(f'<pre tabindex="0">{html.escape(text)}</pre>')  # by keyboard too it can be scrolled


def _lines(whole: Any, indent: str = "") -> Iterator[str]:
    for name, value in whole.get_params(deep=False).items():
        for inner, part in [each[:2] for each in value] if _holds_parts(value) else [(name, value)]:
            if _is_part(part):
                settings = _settings(part)
                yield f"{indent}{inner}: {type(part).__name__}" + (f"({settings})" if settings else "")
                yield from _lines(part, indent + "  ")


def _settings(part: Any) -> str:
    """What of a part is not as its class has it by itself."""
    signature = inspect.signature(type(part)).parameters
    by_itself = {name: repr(parameter.default) for name, parameter in signature.items()}
    written = {
        name: _written(value)
        for name, value in part.get_params(deep=False).items()
        # XGBoost's classes hand most parameters on, by **kwargs: None by themselves
        if not (_is_part(value) or _holds_parts(value) or repr(value) == by_itself.get(name, "None"))
    }
    return ", ".join(f"{name}={textwrap.shorten(value, 60, placeholder=' …')}" for name, value in written.items())


def _is_part(value: Any) -> bool:
    return hasattr(value, "get_params") and not inspect.isclass(value)


def _holds_parts(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, tuple) and _is_part(each[1]) for each in value)


def _written(value: Any) -> str:
    """A value without its address in memory, which another run would not have."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_written(each)}" for name, each in value.items())
    return getattr(value, "__qualname__", repr(value))

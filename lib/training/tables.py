"""Tables as a report shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.display import HTML

if TYPE_CHECKING:
    import pandas as pd


def show(table: pd.DataFrame) -> HTML:
    """Show a whole table: the index as its first column, no cell cut short."""
    flat = table.reset_index() if table.index.name else table
    return HTML(flat.to_html(index=False, border=0, justify="left", na_rep="", float_format="{:,.4g}".format))

"""Tables and pipelines as a report shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.display import HTML
from sklearn.utils import estimator_html_repr

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline


def show(table: pd.DataFrame) -> HTML:
    """Show a whole table: the index as its first column, no cell cut short, each cell as it is written.

    JupyterLab takes $ in a cell for mathematics, unless a class says no.
    """
    flat = table.reset_index(allow_duplicates=True) if table.index.name else table
    written = {"index": False, "border": 0, "justify": "left", "na_rep": "", "float_format": "{:,.4g}".format}
    return HTML(flat.to_html(classes="mathjax_ignore", **written))


def diagram(pipeline: Pipeline) -> HTML:
    """Show a pipeline as scikit-learn draws it, without its repr, which nobody reads and which takes as long."""
    return HTML(estimator_html_repr(pipeline))

"""The canonical frame: one form for the same values, however they were written.

A CSV column of 60 with gaps is read as 60.0, a client may send 60 or "60", null or nothing at all.
Each gets the same cell here: categories are strings, numbers are float64, a missing cell is NaN.
pandas is imported when a frame is made, so that reading a contract needs none of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from modelbundle.contract import Contract


# A whole number with a point and a zero, as a column with gaps has it; no other text that ends so, such as v2.0.
WHOLE_NUMBER = r"^(-?\d+)\.0$"


def canonical_category(value: Any) -> str:
    """Write one category as a string; 60, 60.0, "60" and "60.0" are one category."""
    text = str(value)
    return re.sub(WHOLE_NUMBER, r"\1", text) if ".0" in text else text


def canonical_categories(values: pd.Series) -> pd.Series:
    """Write a column of categories as canonical_category does; a missing cell stays missing."""
    return values.astype("str").str.replace(WHOLE_NUMBER, r"\1", regex=True)


def canonical_frame(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Bring the features of a frame into canonical form, in the contract's order.

    A feature that the frame lacks is a column of missing cells; other columns are left out.
    Raises ValueError where a numeric column holds text.
    """
    import pandas as pd

    columns = {}
    for name in contract.features:
        values = frame[name] if name in frame else pd.Series(float("nan"), index=frame.index)
        if contract.columns[name].kind == "categorical":
            columns[name] = canonical_categories(values)
        else:
            columns[name] = pd.to_numeric(values).astype("float64")
    return pd.DataFrame(columns, index=frame.index)


def records_to_frame(records: Iterable[Mapping[str, Any]], contract: Contract) -> pd.DataFrame:
    """Make the canonical frame of a client's records, one row each, in order.

    It is what canonical_frame makes of the same cells, column by column from arrays of objects: no cell's form depends
    on its neighbours, and a lone record, the most frequent request, costs a fifth of the time.
    """
    import numpy as np
    import pandas as pd

    rows = list(records)
    columns: dict[str, Any] = {}
    for name in contract.features:
        cells = np.array([record.get(name) for record in rows], dtype=object)
        if contract.columns[name].kind == "categorical":
            missing = pd.isna(cells)
            texts = [None if gap else canonical_category(cell) for cell, gap in zip(cells, missing, strict=True)]
            columns[name] = pd.array(texts, dtype="str")
        else:
            columns[name] = pd.to_numeric(cells).astype("float64")
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))

"""The canonical frame: one form for the same values, however they were written.

Each cell is read as `cells` says: categories become strings, numbers float64, a missing cell is NaN.
pandas is imported when a frame is made, so that reading a contract needs none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from modelbundle.contract import Contract


def canonical_frame(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Bring the features of a frame into canonical form, in the contract's order.

    A feature that the frame lacks is a column of missing cells; other columns are left out.
    Raises ValueError where a numeric column holds text.
    """
    import pandas as pd

    columns = {}
    for name in contract.features:
        values = frame[name] if name in frame else pd.Series(float("nan"), index=frame.index)
        columns[name] = _typed(read_column(values, contract.readers[name]), name, contract)
    return pd.DataFrame(columns, index=frame.index)


def records_of(table: pd.DataFrame, contract: Contract) -> list[dict[str, Any]]:
    """The rows of a table as a client would send them; missing cells are left out."""
    rows = canonical_frame(table, contract).astype(object).to_dict("records")
    return [{name: value for name, value in row.items() if value == value} for row in rows]  # NaN differs from itself


def records_to_frame(records: Iterable[Mapping[str, Any]], contract: Contract) -> pd.DataFrame:
    """Make the canonical frame of a client's records, one row each, in order.

    It is what canonical_frame makes of the same cells; no cell's form depends on its neighbours.
    """
    import pandas as pd

    rows, columns = list(records), {}
    for name in contract.features:
        read = contract.readers[name]
        columns[name] = _typed([_read(read, record.get(name)) for record in rows], name, contract)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))


def read_column(values: pd.Series, read: Callable[[Any], Any]) -> list[Any]:
    """Read a column's cells, in order; a text that stands often, as in a file, is read once."""
    import pandas as pd

    if not isinstance(values.dtype, pd.StringDtype):
        return [_read(read, value) for value in values.tolist()]
    places, texts = pd.factorize(values)
    found = [*map(read, texts.tolist()), None]  # the place of a missing cell is -1
    return [found[place] for place in places.tolist()]


def _read(read: Callable[[Any], Any], value: Any) -> Any:
    import pandas as pd

    return None if value is pd.NA or value is pd.NaT else read(value)


def _typed(cells: list[Any], name: str, contract: Contract) -> Any:
    import numpy as np
    import pandas as pd

    if contract.columns[name].kind == "categorical":
        return pd.array(cells, dtype="str")
    if wrong := [cell for cell in cells if isinstance(cell, str)]:
        raise ValueError(f"{name} should hold numbers; found {wrong[0]!r:.80}")
    return np.array(cells, dtype="float64")  # None becomes NaN

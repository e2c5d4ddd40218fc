"""What 01_eda draws in its cells: the cells themselves, on a small table."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from modelbundle.contract import Contract
from tests.conftest import ROOT
from training.data import explore
from training.reporting import plots

COLUMNS = {
    "Area": {"kind": "numeric", "unit": "sq ft"},
    "Zone": {"kind": "categorical"},
    "Price": {"role": "target", "kind": "numeric", "required": True, "unit": "USD"},
}
TABLE = pd.DataFrame(
    {"Area": [1.0, 2, 3, None, 5, 6], "Zone": list("aabbab"), "Price": ["10", "x", 30, 40, 50, None]}, dtype="object"
)


def drawn(title: str, table: pd.DataFrame = TABLE) -> Any:
    """The axes that the cell with such a title draws; None where it draws nothing."""
    notebook = json.loads((ROOT / "notebooks/01_eda.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"]]
    (source,) = [cell for cell in cells if f'("{title}' in cell or f'(f"{title}' in cell]
    contract = Contract.model_validate({"columns": COLUMNS})
    frame, y = explore.lenient_frame(table, contract)
    names = {"contract": contract, "target": "Price", "table": table, "frame": frame, "y": y}
    exec(compile(source, "01_eda", "exec"), names | {"plots": plots, "explore": explore}, found := {})  # noqa: S102
    return found.get("axes")


def bars(axes: Any) -> dict[str, float]:
    labels = [label.get_text() for label in axes.get_yticklabels()]
    return dict(zip(labels, [bar.get_width() for bar in axes.patches], strict=True))


def test_the_target_is_counted_in_forty_bins_beside_its_median():
    axes = drawn("How is {target}")

    assert sum(bar.get_height() for bar in axes.patches) == len([10, 30, 40, 50])
    assert len(axes.patches) == 40
    assert axes.lines[0].get_xdata()[0] == 35
    assert axes.lines[0].get_label() == "median 35 USD"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Price (USD)", "records (of 4)")


def test_missing_cells_are_shown_in_per_cent_the_first_column_on_top():
    axes = drawn("Which cells")

    assert bars(axes) == pytest.approx({"Price": 100 / 6, "Zone": 0, "Area": 100 / 6})
    assert axes.get_xlim() == pytest.approx((0, 110 / 6))
    assert drawn("Which cells", TABLE[:3]) is None


def test_what_drives_the_target_is_shown_strongest_on_top_in_per_cent():
    axes = drawn("What drives {target}")

    assert list(bars(axes)) == ["Zone", "Area"]
    assert bars(axes)["Area"] == pytest.approx(100)
    assert "4 records" in axes.get_xlabel()
    assert axes.get_xlim()[0] == 0

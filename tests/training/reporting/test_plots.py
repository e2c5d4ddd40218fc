"""Figures show names, units and categories as they are written: nothing of them is mathematics or SVG."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from modelbundle.contract import Contract
from modelbundle.contributions import Contributions, Typical
from tests.helpers.texts import TEXTS
from training.config.recipe import Range
from training.graph.render import _inline_svg
from training.judging.audit import Audited
from training.judging.compare import Ranked
from training.models.metrics import Metric
from training.models.search import Found
from training.reporting import plots, plots_data, plots_result, plots_search, plots_why
from training.reporting.markup import INK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

NUMBER, CATEGORY, TARGET, UNIT = "$$ <b>n</b>", "_c_ $c$", f"**t** $t$ {INK}", "$m^2$ &amp; %"
CONTRACT = Contract.model_validate(
    {
        "columns": {
            NUMBER: {"kind": "numeric", "unit": UNIT},
            CATEGORY: {"kind": "categorical"},
            TARGET: {"role": "target", "kind": "numeric", "unit": UNIT},
        }
    }
)
METRIC = Metric("neg_root_mean_squared_error", "RMSE", UNIT)
# The ones that a figure or its SVG could take for something else; one figure shows all texts.
NAMES = ["$$", r"$\frac{1}{$", "_p", "<b>&amp;", "a\nb", INK, 'id="x" url(#z)']
Y = pd.Series(np.arange(1.0, len(NAMES) + 1), name=TARGET)
FRAME = pd.DataFrame({NUMBER: Y[::-1].to_numpy(), CATEGORY: NAMES})
ALL = pd.DataFrame({CATEGORY: TEXTS})
TABLE = FRAME.assign(**{TARGET: Y})
GROUPS = pd.DataFrame({"rows": 9, "median_error": Y.to_numpy(), "coverage": 0.8, "mean_width": 7.0}, index=NAMES)
EFFECT = pd.DataFrame({"average": Y.to_numpy(), "low": 0.0, "high": 99.0}, index=NAMES)
ENTRIES = [Ranked(name, False, None, 5.0, 1.0, 1.0, -1.0, 2.0, True) for name in NAMES]
SPACE = {"$a$": Range(low=0.001, high=1000.0, log=True), "_b_": Range(low=1, high=9), "c": ["$$", "<d>"]}
TRIED = [{"$a$": 0.01, "_b_": 2, "c": "$$"}, {"$a$": 20.0, "_b_": 3, "c": "<d>"}]
FOUND = Found(TRIED, [-2.0, -1.0], {"$a$": 0.5, "_b_": 0.25})
QUOTED = {METRIC.scorer: {"value": 2.0, "low": 1.0, "high": 3.0}}
TYPICAL = Typical(scale="linear", record={NUMBER: 1.0, CATEGORY: "[x](y)"})
ADDED = {NUMBER: 2.0, CATEGORY: 1.0}
LABEL = f"{TARGET} ({UNIT})"

# Each figure, and what must be read in it.
FIGURES: dict[str, tuple[Any, list[str]]] = {
    "numbers": (lambda: plots_data.numeric_features(FRAME, Y, CONTRACT), [f"{NUMBER} ({UNIT})", LABEL]),
    "categories": (
        lambda: plots_data.categories(ALL, pd.Series(np.arange(1.0, len(TEXTS) + 1)), CATEGORY, CONTRACT, most=99),
        [f"What does {CATEGORY} say about {TARGET}?", f"{CATEGORY} (records)", *(f"{text} (1)" for text in TEXTS)],
    ),
    "leverage": (lambda: plots_data.leverage({text: np.ones(2) for text in NAMES}), NAMES),
    "split": (lambda: plots_data.split_targets(Y, {"$a$": [1, 2], "b": [3]}, CONTRACT), ["$a$ (2)", LABEL]),
    "folds": (lambda: plots_result.fold_scores([1.0, 2.0], METRIC), [METRIC.axis, f"mean 1.5 {UNIT}"]),
    "ranking": (lambda: plots_result.ranking(ENTRIES, NAMES[0], METRIC, 15), NAMES),
    "paired": (lambda: plots_result.paired(ENTRIES, "$w$", METRIC, 15), ["Is $w$ really better?", *NAMES]),
    "predicted": (
        lambda: plots_result.predicted_against_actual(Y, Y, CONTRACT), [f"actual {LABEL}", f"predicted ({UNIT})"],
    ),
    "residuals": (lambda: plots_result.residuals(Y, Y, CONTRACT), [f"too high by ({UNIT})"]),
    "errors": (
        lambda: plots_result.error_by_group(GROUPS, "$g$", UNIT),
        ["Where is it wrong? By $g$", f"median absolute error ({UNIT})", *(f"{text} (9)" for text in NAMES)],
    ),
    "coverage": (
        lambda: plots_result.coverage(GROUPS, 0.9, "$g$", UNIT),
        ["Do the intervals keep their word? By $g$", *(f"{text} (9)" for text in NAMES)],
    ),
    "audits": (
        lambda: plots_result.audits([Audited(0, "w", QUOTED, {METRIC.scorer: 2.0})], METRIC),
        [f"{METRIC.axis}: quoted with its range, and on unused records (dot; orange: missed)"],
    ),
    "learning": (
        lambda: plots_result.learning_curve([1, 2], [[2.0], [1.0]], "_w_ $w$", METRIC),
        ["rows that _w_ $w$ was fitted on", METRIC.axis],
    ),
    "progress": (lambda: plots_search.progress(FOUND, METRIC), [f"{METRIC.axis}, mean over folds"]),
    "slices": (lambda: plots_search.slices(FOUND, SPACE, METRIC), ["$a$", "_b_", "$$", "<d>", METRIC.axis]),
    "mattered": (lambda: plots_search.mattered(FOUND), ["$a$", "_b_"]),
    "blends": (
        lambda: plots_search.blends({"a": -1.0}, {("a", "a"): -1.0}, METRIC), [f"{METRIC.axis}, mean over folds"],
    ),
    "importance": (lambda: plots_why.importance({text: [1.0] for text in NAMES}, METRIC), NAMES),
    "effects": (
        lambda: plots_why.effects({CATEGORY: EFFECT, NUMBER: EFFECT.set_axis(Y)}, CONTRACT),
        [CATEGORY, LABEL, f"{NUMBER} ({UNIT})", *NAMES],
    ),
    "contributions": (
        lambda: plots_why.contributions(
            Contributions(4.0, 1.0, ADDED, ADDED), {NUMBER: 3.0, CATEGORY: "$$"}, TYPICAL, "$id$ **1**", CONTRACT
        ),
        ["Why this prediction for $id$ **1**?", f"{CATEGORY}: $$ (typical [x](y))"],
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def style(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(plots, "set_matplotlib_formats", lambda *_, **__: None)  # it would begin a notebook's session
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def svg(figure: Figure) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def texts(document: str) -> list[str]:
    """The texts that stand in an SVG, in order; one of two lines is two."""
    return ["".join(each.itertext()) for each in ET.fromstring(document).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314


@pytest.mark.filterwarnings("ignore:(Glyph|Tight layout|Matplotlib currently):UserWarning")
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_shows_every_text_as_it_is_written(name: str):
    draw, expected = FIGURES[name]
    document = svg(draw())
    found = texts(document)

    assert not {line for text in expected for line in text.split("\n")} - set(found)
    assert not [text for text in found if "mathdefault" in text], "a tick was written for mathematics"
    assert texts(_inline_svg(document, 7)) == found, "becoming a part of the page changes colours, and no text"


def test_a_figure_in_a_page_has_the_pages_colours_and_identifiers_of_its_own():
    inline = _inline_svg(svg(plots_result.fold_scores([1.0, 2.0], METRIC)), 7)

    assert INK not in inline
    assert 'id="figure7-' in inline
    assert "fill: #ffffff" not in inline

"""How all pictures look; each answers the question in its title, with units and the number of rows that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib_inline.backend_inline import set_matplotlib_formats

from training.reporting.markup import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


BLUE, ORANGE, GREY = "#3b82c4", "#d9772b", "#8a8f98"
WIDE, NARROW = (5.6, 3.6), (5.6, 2.4)


def use_style() -> None:
    """Draw crisp figures that come out the same each time: SVG, no dates, no random identifiers."""
    set_matplotlib_formats("svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    plt.rcParams.update(
        {
            "svg.hashsalt": "report",
            "svg.fonttype": "none",
            "text.parse_math": False,  # a category $$ is a text, as every other one
            "font.size": 11,
            "font.family": "sans-serif",
            "axes.titlesize": 12,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": plt.cycler(color=[BLUE, ORANGE, GREY]),
            "legend.frameon": False,
            **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
        }
    )


def new_axes(title: str, size: tuple[float, float]) -> Axes:
    """Begin a picture; title: the question that it answers; size: width and height in inches."""
    _, axes = plt.subplots(figsize=size)
    axes.set_title(title)
    axes.grid(axis="both", alpha=0.15, color=GREY)
    axes.set_axisbelow(True)
    return axes


def small_axes(title: str, count: int, height: float, *, share_y: bool = True) -> list[Axes]:
    """Begin a picture of several small ones, two in a row; height: of each, in inches."""
    rows = -(-count // 2)
    figure, grid = plt.subplots(rows, 2, figsize=(6.4, height * rows), sharey=share_y, squeeze=False)
    figure.suptitle(title, x=0.02, ha="left", fontsize=12, weight="bold")
    for unused in grid.flat[count:]:
        unused.remove()
    return list(grid.flat[:count])


def briefly(axis: Axis, ticks: int | None = None) -> None:
    """Write an axis' numbers briefly; ticks: about how many."""
    axis.set_major_formatter(FuncFormatter(short_number))
    if ticks:
        axis.set_major_locator(MaxNLocator(ticks))


def finished(axes: Axes, *, x_thousands: bool = False, y_thousands: bool = False) -> Figure:
    """End a picture; x_thousands, y_thousands: whether the ticks are amounts, written briefly."""
    if x_thousands:
        briefly(axes.xaxis, 6)
    if y_thousands:
        briefly(axes.yaxis)
    axes.figure.tight_layout()
    axes.figure.stale = False  # the notebook draws it as SVG; matplotlib would draw it for a screen too, for nobody
    return axes.figure


def short_number(value: float, _position: int | None = None) -> str:
    """Write a tick briefly: 150k, 1.5M; years and small numbers as they are."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if abs(value) >= 1e4 else f"{value:g}"

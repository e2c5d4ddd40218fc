"""Figures draw the numbers that they were given, with the units and counts that a reader needs beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from modelbundle.contract import Contract
from modelbundle.contributions import Contributions, Typical
from training.config.recipe import Range
from training.judging.audit import Audited
from training.judging.compare import Ranked
from training.models.metrics import describe
from training.models.search import Found
from training.reporting import plots_data, plots_result, plots_search, plots_why
from training.reporting.plots import BLUE, GREY, ORANGE, short_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

RMSE, R2 = describe("neg_root_mean_squared_error", "USD"), describe("r2", "USD")
CONTRACT = Contract.model_validate(
    {
        "columns": {
            "Zone": {"kind": "categorical"},
            "Area": {"kind": "numeric", "unit": "sq ft"},
            "Year": {"kind": "numeric"},
            "Lot": {"kind": "numeric"},
            "Price": {"role": "target", "kind": "numeric", "required": True, "unit": "USD"},
        }
    }
)
TABLE = pd.DataFrame(
    {
        "Zone": list("AAABBC"),
        "Area": [1.0, 2, 3, 4, 5, None],
        "Year": 7.0,
        "Lot": 8.0,
        "Price": [10.0, 20, 30, 40, 50, 60],
    }
)
ACTUAL, PREDICTED = pd.Series([100.0, 200.0, 300.0]), pd.Series([150.0, 90.0, 310.0])


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is laid out: that takes most of the time, and moves no number."""
    monkeypatch.setattr(Figure, "tight_layout", lambda self: None)
    yield
    plt.close("all")


def first(figure: Figure) -> Axes:
    return figure.axes[0]


def lines(axes: Axes) -> list[tuple[list[Any], list[Any]]]:
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]


def points(axes: Axes) -> list[list[list[float]]]:
    """Of each cloud, its points."""
    return [np.asarray(cloud.get_offsets()).tolist() for cloud in axes.collections]


def bars(axes: Axes) -> dict[str, float]:
    names = [label.get_text() for label in axes.get_yticklabels()]
    return dict(zip(names, (bar.get_width() for bar in axes.patches), strict=True))


def test_ticks_are_written_briefly():
    values = (0, 1999, 9_999, 10_000, 150_000, -12_500, 999_999, 1e6, 1.5e6)

    assert [short_number(value) for value in values] == [
        "0", "1999", "9999", "10k", "150k", "-12.5k", "999.999k", "1M", "1.5M"
    ]  # fmt: skip


def test_each_fold_of_a_candidate_stands_beside_the_mean():
    axes = first(plots_result.fold_scores([100.0, 300.0], RMSE))

    assert lines(axes)[0] == ([1, 2], [100.0, 300.0])
    assert axes.lines[1].get_ydata()[0] == 200
    assert axes.lines[1].get_label() == "mean 200 USD"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("fold (of 2)", "RMSE (USD)")


ENTRIES = [
    Ranked("best", False, None, 100.0, 10.0, 0.0, 0.0, 0.0, True),
    Ranked("close", False, None, 110.0, 20.0, 10.0, -5.0, 25.0, True),
    Ranked("far", False, None, 150.0, 30.0, 50.0, 40.0, 70.0, True),
    Ranked("median", True, None, 200.0, 40.0, 100.0, 90.0, 110.0),
    Ranked("broken", False, "it raised"),
]


def test_the_ranking_shows_the_best_on_top_with_the_spread_and_leaves_out_what_failed():
    axes = first(plots_result.ranking(ENTRIES, "best", RMSE, 15))
    marks = [box.lines[0] for box in axes.containers]
    spans = [box.lines[2][0].get_segments()[0][:, 0].tolist() for box in axes.containers]

    assert [mark.get_ydata()[0] for mark in marks] == ["median", "far", "close", "best"]
    assert [mark.get_xdata()[0] for mark in marks] == [200, 150, 110, 100]
    assert [mark.get_color() for mark in marks] == [GREY, BLUE, BLUE, ORANGE]
    assert spans == [[160, 240], [120, 180], [90, 130], [90, 110]]
    assert axes.get_xlabel() == "RMSE (USD): mean and standard deviation over 15 folds"
    assert axes.get_ylim() == (-0.5, 3.5)


def test_differences_from_the_winner_show_their_intervals_and_ties_are_grey():
    axes = first(plots_result.paired(ENTRIES, "best", RMSE, 15))
    marks = [box.lines[0] for box in axes.containers]
    spans = [box.lines[2][0].get_segments()[0][:, 0].tolist() for box in axes.containers]

    assert [(mark.get_ydata()[0], mark.get_xdata()[0], mark.get_color()) for mark in marks] == [
        ("far", 50, BLUE), ("close", 10, GREY)
    ]  # fmt: skip
    assert spans == [[40, 70], [-5, 25]]
    assert axes.get_xlabel() == "worse than best by (USD), 15 folds; grey crosses zero: a tie"
    assert "(" not in first(plots_result.paired(ENTRIES, "best", R2, 15)).get_xlabel()
    assert plots_result.paired([ENTRIES[0], ENTRIES[3], ENTRIES[4]], "best", RMSE, 15) is None


def test_predictions_stand_over_the_truth_with_a_line_where_both_are_equal():
    axes = first(plots_result.predicted_against_actual(ACTUAL, PREDICTED, CONTRACT))

    assert points(axes) == [[[100, 150], [200, 90], [300, 310]]]
    assert lines(axes)[0] == ([90, 310], [90, 310])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("actual Price (USD)", "predicted (USD)")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["exact", "3 records"]


def test_errors_stand_over_the_prediction():
    axes = first(plots_result.residuals(ACTUAL, PREDICTED, CONTRACT))

    assert points(axes) == [[[150, 50], [90, -110], [310, 10]]]
    assert lines(axes)[0][1] == [0, 0]
    assert axes.get_xlabel() == "predicted Price (USD), 3 records"


GROUPS = pd.DataFrame(
    {"rows": [2000, 30], "median_error": [70.0, 90.0], "coverage": [0.91, 0.6], "mean_width": [1234.0, 56_789.0]},
    index=["low", "high"],
)


def test_groups_show_their_error_and_how_many_they_are():
    axes = first(plots_result.error_by_group(GROUPS, "Zone", "USD"))

    assert bars(axes) == {"high (30)": 90, "low (2,000)": 70}
    assert axes.get_xlabel() == "median absolute error (USD)"


def test_coverage_is_shown_in_per_cent_beside_what_was_promised_and_the_width():
    axes = first(plots_result.coverage(GROUPS, 0.9, "Zone", "USD"))
    usual = first(plots_result.coverage(GROUPS.assign(coverage=[0.91, 0.85]), 0.9, "Zone", ""))

    assert lines(axes)[0] == ([60, 91], ["high (30)", "low (2,000)"])
    assert axes.lines[1].get_xdata()[0] == 90
    assert [text.get_text() for text in axes.texts] == ["57k", "1200"]
    assert [text.xy[0] for text in axes.texts] == [60, 91]
    assert axes.get_xlim() == (57, 104)
    assert usual.get_xlim() == (70, 104)
    assert "promised 90%" in axes.get_xlabel()
    assert "(USD)" in axes.get_xlabel()
    assert "(target)" in usual.get_xlabel()


def test_a_re_split_whose_range_missed_is_orange():
    quoted = {RMSE.scorer: {"value": 10.0, "low": 8.0, "high": 13.0}}
    found = [Audited(7, "svr", quoted, {RMSE.scorer: 12.0}), Audited(9, "svr", quoted, {RMSE.scorer: 14.0})]
    axes = first(plots_result.audits(found, RMSE))

    assert lines(axes) == [
        ([8, 13], [0, 0]), ([10], [0]), ([12], [0]), ([8, 13], [1, 1]), ([10], [1]), ([14], [1])
    ]  # fmt: skip
    assert [axes.lines[place].get_color() for place in (2, 5)] == [BLUE, ORANGE]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["7", "9"]


def test_a_learning_curve_shows_every_fold_and_the_mean():
    axes = first(plots_result.learning_curve([100, 200], [[5.0, 7.0], [3.0, 4.0]], "svr", RMSE))

    assert lines(axes) == [([100, 100], [5, 7]), ([200, 200], [3, 4]), ([100, 200], [6, 3.5])]
    assert axes.get_xlabel() == "rows that svr was fitted on"
    assert axes.get_legend_handles_labels()[1] == ["mean over 2 folds"]


def test_each_number_has_a_small_picture_of_its_own():
    figure = plots_data.numeric_features(TABLE[:5], TABLE["Price"][:5], CONTRACT)

    assert [axes.get_xlabel() for axes in figure.axes] == ["Area (sq ft)", "Year", "Lot"]
    assert points(figure.axes[0])[0] == [[1, 10], [2, 20], [3, 30], [4, 40], [5, 50]]
    assert [axes.get_ylabel() for axes in figure.axes] == ["Price (USD)", "", "Price (USD)"]
    assert figure.get_size_inches().tolist() == [6.4, 4.8]


def test_the_commonest_categories_are_ordered_by_their_median():
    prices = pd.Series([50.0, 60, 70, 10, 20, 5])
    axes = first(plots_data.categories(TABLE, prices, "Zone", CONTRACT, most=2))
    spans = [segment[:, 0].tolist() for segment in axes.collections[0].get_segments()]

    assert lines(axes)[0] == ([15, 60], ["B (2)", "A (3)"])
    assert spans == [[12.5, 17.5], [55, 65]]


def test_leverage_shows_the_strongest_row_and_the_middle_one():
    axes = first(plots_data.leverage({"plain": np.array([0.1, 0.2, 0.9]), "scaled": np.array([0.3, 0.2, 0.1])}))

    assert bars(axes) == {"scaled": 0.3, "plain": 0.9}
    assert [line.get_xdata()[0] for line in axes.lines] == [0.2, 0.2]
    assert "3 rows" in axes.get_xlabel()


def test_parts_of_a_split_are_shown_as_shares_at_or_below():
    y = pd.Series([30.0, 10.0, 20.0, 40.0])
    axes = first(plots_data.split_targets(y, {"training": [0, 1, 2], "hold-out": [3]}, CONTRACT))

    assert lines(axes) == [([10, 20, 30], pytest.approx([100 / 3, 200 / 3, 100])), ([40], [100])]
    assert [line.get_label() for line in axes.lines] == ["training (3)", "hold-out (1)"]


FOUND = Found(
    [{"C": 0.1, "kind": "b", "depth": 2}, {"C": 10.0, "kind": "a", "depth": 3}, {"C": 100.0, "kind": "b", "depth": 4}],
    [-300.0, -100.0, -200.0], {"C": 0.75, "kind": 0.25},
)  # fmt: skip
SPACE = {"C": Range(low=0.01, high=1000, log=True), "kind": ["a", "b"], "depth": Range(low=1, high=5)}


def test_a_search_shows_each_trial_and_the_best_so_far():
    axes = first(plots_search.progress(FOUND, RMSE))
    gains = first(plots_search.progress(Found([{}, {}, {}], [0.5, 0.4, 0.7]), R2))

    assert lines(axes) == [([1, 2, 3], [300, 100, 200]), ([1, 2, 3], [300, 100, 100])]
    assert lines(gains)[1][1] == [0.5, 0.5, 0.7]
    assert axes.get_ylim() == pytest.approx((100 - 18, 280 + 36))  # nine in ten of the trials, with a margin


def test_a_few_hopeless_trials_do_not_squeeze_the_others_where_more_is_better():
    scores = [-50.0, *(0.5 + 0.01 * number for number in range(19))]
    axes = first(plots_search.progress(Found([{"C": 1.0}] * 20, scores), R2))

    assert axes.get_ylim()[0] > 0.4
    assert axes.get_ylim()[1] > 0.68


def test_the_space_is_shown_parameter_by_parameter_with_its_edges_and_the_best_trial():
    figure = plots_search.slices(FOUND, SPACE, RMSE)
    number, choice, depth = figure.axes

    assert points(number) == [[[0.1, 300], [10, 100], [100, 200]], [[10, 100]]]
    assert points(choice) == [[[1, 300], [0, 100], [1, 200]], [[0, 100]]]
    assert [label.get_text() for label in choice.get_xticklabels()] == ["a", "b"]
    assert [line.get_xdata()[0] for line in number.lines] == [0.01, 1000]
    assert [axes.get_xscale() for axes in (number, depth)] == ["log", "linear"]
    assert not choice.lines
    assert number.get_ylim() == pytest.approx((100 - 18, 280 + 36))


def test_what_mattered_is_shown_in_per_cent():
    assert bars(first(plots_search.mattered(FOUND))) == {"kind": 25, "C": 75}


def test_blends_are_shown_by_size_with_the_best_of_each():
    scores = {("a", "b"): -90.0, ("a", "a", "b"): -85.0, ("a", "c"): -95.0}
    axes = first(plots_search.blends({"a": -150.0, "b": -120.0}, scores, RMSE))

    assert points(axes)[0] == [[1, 150], [1, 120], [2, 90], [3, 85], [2, 95]]
    assert lines(axes)[0] == ([1, 2, 3], [120, 90, 85])
    assert axes.get_xticks().tolist() == [1, 2, 3]
    assert axes.collections[0].get_label() == "5 sets"


def test_importance_shows_each_fold_and_the_mean_the_largest_on_top():
    axes = first(plots_why.importance({"Area": [30.0, 10.0], "Zone": [1.0, 3.0]}, RMSE))

    assert lines(axes)[:4] == [
        ([1, 3], ["Zone", "Zone"]),
        ([2], ["Zone"]),
        ([30, 10], ["Area", "Area"]),
        ([20], ["Area"]),
    ]
    assert axes.lines[4].get_xdata()[0] == 0
    assert axes.get_xlabel() == "RMSE worse when shuffled (USD); 2 folds and their mean"


def test_effects_show_the_average_and_the_middle_of_the_records():
    area = pd.DataFrame({"average": [10.0, 20], "low": [5.0, 12], "high": [16.0, 29]}, index=[1.0, 2.0])
    zone = area.set_axis(["A", "B"])
    figure = plots_why.effects({"Area": area, "Year": area[:0], "Zone": zone}, CONTRACT)
    number, category = figure.axes
    spans = [segment[:, 0].tolist() for segment in category.containers[0].lines[2][0].get_segments()]

    assert lines(number) == [([1, 2], [10, 20])]
    assert {tuple(place) for place in number.collections[0].get_paths()[0].vertices.tolist()} >= {
        (1, 5), (1, 16), (2, 12), (2, 29)
    }  # fmt: skip
    assert lines(category)[0] == ([10, 20], ["A", "B"])
    assert spans == [[5, 16], [12, 29]]
    assert (number.get_xlabel(), category.get_ylabel()) == ("Area (sq ft)", "Zone")
    assert plots_why.effects({"Year": area[:0]}, CONTRACT) is None


def test_a_predictions_parts_are_shown_with_the_record_and_the_typical_one():
    explained = Contributions(1300.0, 1000.0, {}, {"Zone": -50.0, "Area": 300.0, "Year": 50.5})
    typical = Typical(scale="linear", record={"Zone": "B", "Area": 1000.0, "Year": None})
    record = {"Zone": "A", "Area": 12_500.0, "Year": float("nan")}
    axes = first(plots_why.contributions(explained, record, typical, "Id 7", CONTRACT))

    assert bars(axes) == {
        "Zone: A (typical B)": -50,
        "Year: missing (typical missing)": 50.5,
        "Area: 12,500 (typical 1000)": 300,
    }
    assert [bar.get_facecolor()[:3] for bar in axes.patches] == [
        plt.matplotlib.colors.to_rgb(colour) for colour in (ORANGE, BLUE, BLUE)
    ]
    assert axes.get_xlabel() == "adds to 1,000 USD, of a typical record; together 1,300 USD"
    assert axes.get_title(loc="left") + axes.get_title() == "Why this prediction for Id 7?"


AMOUNTS = {
    "fold_scores": (lambda: plots_result.fold_scores([1.0], RMSE), False, True),
    "ranking": (lambda: plots_result.ranking(ENTRIES, "best", RMSE, 15), True, False),
    "paired": (lambda: plots_result.paired(ENTRIES, "best", RMSE, 15), True, False),
    "predicted": (lambda: plots_result.predicted_against_actual(ACTUAL, PREDICTED, CONTRACT), True, True),
    "residuals": (lambda: plots_result.residuals(ACTUAL, PREDICTED, CONTRACT), True, True),
    "error_by_group": (lambda: plots_result.error_by_group(GROUPS, "Zone", "USD"), True, False),
    "learning_curve": (lambda: plots_result.learning_curve([1], [[1.0]], "svr", RMSE), True, True),
    "progress": (lambda: plots_search.progress(FOUND, RMSE), False, True),
}


@pytest.mark.parametrize("name", AMOUNTS)
def test_amounts_along_an_axis_are_written_briefly(name: str):
    make, along, up = AMOUNTS[name]
    axes = first(make())

    for axis, brief in [(axes.xaxis, along), (axes.yaxis, up)]:
        assert (axis.get_major_formatter()(150_000, 0) == "150k") == brief

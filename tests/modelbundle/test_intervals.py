"""How far the truth may lie from a prediction: between two knots in a straight line, beyond the ends as at the end."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from modelbundle.intervals import Intervals

LINEAR = Intervals(level=0.9, scale="linear", at=(100, 200), below=(10, 30), above=(20, 40))
LOG = Intervals(level=0.9, scale="log", at=(100, 400), below=(0.1, 0.3), above=(0.2, 0.6))


@pytest.mark.parametrize(
    ("prediction", "ends"),
    [
        (50, (40, 70)),
        (100, (90, 120)),
        (150, (130, 180)),
        (175, (150, 210)),
        (200, (170, 240)),
        (1000, (970, 1040)),
        (-5, (-15, 15)),
    ],
)
def test_distances_run_straight_between_knots_and_stay_beyond_them(prediction: float, ends: tuple[float, float]):
    assert LINEAR.around(prediction) == pytest.approx(ends)


@pytest.mark.parametrize(
    ("prediction", "below", "above"),
    [(50, 0.1, 0.2), (100, 0.1, 0.2), (200, 0.2, 0.4), (400, 0.3, 0.6), (900, 0.3, 0.6)],
)
def test_on_the_logarithm_they_are_factors_and_run_straight_by_ratio(prediction: float, below: float, above: float):
    ends = prediction * math.exp(-below), prediction * math.exp(above)

    assert LOG.around(prediction) == pytest.approx(ends)


def test_one_knot_is_enough():
    assert Intervals(level=0.9, scale="linear", at=(7,), below=(1,), above=(2,)).around(100) == (99, 102)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"below": (1,)}, "must be equally long"),
        ({"above": (1, 2, 3)}, "must be equally long"),
        ({"at": (200, 100)}, "at must ascend"),
        ({"at": (100, 100)}, "at must ascend"),
        ({"at": (0, 100), "scale": "log"}, "above 0 where the scale is log"),
        ({"below": (-1, 2)}, "greater than or equal to 0"),
        ({"level": 1}, "less than 1"),
        ({"level": 0}, "greater than 0"),
        ({"at": (), "below": (), "above": ()}, "at least 1 item"),
        ({"at": (100, math.inf)}, "finite number"),
        ({"scale": "root"}, "'linear' or 'log'"),
        ({"more": 1}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_together_is_refused(change: dict[str, object], message: str):
    with pytest.raises(ValidationError, match=message):
        Intervals.model_validate(LINEAR.model_dump() | change)


def test_a_linear_scale_may_go_below_zero():
    assert Intervals.model_validate(LINEAR.model_dump() | {"at": (-5, 0)}).around(-5) == (-15, 15)

"""Why this prediction: what each feature adds to it, compared with one typical record.

The features of the typical record are changed one after another into those of the record, and each step's change of
the prediction, on the scale that the model learns on, is that feature's share. Shares depend on the order of the
steps, so they are averaged over a few orders, each walked forwards and backwards: Shapley values against one baseline
(Sundararajan and Najmi, 2020, "The many Shapley values for model explanation", ICML 37), sampled in antithetic pairs
(Mitchell and others, 2022, "Sampling permutations for Shapley value estimation", JMLR 23). With such pairs they are
exact for any model in which no three features interact.

A share of the logarithm becomes an amount by the logarithmic mean of the two predictions (Ang, 2004, "Decomposition
analysis for policymaking in energy", Energy Policy 32), so that the amounts add up to the difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from modelbundle.contract import Contract

# Orders walked both ways: three leave an average error of 0.1 % of the price on the default model, all eleven 0.09 %.
ORDERS = 3
# Less than this of a unit is what the last bits of the arithmetic leave of a feature that changes nothing.
NOTHING = 1e-6

Record = dict[str, Any]
Cell = str | int | Annotated[float, Field(allow_inf_nan=False)] | None


class Typical(BaseModel):
    """What predictions are compared with: a record without surprises, and the scale that the model learns on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: Literal["linear", "log"]
    record: dict[str, Cell]

    def read(self, contract: Contract) -> Typical:
        """The same, with its cells in the form in which the contract reads those of a client."""
        return self.model_copy(update={"record": contract.read(self.record)})


@dataclass(frozen=True)
class Contributions:
    """What each feature adds to the typical record's prediction; all in the order of the features.

    shares: on the model's scale, adding up to the difference there; amounts: in the target's unit, adding up to
    prediction - typical. A feature that is as in the typical record has exactly 0 of both. Where a prediction on the
    way is no finite number, or none above 0 on a log scale, the features of that step have NaN, and so may all.
    """

    prediction: float
    typical: float
    shares: dict[str, float]
    amounts: dict[str, float]

    @property
    def complete(self) -> bool:
        """Whether every feature has an amount."""
        return all(map(math.isfinite, self.amounts.values()))

    def leading(self, most: int) -> dict[str, float]:
        """The largest amounts, whatever their sign, the largest first."""
        return dict(sorted(self.amounts.items(), key=lambda item: -abs(item[1]))[:most])


def contributions(
    predict: Callable[[list[Record]], Sequence[float]], records: Sequence[Mapping[str, Any]], features: Sequence[str],
    typical: Typical,
) -> list[Contributions]:  # fmt: skip
    """Explain the prediction for each record.

    predict: takes records, gives predictions in the target's unit; it is called once, with at most `most_rows` rows a
    record, and with fewer where features are as in the typical record.
    """
    rows: list[Record] = []
    where = []
    for record in records:
        mixed, places = _mixtures(record, typical.record, features)
        where.append([len(rows) + place for place in places])
        rows += mixed
    predicted = [float(value) for value in predict(rows)] if rows else []
    on_scale = [_on_scale(value, typical.scale) for value in predicted]
    return [
        _explain([predicted[place] for place in places], [on_scale[place] for place in places], features, typical.scale)
        for places in where
    ]


def most_rows(features: int) -> int:
    """How many rows are predicted for a record that has nothing in common with the typical one."""
    return len(_plan(features).sets)


def in_whole_units(amounts: Sequence[Real], total: int) -> list[int]:
    """Round amounts to whole numbers that add up to total: the largest remainders are rounded up.

    total: their sum, as whoever shows it has rounded it. An amount of 0 stays 0, unless all are.
    """
    whole = [math.floor(amount) if abs(amount) > NOTHING else 0 for amount in amounts]
    places = [place for place, amount in enumerate(amounts) if abs(amount) > NOTHING] or range(len(amounts))
    each, more = divmod(total - sum(whole), len(places))
    for rank, place in enumerate(sorted(places, key=lambda place: whole[place] - amounts[place])):
        whole[place] += each + (rank < more)
    return whole


def _orders(count: int) -> list[list[int]]:
    """A few rotations of the features' order, spread evenly, and each of them reversed."""
    starts = sorted({round(number * count / ORDERS) % count for number in range(ORDERS)})
    rotations = [[*range(start, count), *range(start)] for start in starts]
    return [order for rotation in rotations for order in (rotation, rotation[::-1])]


class _Plan(NamedTuple):
    """Sets of features that are taken from the record somewhere on the way: none first, all at place `count`.

    steps: for each feature the places of the sets before and after it is taken, one pair an order.
    """

    sets: list[frozenset[int]]
    steps: list[list[tuple[int, int]]]


@lru_cache(maxsize=16)
def _plan(count: int) -> _Plan:
    orders = _orders(count)
    sets = list(dict.fromkeys(frozenset(order[:size]) for order in orders for size in range(count + 1)))
    place = {taken: number for number, taken in enumerate(sets)}
    steps: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for order in orders:
        for size, feature in enumerate(order):
            steps[feature].append((place[frozenset(order[:size])], place[frozenset(order[: size + 1])]))
    return _Plan(sets, steps)


def _mixtures(
    record: Mapping[str, Any], typical: Mapping[str, Any], features: Sequence[str]
) -> tuple[list[Record], list[int]]:
    """Mix the record with the typical one: the rows, no two alike, and for each set of the plan the place of its row.

    Two equal rows might differ in the last bits of their predictions, and then what is typical would not add 0.
    """
    usual = {name: typical.get(name) for name in features}
    different = frozenset(place for place, name in enumerate(features) if record.get(name) != usual[name])
    taken = [wanted & different for wanted in _plan(len(features)).sets]
    place = {each: number for number, each in enumerate(dict.fromkeys(taken))}
    rows = [usual | {features[at]: record.get(features[at]) for at in each} for each in place]
    return rows, [place[each] for each in taken]


def _on_scale(value: float, scale: str) -> float:
    if not math.isfinite(value) or (scale == "log" and value <= 0):
        return math.nan
    return math.log(value) if scale == "log" else value


def _explain(
    predicted: Sequence[float], on_scale: Sequence[float], features: Sequence[str], scale: str
) -> Contributions:
    """From the predictions for the sets of the plan, in the target's unit and on the model's scale."""
    steps = _plan(len(features)).steps
    shares = [sum(on_scale[after] - on_scale[before] for before, after in each) / len(each) for each in steps]
    typical, prediction = predicted[0], predicted[len(features)]
    per_share = _logarithmic_mean(prediction, typical) if scale == "log" else 1.0
    return Contributions(
        prediction,
        typical,
        dict(zip(features, shares, strict=True)),
        {name: share * per_share for name, share in zip(features, shares, strict=True)},
    )


def _logarithmic_mean(one: float, other: float) -> float:
    """The amount that one unit of the logarithm stands for between two numbers; NaN if one is not above 0."""
    if not (0 < one < math.inf and 0 < other < math.inf):
        return math.nan
    apart = (one - other) / other
    if apart == 0:
        return other
    # of two logarithms that are nearly equal the difference has few digits left
    return (one - other) / (math.log1p(apart) if abs(apart) < 0.5 else math.log(one) - math.log(other))

"""Why a price: that of the typical record and what each feature adds to it, which add up to the last digit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.problems import Problem
from app.programs.rounding import digits_of, rounded, shared_out
from modelbundle.amounts import plain

if TYPE_CHECKING:
    from modelbundle.bundle import Bundle
    from modelbundle.contributions import Contributions

# A record costs about as much as sixty that are only priced.
MAX_EXPLAINED = 100
MINUS = "\N{MINUS SIGN}"  # as wide as a plus


@dataclass(frozen=True)
class Reason:
    """One feature on the page: its value here and in the typical record, what that adds, and how long the bar is.

    bar: -100 to 100, of the largest on the page.
    """

    name: str
    here: str
    typical: str
    adds: str
    bar: int


@dataclass(frozen=True)
class Reasons:
    """Why this price, for the page: the typical record's, the difference, and what makes it, the largest first."""

    typical: str
    together: str
    features: list[Reason]


def check_explainable(records: int, bundle: Bundle) -> None:
    """Raise Problem 400 if the bundle has nothing to compare with, 413 if there are too many records to explain."""
    if bundle.typical is None:
        detail = "this model was published without a typical record to compare with; ask without explain=true"
        raise Problem(400, "This model cannot explain", detail)
    if records > MAX_EXPLAINED:
        detail = f"expected at most {MAX_EXPLAINED} in one request with explain=true; got {records:,}"
        raise Problem(413, "Too many records to explain", detail)


def explanation(found: Contributions) -> dict[str, Any]:
    """Write contributions for a client.

    Added as decimals, typical and all contributions are the prediction as it is rounded, to the last digit; unless they
    need more than the fifteen that a number in JSON is sure to hold, as cents do beyond 9,999,999,999,999.99.
    """
    digits = max(digits_of(found.prediction), digits_of(found.typical))
    difference = (rounded(found.typical), rounded(found.prediction))
    units = shared_out(found.amounts.values(), difference, digits)
    shares = {name: number / 10**digits for name, number in zip(found.amounts, units, strict=True)}
    return {"typical": rounded(found.typical), "contributions": shares}


def reasons(answer: Mapping[str, Any], record: Mapping[str, Any], bundle: Bundle) -> Reasons | None:
    """Put an answer's explanation into words and bars; None where it has none."""
    if "explanation" not in answer or bundle.typical is None:
        return None
    price, typical, usual = answer["prediction"], answer["explanation"]["typical"], bundle.typical.record
    shares = answer["explanation"]["contributions"]
    digits = max(_shown_digits(typical), _shown_digits(price))
    units = dict(zip(shares, shared_out(shares.values(), (typical, price), digits), strict=True))
    longest = max(map(abs, units.values())) or 1
    features = [
        Reason(
            name, _shown(record.get(name)), _shown(usual.get(name)), _signed(adds, digits), round(100 * adds / longest)
        )
        for name, adds in sorted(units.items(), key=lambda each: -abs(each[1]))
    ]
    return Reasons(f"{typical:,.{digits}f}", _signed(sum(units.values()), digits), features)


def _shown(value: Any) -> str:
    """A value as the form has it."""
    if value is None:
        return "not known"
    return value if isinstance(value, str) else plain(value)


def _shown_digits(value: float) -> int:
    """Digits after the point that the page gives the price itself."""
    size = abs(value)
    if size >= 100 or size == 0:
        return 0
    power = math.floor(math.log10(size))
    return 3 - power if size >= 1 else 4 if size >= 0.001 else 2 - power


def _signed(units: int, digits: int) -> str:
    return f"{units / 10**digits:+,.{digits}f}".replace("-", MINUS) if units else "0"

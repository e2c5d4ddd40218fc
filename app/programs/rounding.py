"""How numbers leave the app: rounded, and so that what belongs together adds up as it is written."""

import math
from collections.abc import Iterable
from fractions import Fraction

from modelbundle.contributions import in_whole_units


def digits_of(value: float) -> int:
    """Digits after the point: cents, or six digits in all where the unit is so large that cents tell too little."""
    return 2 if abs(value) >= 1000 or value == 0 else max(2, 5 - math.floor(math.log10(abs(value))))


def rounded(value: float) -> float:
    """Round to so many digits."""
    return round(value, digits_of(value))


def shared_out(amounts: Iterable[float], difference: tuple[float, float], digits: int) -> list[int]:
    """Round amounts so that they add up to end - start; returns whole numbers of units of the last digit.

    difference: start and end, each of which is rounded first; digits: after the point, such as 2 for cents.
    """
    start, end = (round(Fraction(value) * 10**digits) for value in difference)
    return in_whole_units([Fraction(amount) * 10**digits for amount in amounts], end - start)

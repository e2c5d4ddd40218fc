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
    """Round amounts to so many digits, in units of the last one, so that they add up to a difference.

    difference: two numbers, the first of which is taken from the second; they count as they are written with so many
    digits.
    """
    start, end = (round(Fraction(value) * 10**digits) for value in difference)
    return in_whole_units([Fraction(amount) * 10**digits for amount in amounts], end - start)

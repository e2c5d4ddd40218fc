"""Numbers as people read them, in the reports and on the app's page alike."""

from __future__ import annotations


def amount(value: float, unit: str = "", *, signed: bool = False) -> str:
    """Write a number with the digits that matter, and its unit: `35,295 USD`, `0.1680`."""
    size = abs(value)
    digits = ",.0f" if size >= 100 or size == 0 else ".4g" if size >= 1 else ".4f" if size >= 0.001 else ".3g"
    return f"{value:{'+' if signed else ''}{digits}} {unit}".rstrip()


def plain(value: float) -> str:
    """Write a limit or an input as it is, with separators only where they help: 1872, 215,245."""
    return f"{value:,.15g}" if abs(value) >= 10_000 else f"{value:.15g}"

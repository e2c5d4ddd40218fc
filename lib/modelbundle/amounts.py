"""Numbers as people read them, in the reports and on the app's page alike."""


def amount(value: float, unit: str = "", *, signed: bool = False) -> str:
    """Write a number with the digits that matter, and its unit: `35,295 USD`, `0.1680`."""
    return f"{value:{'+' if signed else ''}{_digits(value)}} {unit}".rstrip()


def between(low: float, high: float, unit: str = "") -> str:
    """Write a range with as many digits as its larger end needs: `0 to 2,905 USD`."""
    digits = _digits(max(low, high, key=abs))
    return f"{low:{digits}} to {high:{digits}} {unit}".rstrip()


def _digits(value: float) -> str:
    size = abs(value)
    return ",.0f" if size >= 100 or size == 0 else ".4g" if size >= 1 else ".4f" if size >= 0.001 else ".3g"


def percent(share: float) -> str:
    """Write a share as per cent: `90 %`, `97.5 %`."""
    return f"{share * 100:.3g} %"


def brief(value: float) -> str:
    """Write what was seen in data as `plain` does, with fewer digits unless it is a whole number."""
    digits = 10 if abs(value) >= 10_000 else 6
    return plain(value if float(value).is_integer() else float(f"{value:.{digits}g}"))


def plain(value: float) -> str:
    """Write a limit or an input as it is, with separators only where they help: 1872, 215,245."""
    return f"{value:,.15g}" if abs(value) >= 10_000 else f"{value:.15g}"

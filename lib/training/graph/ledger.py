"""How often a hold-out has been scored: told on the page and in the terminal, never in anything that is verified."""

import json
from pathlib import Path

from modelbundle.digests import digest_file, digest_json
from training.paths import ROOT

COMPARED = "04_compare"


def ledger_file() -> Path:
    """Where the records of runs leave, per hold-out, the digests of the executed comparisons that scored it."""
    return ROOT / "runs" / "history" / "ledger.json"


def holdout_id(runs: Path) -> str | None:
    """Digest of the data and of which rows are held out; None where 02_preprocess has left nothing."""
    folder = runs / "02_preprocess"
    try:
        prepared = json.loads((folder / "results.json").read_bytes())
        parts = json.loads((folder / "split.json").read_bytes())
    except FileNotFoundError:
        return None
    return digest_json([prepared["data_sha256"], sorted(parts["holdout"])])


def times_scored(runs: Path) -> int | None:
    """The number of the last comparison among those that scored its hold-out, from 1; None if there is none.

    The number belongs to that execution: a page that is rendered again from it says the same.
    """
    executed, identity = runs / COMPARED / "notebook.ipynb", holdout_id(runs)
    if identity is None or not executed.is_file():
        return None
    digest, known = digest_file(executed), read_ledger().get(identity, [])
    return 1 + (known.index(digest) if digest in known else len(known))


def read_ledger() -> dict[str, list[str]]:
    """Identity of a hold-out -> digests of the executed comparisons, in order; empty where it cannot be read."""
    try:
        return json.loads(ledger_file().read_bytes())
    except (OSError, ValueError):
        return {}


def tell_times(runs: Path) -> str:
    """Say how often the hold-out has been scored; nothing where none has been."""
    times = times_scored(runs)
    return f"This hold-out has been scored for the {ordinal(times)} time." if times else ""


def ordinal(number: int) -> str:
    """Write 1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"

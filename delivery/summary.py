"""Writing a workflow's summary in Markdown: the comparison beside the main branch's, or the cell that failed.

`make summary` prints it; a workflow appends it to $GITHUB_STEP_SUMMARY.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from delivery.gate import read
from delivery.markup import fenced, literal
from delivery.problems import DeliveryProblem

LONGEST = 20_000  # characters of a log; GitHub takes a megabyte in all


def main(arguments: list[str] | None = None) -> int:
    """Print a failed run's errors, or the ranking of a run beside that of another."""
    parser = argparse.ArgumentParser(prog="make summary", description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("models"), help="bundles of the run (default: %(default)s)")
    parser.add_argument("--before", type=Path, help="bundles to compare with, such as the main branch's")
    parser.add_argument("--log", type=Path, help="what a failed run wrote, in place of the comparison")
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # whatever the locale: it is appended to a summary
    try:
        if options.log:
            print(failure(options.log.read_text(encoding="utf-8", errors="replace")))
        else:
            print(comparison(read(options.models), read(options.before) if options.before else None))
    except (DeliveryProblem, OSError) as problem:
        print(f"make summary: {problem}", file=sys.stderr)
        return 1
    return 0


def failure(log: str) -> str:
    """Give the errors at the end of a run's log: each names its notebook, the cell and the traceback."""
    lines = log.splitlines()
    first = next((number for number, line in enumerate(lines) if " failed: " in line), max(0, len(lines) - 40))
    shown = "\n".join(lines[first:])[-LONGEST:]
    return f"### The run failed\n\n{fenced(shown)}\n"


def comparison(new: dict[str, Any], before: dict[str, Any] | None) -> str:
    """Give the ranking as a table: mean and spread over the folds of each candidate, here and before."""
    metric = new["metrics"][new["metric"]]
    label = literal(f"{metric['label']} ({metric['unit']})" if metric["unit"] else metric["label"])
    lines = [f"### {literal(new['title'])}", "", literal(new["reason"]), ""]
    if before is None or before["metric"] != new["metric"]:
        lines += [f"| Candidate | {label}, mean ± spread |", "|---|---|"]
        lines += [f"| {_name(row, new)} | {_score(row)} |" for row in new["ranking"]]
        if before is not None:
            lines += ["", f"The main branch is chosen by {literal(before['metric'])}: there is nothing to compare."]
        return "\n".join(lines) + "\n"
    rows, earlier = ({row["name"]: row for row in manifest["ranking"]} for manifest in (new, before))
    lines += [f"| Candidate | {label}, mean ± spread | on main | change |", "|---|---|---|---|"]
    for name in [*rows, *(name for name in earlier if name not in rows)]:
        row, old = rows.get(name), earlier.get(name)
        lines += [f"| {_name(row or old, new)} | {_score(row)} | {_score(old)} | {_change(row, old)} |"]
    if before == new:
        lines += ["", "The model is the same as on main, to the last byte of its manifest."]
    return "\n".join(lines) + "\n"


def _name(row: dict[str, Any], manifest: dict[str, Any]) -> str:
    name = literal(row["name"])
    return f"**{name}**" if row["name"] == manifest["winner"] else name


def _score(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    if row["failed"]:
        return f"failed: {literal(row['failed'])}"
    digits = ",.0f" if abs(row["mean"]) >= 1000 else ".4f"
    return f"{row['mean']:{digits}} ± {row['spread']:{digits}}"


def _change(row: dict[str, Any] | None, old: dict[str, Any] | None) -> str:
    if row is None or old is None:
        return "gone" if old else "new"
    return f"{row['mean'] / old['mean'] - 1:+.1%}" if row["mean"] and old["mean"] else "-"


if __name__ == "__main__":
    sys.exit(main())

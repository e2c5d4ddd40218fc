"""Deciding whether a new model may replace the current one: `make gate CURRENT=...`.

The rule is one line: the new model's mean score over its folds may be worse than the current one's by a margin at most.
It is for retraining, where nobody looks; a person who changes the model decides by the report.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from delivery.markup import literal
from delivery.problems import DeliveryProblem

MARGIN = 0.02


def main(arguments: list[str] | None = None) -> int:
    """Print the decision and its reason, and give both to a workflow; a decision either way is no error."""
    parser = argparse.ArgumentParser(prog="make gate", description=__doc__.splitlines()[0])
    parser.add_argument("new", type=Path, help="manifest.json of the new bundle, or the folder models/ that holds it")
    parser.add_argument("current", help="manifest.json of the bundle that is served; a file that is missing means none")
    parser.add_argument(
        "--margin", type=float, default=MARGIN, help="share that it may be worse (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="replace")  # a terminal may lack a letter or a sign
    try:
        current = Path(options.current)
        release, reason = decide(read(options.new), read(current) if current.exists() else None, options.margin)
    except DeliveryProblem as problem:
        print(f"make gate: {problem}", file=sys.stderr)
        return 1
    decision = "Release" if release else "No release"
    print(f"{decision}: {reason}")
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a", encoding="utf-8") as file:
            file.write(f"release={json.dumps(release)}\n")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(f"**{decision}:** {literal(reason)}\n")
    return 0


def read(path: Path) -> dict[str, Any]:
    """Read a manifest, or the current one of a folder of bundles. Raises DeliveryProblem."""
    try:
        if path.is_dir():
            version = (path / "channels/local/current").read_text(encoding="utf-8").strip()
            path = path / "bundles" / version / "manifest.json"
        manifest = json.loads(path.read_bytes())
        manifest["metrics"][manifest["metric"]]["folds_mean"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DeliveryProblem(f"{path} is no manifest of a bundle: {error!r}") from error
    return manifest


def decide(new: dict[str, Any], current: dict[str, Any] | None, margin: float) -> tuple[bool, str]:
    """Whether to release the new model, and why.

    margin: a share of the current score, 0.02 for two in a hundred.
    Raises DeliveryProblem if the two were not scored by the same metric.
    """
    if not 0 <= margin < 1:
        raise DeliveryProblem(f"the margin is a share from 0 to 1, such as 0.02; got {margin}")
    if current is None:
        return True, "there is no current model to compare with"
    if new == current:
        return False, "the new model is the current one: same data, code, parameters and packages"
    metric = new["metric"]
    if metric != current["metric"]:
        raise DeliveryProblem(
            f"the new model was chosen by {metric}, the current one by {current['metric']}: a person has to compare"
        )
    after, before = (manifest["metrics"][metric]["folds_mean"] for manifest in (new, current))
    # scikit-learn's errors are named neg_...; the manifest holds them as errors, where less is better
    loss = after - before if metric.startswith("neg_") else before - after
    label, unit = new["metrics"][metric]["label"], new["metrics"][metric]["unit"]
    rows = f"{current['data']['rows']:,} to {new['data']['rows']:,} records"
    share = f"{abs(loss / before):.1%} " if before else ""
    change = f"{label} {_shown(before)} to {_shown(after)} {unit}".strip()
    if loss <= 0:
        return True, f"{change} is {f'{share}better' if loss else 'the same'} ({rows})"
    if loss <= margin * abs(before):
        return True, f"{change} is {share}worse, within the margin of {margin:.1%} ({rows})"
    return False, f"{change} is {share}worse, more than the margin of {margin:.1%} ({rows}); the current model stays"


def _shown(score: float) -> str:
    return f"{score:,.0f}" if abs(score) >= 1000 else f"{score:.4g}"


if __name__ == "__main__":
    sys.exit(main())

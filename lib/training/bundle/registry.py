"""The registry of a configuration: `python -m training.bundle.registry conf/yours.yaml` prints its folder."""

import json
import sys
from pathlib import Path

from training.config.conf import load_conf
from training.paths import from_root, to_root
from training.problems import RunProblem, status_of


def require_own(registry: Path, name: str) -> None:
    """Raise RunProblem if what a registry serves is a model of another problem: its clients would get other answers.

    name: of the problem that would be published there. A registry whose bundle cannot be read may be mended by anyone.
    """
    try:
        version = (registry / "current").read_text(encoding="utf-8").strip()
        served = json.loads((registry / version / "manifest.json").read_bytes())["name"]
    except (OSError, ValueError, LookupError, TypeError):
        return
    if served != name:
        raise RunProblem(
            f"{to_root(registry)} is the registry of {served!r}, and serves its model; {name!r} would take its place. "
            f"Nothing was published. Give this problem a registry of its own in conf/, such as registry: models/{name}"
        )


def main() -> int:
    """Print where a configuration's bundles are published; returns the exit status."""
    return status_of("make", lambda: print(from_root(load_conf(sys.argv[1]).registry)), errors=None)


if __name__ == "__main__":
    sys.exit(main())

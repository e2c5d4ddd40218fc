"""The registry of a configuration: `python -m training.bundle.registry conf/yours.yaml` prints its folder."""

import sys
from pathlib import Path

from registry.problems import RegistryProblem
from registry.records import newest
from registry.stores_folder import Folder
from training.bundle.service import LOCAL, require_channels
from training.config.conf import load_conf
from training.paths import from_root, to_root
from training.problems import RunProblem, status_of


def require_own(registry: Path, name: str) -> None:
    """Raise RunProblem if what a registry serves is a model of another problem: its clients would get other answers.

    name: of the problem that would be published there. One whose records cannot be read
    may be mended by anyone.
    """
    require_channels(registry)
    try:
        record = newest(Folder(registry), LOCAL) if registry.is_dir() else None
    except RegistryProblem:
        return
    served = record.problem if record else name
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

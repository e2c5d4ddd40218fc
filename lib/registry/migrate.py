"""An old registry, `<version>/` beside `current`, becomes one with bundles/ and channels/.

Servers of the old layout read `current` and `<version>/` and go on serving what they serve: the file `current` stays as
it is, and a link `<version>` leads to `bundles/<version>` for the one that it names. They see no later promotion, since
nothing writes the old `current` any more: start newer ones, then remove the file and the link.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from registry.bundles import MANIFEST, manifest_read
from registry.channels import Draft, promote
from registry.files import make_folder
from registry.problems import RegistryProblem, told
from registry.records import Record, history
from registry.stores_folder import Folder

CHANNEL = "local"
_VERSION = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Migrated:
    """What was done. moved: versions that went to bundles/; left: those of another problem, where they were.

    record: number 1 of the channel `local`; None if nothing was served, or the channel has records already.
    """

    moved: tuple[str, ...]
    left: tuple[str, ...]
    record: Record | None


def migrate(root: Path, who: str) -> Migrated:
    """Bring an old registry into the new layout, once. It may be interrupted anywhere, and is done by the next call.

    Bundles of another problem than the served one stay where they are.
    Raises RegistryProblem, with nothing moved, if `current` names no bundle, or names none of several problems.
    """
    store = Folder(root)
    with told(root, "written"):
        served = _served(root)
        old = _old(root)
        problem = _problem(root, served, old)
        moved = tuple(version for version, name in old.items() if name == problem)
        for version in moved:
            _move(root, version)
        if served:
            _link(root, served)
    left = tuple(sorted(old.keys() - {*moved}))
    return Migrated(moved, left, _first(store, served, who))


def _served(root: Path) -> str | None:
    pointer = root / "current"
    if not pointer.is_file():
        return None
    version = pointer.read_text(encoding="utf-8", errors="replace").strip()
    if _VERSION.fullmatch(version) and any((root / at / version).is_dir() for at in (".", "bundles")):
        return version
    raise RegistryProblem(
        f"{pointer} should name a bundle beside it; found {version[:80]!r}. Nothing was moved: remove the file, or "
        "write the version that should be served"
    )


def _old(root: Path) -> dict[str, str]:
    """Version → problem of the bundles that lie in the old places."""
    found = {}
    for folder in sorted(root.iterdir()):
        if _VERSION.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            path = folder / MANIFEST
            found[folder.name] = manifest_read(path.read_bytes(), path)["name"] if path.is_file() else ""
    return found


def _problem(root: Path, served: str | None, old: dict[str, str]) -> str | None:
    if served:
        place = root / "bundles" / served / MANIFEST
        return old[served] if served in old else manifest_read(place.read_bytes(), place)["name"]
    problems = sorted(set(old.values()) - {""})
    if len(problems) > 1:
        raise RegistryProblem(
            f"{root} holds bundles of {', '.join(problems)}, and serves none of them. A registry belongs to one "
            "problem. Nothing was moved: put the others elsewhere"
        )
    return problems[0] if problems else None


def _move(root: Path, version: str) -> None:
    place = root / "bundles" / version
    make_folder(place.parent)
    if place.exists():  # it was registered anew meanwhile, and the newer one has today's reports
        place = place.with_name(f".old-{version}")
    (root / version).rename(place)


def _link(root: Path, version: str) -> None:
    link = root / version
    if not link.is_symlink():
        link.symlink_to(Path("bundles", version))


def _first(store: Folder, served: str | None, who: str) -> Record | None:
    if served is None or history(store, CHANNEL):
        return None
    draft = Draft(served, who, why="served when the registry got its new layout", seen=0)
    return promote(store, CHANNEL, draft)

"""Which run is meant: by an id or the beginning of one, by a tag, or the one whose bundle is served; and the tags."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.files import make_folder, unwritable
from training.paths import from_root, to_root
from training.problems import RunProblem
from training.tracking.index import heads
from training.tracking.record import history_folder

if TYPE_CHECKING:
    from training.config.conf import Conf

SERVED = "served"
SHORTEST_ID = 4
_TAG = re.compile(r"[a-z][a-z0-9._-]{0,39}")
_LIKE_AN_ID = re.compile(r"[0-9a-f]{4,}")


def find(conf: Conf, named: str) -> str:
    """The name of the run that is meant by a tag, `served`, or an id or its beginning, with or without its time.

    Raises RunProblem if there is none, or more than one.
    """
    there = heads(conf.name)
    if named == SERVED:
        return _served(conf)
    known = tags(conf.name)
    if named in known:
        return known[named]
    found = [head["name"] for head in there if _begins(head, named)]
    if len(found) == 1:
        return found[0]
    if found:
        raise RunProblem(f"{named} is the beginning of {len(found)} runs: {', '.join(found[:5])}; give more of it")
    near = difflib.get_close_matches(named, [*known, *(head["id"] for head in there)], n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise RunProblem(f"there is no run {named} of {conf.name}; {hint}make runs lists them")


def last_runs(conf: Conf, count: int) -> list[str]:
    """Names of the last runs of make run, newest first; raises RunProblem if there are fewer."""
    found = [head["name"] for head in heads(conf.name) if head["verb"] == "run"]
    if len(found) < count:
        there = f"{len(found)} record{'s' * (len(found) != 1)}"
        raise RunProblem(f"{conf.name} has {there} of make run, and {count} are needed; make run leaves one")
    return found[:count]


def tags(problem: str) -> dict[str, str]:
    """The tags of a problem's runs: tag -> the run's name. A tag of a run that is gone is none."""
    folder = _tags_folder(problem)
    files = [path for path in sorted(folder.glob("*")) if path.is_file()] if folder.is_dir() else []
    named = {path.name: path.read_text(encoding="utf-8").strip() for path in files}
    return {tag: name for tag, name in named.items() if (history_folder(problem) / name).is_dir()}


def tag(conf: Conf, run: str, name: str) -> str:
    """Give a run a tag, or take its tags from it if the name is empty; a run that is named by a tag loses that one.

    Returns what was done, as a sentence. Raises RunProblem for a bad name, and for one that another run has.
    """
    known, found = tags(conf.name), find(conf, run)
    if not name:
        gone = [run] if run in known else [tag for tag, tagged in known.items() if tagged == found]
        for each in gone:
            (_tags_folder(conf.name) / each).unlink(missing_ok=True)
        return f"{found}: {'no longer ' + ', '.join(gone) if gone else 'it had no tag'}"
    _require_good(name)
    if known.get(name, found) != found:
        raise RunProblem(f"{name} is the tag of {known[name]}; take it from there first: make tag RUN={name} NAME=")
    if name not in known:
        _create(_tags_folder(conf.name) / name, found)
    return f"{found}: {name}"


def tagged_versions(problem: str) -> list[str]:
    """The bundles of the runs that have a tag: make prune keeps them."""
    tagged = set(tags(problem).values())
    return sorted({head["bundle"] for head in heads(problem) if head["name"] in tagged and head["bundle"]})


def made_by(problem: str, version: str) -> str | None:
    """Name of the run that made a bundle; None if no record tells."""
    made = [head["name"] for head in heads(problem) if head["bundle"] == version]
    return made[-1] if made else None  # later runs found nothing to make anew


def _served(conf: Conf) -> str:
    from training.bundle import service  # it loads numpy, which a list of runs does not need

    version = service.served_version(from_root(conf.registry))
    if not version:
        raise RunProblem(f"{to_root(from_root(conf.registry))} serves no bundle yet; make run publishes one")
    if (run := made_by(conf.name, version)) is None:
        raise RunProblem(f"no record tells of the bundle that is served, {version[:12]}: it is older than the records")
    return run


def _begins(head: dict[str, Any], named: str) -> bool:
    return len(named) >= SHORTEST_ID and (head["id"].startswith(named) or head["name"].startswith(named))


def _require_good(name: str) -> None:
    if not _TAG.fullmatch(name) or _LIKE_AN_ID.fullmatch(name) or name == SERVED:
        raise RunProblem(
            f"{name!r} cannot be a tag: up to 40 of a-z, 0-9, '.', '_' and '-', beginning with a letter; "
            f"nothing that reads like an id, and not {SERVED}"
        )


def _create(path: Path, run: str) -> None:
    """Create a tag whole, and only if nobody else has just done so."""
    try:
        make_folder(path.parent)
        with tempfile.NamedTemporaryFile("w", dir=path.parent.parent, prefix=".tag-", encoding="utf-8") as file:
            file.write(f"{run}\n")
            file.flush()
            Path(file.name).chmod(0o644)
            if (dead := _dead(path)) is not None:
                dead.unlink()
            os.link(file.name, path)
    except FileExistsError:
        raise RunProblem(f"{path.name} has just become the tag of another run; make runs shows which") from None
    except OSError as error:
        raise unwritable(error, path) from error


def _dead(path: Path) -> Path | None:
    """A tag whose run is gone, which may be given anew."""
    if path.is_file() and not (path.parent.parent / path.read_text(encoding="utf-8").strip()).is_dir():
        return path
    return None


def _tags_folder(problem: str) -> Path:
    return history_folder(problem) / "tags"

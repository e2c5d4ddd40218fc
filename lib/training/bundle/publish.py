"""Bundle out: the drafted bundle takes its place in the registry, all of it or nothing."""

import contextlib
import json
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from modelbundle.digests import canonical_json, digest_file
from training.files import make_folder, unwritable, write_atomically
from training.problems import RunProblem
from training.provenance import git_commit

DRAFT = "bundle"
# What make compare leaves among the reports: it is about two runs, and belongs to no bundle.
COMPARISON = "compare.html"


def is_published(draft: Path, registry: Path) -> bool:
    """Whether the registry serves exactly this draft, with no file changed since."""
    manifest = draft / DRAFT / "manifest.json"
    if not manifest.is_file():
        return False
    version = digest_file(manifest)
    folder, pointer = registry / version, registry / "current"
    return (
        pointer.is_file()
        and pointer.read_text(encoding="utf-8").strip() == version
        and all(_same(draft / DRAFT / name, folder / name) for name in _verified(draft / DRAFT))
    )


def publish(draft: Path, reports: Path, registry: Path) -> None:
    """Copy a drafted bundle and its reports into the registry and make it the current one.

    The version's folder appears whole by one rename, and `current` changes by another; until then the previous
    bundle is served. A version that is there already is the same to the byte: it only gets today's reports.
    Raises RunProblem, with the previous bundle still current.
    """
    failed = json.loads((draft / "results.json").read_bytes())["failed"]
    if failed:
        reasons = "\n".join(f"  - {name}: {reason}" for name, reason in failed.items())
        raise RunProblem(
            f"{len(failed)} of the candidates failed:\n{reasons}\n"
            "Nothing was published: the comparison is not the one that the configuration asks for. "
            "Mend or remove them in conf/; the report shows how the others did"
        )
    version = digest_file(draft / DRAFT / "manifest.json")
    try:
        make_folder(registry)
        _remove_leftovers(registry)
        staged = Path(tempfile.mkdtemp(dir=registry, prefix=".new-"))
        try:
            _stage(draft, reports, staged)
            _put(staged, registry / version)
        finally:
            _remove_leftovers(registry)
        write_atomically(registry / "current", f"{version}\n".encode())
    except OSError as error:
        raise unwritable(error, registry) from error


def _stage(draft: Path, reports: Path, staged: Path) -> None:
    shutil.copytree(draft / DRAFT, staged, dirs_exist_ok=True)
    shutil.copytree(reports, staged / "reports", ignore=shutil.ignore_patterns(COMPARISON))
    timings = {path.parent.name: json.loads(path.read_bytes()) for path in draft.parent.glob("*/timings.json")}
    pages = sorted(path for path in (staged / "reports").rglob("*") if path.is_file())
    run = {
        "published": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": git_commit(),
        "timings": timings,
        "reports": {path.relative_to(staged / "reports").as_posix(): digest_file(path) for path in pages},
    }
    (staged / "run.json").write_bytes(canonical_json(run))
    for path in [staged, *staged.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # the app may run as another user
    for path in staged.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _put(staged: Path, folder: Path) -> None:
    damaged = folder.exists() and not all(_same(staged / name, folder / name) for name in _verified(staged))
    if damaged:
        folder.rename(Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-")) / "damaged")
    if not folder.exists():
        staged.rename(folder)
        return
    for page in (staged / "reports").rglob("*"):
        if page.is_file():
            write_atomically(folder / page.relative_to(staged), page.read_bytes())
    write_atomically(folder / "run.json", (staged / "run.json").read_bytes())


def _remove_leftovers(registry: Path) -> None:
    """Remove what a killed publisher left; the run's lock keeps another one from being at work here."""
    for old in registry.glob(".new-*"):
        shutil.rmtree(old, ignore_errors=True)
    for old in registry.glob(".current.*"):
        with contextlib.suppress(OSError):
            old.unlink()


def _verified(bundle: Path) -> list[str]:
    """Names of the files that a bundle's manifest vouches for, and its own."""
    return ["manifest.json", *json.loads((bundle / "manifest.json").read_bytes())["files"]]


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and digest_file(one) == digest_file(other)

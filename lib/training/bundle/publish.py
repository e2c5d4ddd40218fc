"""Bundle out: the drafted bundle and its reports go into the registry, and into service if the gate lets them."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from modelbundle.digests import canonical_json, digest_file
from registry.bundles import register
from registry.channels import Draft
from registry.problems import RegistryProblem
from registry.records import me
from registry.stores_folder import Folder
from training.bundle.service import LOCAL, Judge, last_refusal, put_into_service, require_channels, served_version
from training.files import make_folder, unwritable
from training.paths import COMPARISON
from training.problems import RunProblem
from training.provenance import git_commit

DRAFT = "bundle"
LEFT_SECONDS = 3600.0  # what is older and half-written was left by a publisher that was killed


def is_published(draft: Path, registry: Path) -> bool:
    """Whether the registry holds exactly this draft, with no file changed since, and serves it or refused it."""
    manifest = draft / DRAFT / "manifest.json"
    if not manifest.is_file() or not (registry / "channels").is_dir():
        return False
    version = digest_file(manifest)
    folder = registry / "bundles" / version
    try:
        settled = served_version(registry) == version or last_refusal(registry, version) is not None
    except RegistryProblem:
        return False  # publishing will tell
    return settled and all(_same(draft / DRAFT / name, folder / name) for name in _verified(draft / DRAFT))


def publish(draft: Path, reports: Path, registry: Path, judge: Judge) -> None:
    """Register a drafted bundle with its reports, and promote it to the local channel unless the gate objects.

    A version that is served already only gets today's reports.
    Raises RunProblem and RegistryProblem, with the previous bundle still in service.
    """
    require_channels(registry)
    failed = json.loads((draft / "results.json").read_bytes())["failed"]
    if failed:
        reasons = "\n".join(f"  - {name}: {reason}" for name, reason in failed.items())
        raise RunProblem(
            f"{len(failed)} of the candidates failed:\n{reasons}\n"
            "Nothing was published: the comparison is not the one that the configuration asks for. "
            "Mend or remove them in conf/; the report shows how the others did"
        )
    make_folder(registry)
    store, version = Folder(registry), digest_file(draft / DRAFT / "manifest.json")
    with tempfile.TemporaryDirectory(prefix="publish-") as folder:
        try:
            staged = Path(folder) / version
            _stage(draft, reports, staged)
        except OSError as error:
            raise unwritable(error) from error
        register(store, staged)
    store.sweep(LEFT_SECONDS)
    if served_version(registry) != version:
        put_into_service(store, LOCAL, Draft(version, me(), "make run"), judge)


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


def _verified(bundle: Path) -> list[str]:
    """Names of the files that a bundle's manifest vouches for, and its own."""
    return ["manifest.json", *json.loads((bundle / "manifest.json").read_bytes())["files"]]


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and digest_file(one) == digest_file(other)

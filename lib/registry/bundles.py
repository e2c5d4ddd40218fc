"""The bundles of a store: written once, named by the digest of their manifest, verified wherever they are copied."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelbundle.digests import digest_bytes
from registry.problems import Missing, RegistryProblem, require_safe, told

if TYPE_CHECKING:
    from registry.stores import Store

MANIFEST = "manifest.json"
SHOWN = 12  # digits of a version that people are shown: enough to give it back to any verb
_VERSION = re.compile("[0-9a-f]{64}")
_SHORT = re.compile("[0-9a-f]{6,63}")


@dataclass(frozen=True)
class Facts:
    """What a bundle tells of itself, for the record of its promotion. reports: file → digest."""

    problem: str
    data_sha256: str | None = None
    commit: str | None = None
    reports: dict[str, str] = field(default_factory=dict)


def register(store: Store, folder: Path) -> str:
    """Copy a bundle from a folder into a store; returns its version.

    It appears whole or not at all; a store in a folder that is not there is begun. A bundle that is there already is
    mended file by file where it is damaged, and gets the folder's reports and run.json. What the manifest does not
    vouch for, but these, stays behind.
    Raises RegistryProblem if the folder holds no right bundle, or one of another problem than the store's.
    """
    version, files = _gathered(folder)
    store.begin()
    require_same_problem(store, version, manifest_read(files[MANIFEST], folder / MANIFEST)["name"])
    prefix = f"bundles/{version}"
    if not store.create_tree(prefix, files, last=MANIFEST):
        _renew(store, prefix, files)
    return version


def manifest_of(store: Store, version: str) -> dict[str, Any]:
    """Read the manifest of a version. Raises RegistryProblem if it is another, or if there is none: it says what is."""
    return manifest_read(manifest_bytes(store, version), f"{store}/bundles/{version}/{MANIFEST}")


def manifest_bytes(store: Store, version: str) -> bytes:
    """Read the manifest of a version as it is written, held against its digest. Raises as `manifest_of`."""
    key = f"bundles/{version}/{MANIFEST}"
    try:
        data = store.read(key)
    except Missing:
        raise _unknown(store, version, versions(store)) from None
    if (found := digest_bytes(data)) != version:
        raise RegistryProblem(
            f"{store}/{key} has the digest {found}, but its folder is named {version}. Register the bundle again"
        )
    return data


def manifest_read(data: bytes, where: object) -> dict[str, Any]:
    """Parse a manifest. Raises RegistryProblem if it is none."""
    try:
        manifest = json.loads(data)
        if isinstance(manifest["name"], str) and isinstance(manifest["files"], dict):
            return manifest
        found = "its name is no text, or its files are no table"
    except (ValueError, LookupError, TypeError) as error:
        found = repr(error)
    raise RegistryProblem(f"{where} is no manifest of a bundle: {found}. Make the bundle again")


def facts_of(store: Store, version: str) -> Facts:
    """Read what a bundle tells of itself. Raises RegistryProblem if it is not there, saying what is."""
    manifest = manifest_of(store, version)
    data, run = manifest.get("data"), _run_of(store, version)
    return Facts(
        manifest["name"],
        data.get("sha256") if isinstance(data, dict) else None,
        run.get("commit"),
        run.get("reports") or {},
    )


def versions(store: Store) -> list[str]:
    """The versions that a store holds, sorted; one without its manifest is not there."""
    found = (name.partition("/") for name in store.names("bundles"))
    return sorted(version for version, _, rest in found if rest == MANIFEST and _VERSION.fullmatch(version))


def require(store: Store, version: str) -> str:
    """Return the full version that is meant by a full one or by its first digits, six at least.

    Raises RegistryProblem if there is none or several, saying which the store holds.
    """
    if _VERSION.fullmatch(version):
        manifest_of(store, version)
        return version
    there = versions(store)
    meant = [each for each in there if _SHORT.fullmatch(version) and each.startswith(version)]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise RegistryProblem(f"version {version} may be {' or '.join(meant)} in {store}. Give more digits")
    raise _unknown(store, version, there)


def require_same_problem(store: Store, version: str, problem: str) -> None:
    """Raise RegistryProblem if another bundle of the store belongs to another problem. Damaged ones do not count."""
    for other in versions(store):
        if other == version:
            continue
        try:
            found = manifest_of(store, other)["name"]
        except RegistryProblem:
            continue
        if found != problem:
            raise RegistryProblem(
                f"{store} is the registry of {found!r}, as bundle {other[:12]} says; {version[:12]} is of {problem!r}. "
                f"A registry belongs to one problem: give this one its own, such as registry: models/{problem}"
            )
        return


def vouched(manifest: Mapping[str, Any], data: Mapping[str, bytes], where: object) -> None:
    """Raise RegistryProblem unless each file that a manifest vouches for is there and is what it says."""
    for name, expected in manifest["files"].items():
        if name not in data:
            raise RegistryProblem(f"{where} lacks {name}, which its manifest vouches for. Make the bundle again")
        require_file(data[name], expected, f"{where}/{name}")


def require_file(data: bytes, expected: Mapping[str, Any], where: object) -> None:
    """Raise RegistryProblem unless a file is what the manifest says."""
    found = {"sha256": digest_bytes(data), "size": len(data)}
    if found != expected:
        raise RegistryProblem(
            f"{where} is not the file that its manifest describes: expected sha256 {expected.get('sha256')} "
            f"({expected.get('size')} bytes), found {found['sha256']} ({found['size']} bytes). "
            "Make the bundle again, and register it: that mends it"
        )


def is_carried(name: str) -> bool:
    """Whether a file that no manifest vouches for goes with its bundle."""
    return name == "run.json" or name.startswith("reports/")


def _gathered(folder: Path) -> tuple[str, dict[str, bytes]]:
    """Version and files of a bundle, read once: the bytes that are verified are the bytes that are written."""
    with told(folder, "read"):
        files = {MANIFEST: (folder / MANIFEST).read_bytes()}
        manifest = manifest_read(files[MANIFEST], folder / MANIFEST)
        for name in [*manifest["files"], *_carried(folder)]:
            path = folder / require_safe(name, folder)
            if path.is_file():
                files[name] = path.read_bytes()
    vouched(manifest, files, folder)
    return digest_bytes(files[MANIFEST]), files


def _carried(folder: Path) -> Iterator[str]:
    for path in [folder / "run.json", *sorted((folder / "reports").rglob("*"))]:
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix()


def _renew(store: Store, prefix: str, files: Mapping[str, bytes]) -> None:
    """Bring each file to what it should be, the manifest last; those of a right bundle are only read."""
    for name in sorted(files, key=lambda name: (name == MANIFEST, name == "run.json")):
        try:
            right = store.read(f"{prefix}/{name}") == files[name]
        except Missing:
            right = False
        if not right:
            store.replace(f"{prefix}/{name}", files[name])


def _run_of(store: Store, version: str) -> dict[str, Any]:
    try:
        run = json.loads(store.read(f"bundles/{version}/run.json"))
    except (Missing, ValueError):
        return {}
    return run if isinstance(run, dict) else {}


def _unknown(store: Store, version: str, there: list[str]) -> RegistryProblem:
    if not there:
        return RegistryProblem(f"{store} holds no bundle yet, so none of version {version[:80]!r}; make run makes one")
    nearest = difflib.get_close_matches(version[:64], there, n=3, cutoff=0) or there[:3]
    return RegistryProblem(
        f"{store} holds no bundle of version {version[:80]!r}. "
        f"It holds {len(there)}; nearest: {', '.join(each[:12] for each in nearest)}. Give one of its versions"
    )

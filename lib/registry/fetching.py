"""A bundle out of a store: verified into a temporary folder, and into its place by one rename."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelbundle.digests import digest_bytes
from registry.bundles import MANIFEST, is_carried, manifest_bytes, manifest_read, require_file
from registry.files import make_folder, write_temporary
from registry.problems import RegistryProblem, require_safe, told

if TYPE_CHECKING:
    from registry.stores import Store

_STAGED = ".fetch-"


def fetch(store: Store, version: str, target: Path) -> Path:
    """Copy a bundle into target/<version>, with every file verified; returns that folder.

    Files that an interrupted fetch left are used where they are right. Two fetches into one target wait for each other.
    Raises RegistryProblem if the store holds no such bundle or another one; what is in target stays as it was.
    """
    place = target / version
    with told(target, "written"), _alone(target):
        if _is_right(place, version):
            return place
        staged = target / f"{_STAGED}{version}"
        _remove_leftovers(target, but=staged)
        _download(store, version, staged)
        if place.exists():
            place.rename(target / f"{_STAGED}damaged")
        staged.rename(place)
        _remove_leftovers(target, but=None)
    return place


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[None]:
    make_folder(target)
    with (target / ".lock").open("w") as lock:  # a killed process holds it no longer
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_right(folder: Path, version: str) -> bool:
    try:
        data = (folder / MANIFEST).read_bytes()
        files = manifest_read(data, folder)["files"]
        return digest_bytes(data) == version and all(_is_there(folder / name, it) for name, it in files.items())
    except (OSError, RegistryProblem):
        return False


def _remove_leftovers(target: Path, but: Path | None) -> None:
    for old in target.glob(f"{_STAGED}*"):
        if old != but:
            shutil.rmtree(old)


def _download(store: Store, version: str, staged: Path) -> None:
    for half in staged.rglob(".*"):
        half.unlink()
    data = manifest_bytes(store, version)
    _write(staged / MANIFEST, data)
    files = manifest_read(data, f"{store}/bundles/{version}/{MANIFEST}")["files"]
    for name, expected in files.items():
        if not _is_there(staged / require_safe(name, store), expected):
            _write(staged / name, _read(store, version, name, expected))
    for name in filter(is_carried, store.names(f"bundles/{version}")):
        _write(staged / name, store.read(f"bundles/{version}/{name}"))


def _read(store: Store, version: str, name: str, expected: dict[str, Any]) -> bytes:
    data = store.read(f"bundles/{version}/{name}")
    require_file(data, expected, f"{store}/bundles/{version}/{name}")
    return data


def _is_there(path: Path, expected: dict[str, Any]) -> bool:
    try:
        require_file(path.read_bytes(), expected, path)
    except (OSError, RegistryProblem):
        return False
    return True


def _write(path: Path, data: bytes) -> None:
    write_temporary(path, data).replace(path)

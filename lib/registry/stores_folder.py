"""A registry in a folder of the disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from registry.files import fill, flush, link, make_folder, rename, write_temporary
from registry.problems import Missing, RegistryProblem, require_safe, told


@dataclass(frozen=True)
class Folder:
    """A registry in a folder. What is being written has a name that begins with a dot, and is never listed."""

    root: Path

    def __str__(self) -> str:
        return str(self.root)

    def begin(self) -> None:
        """Make the folder, if it is not there."""
        with told(self.root, "written"):
            make_folder(self.root)

    def create(self, key: str, data: bytes) -> bool:
        """Write a file only if it is not there, whole or not at all; returns whether it was this call that did."""
        path = self._path(key)
        with told(path, "written"):
            temporary = write_temporary(path, data)
            try:
                return link(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)

    def replace(self, key: str, data: bytes) -> None:
        """Write a file, whole or not at all, whether it is there or not."""
        path = self._path(key)
        with told(path, "written"):
            temporary = write_temporary(path, data)
            try:
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            flush(path.parent)

    def read(self, key: str) -> bytes:
        """Return a file's content. Raises Missing if it is not there."""
        path = self._path(key)
        with told(path, "read"):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                self._require_root()
                raise Missing(f"{path} does not exist") from None

    def read_all(self, keys: list[str]) -> list[bytes]:
        """Return the contents of files, in order. Raises Missing if one is not there."""
        return [self.read(key) for key in keys]

    def names(self, prefix: str, after: str = "") -> list[str]:
        """Names of the files at any depth below a prefix, relative to it and sorted; only those that come after one."""
        with told(self._path(prefix), "read"):
            return sorted(name for name, _ in self._files(prefix) if name > after)

    def times(self, prefix: str) -> dict[str, float]:
        """Name as `names` gives it → when the file was written, in seconds since 1970."""
        found = {}
        with told(self._path(prefix), "read"):
            for name, entry in self._files(prefix):
                with contextlib.suppress(FileNotFoundError):  # somebody took it away since it was listed
                    found[name] = entry.stat().st_mtime
        return found

    def folders(self, prefix: str) -> list[str]:
        """Names of the folders that lie directly below a prefix, sorted."""
        with told(self._path(prefix), "read"):
            return sorted(entry.name for entry in self._entries(prefix) if entry.is_dir())

    def delete(self, key: str) -> None:
        """Remove a file; one that is not there is no problem."""
        with told(self._path(key), "written"):
            self._path(key).unlink(missing_ok=True)

    def create_tree(self, prefix: str, files: Mapping[str, bytes], last: str) -> bool:
        """Write a folder of files only if it is not there; returns whether it was this call that did.

        It appears whole, by one rename. last: the name that makes the folder count; it matters on S3 alone.
        """
        folder = self._path(prefix)
        if folder.is_dir():
            return False
        with told(folder, "written"):
            make_folder(folder.parent)
            staged = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
            try:
                fill(staged, files)
                return rename(staged, folder)
            finally:
                shutil.rmtree(staged, ignore_errors=True)

    def delete_tree(self, prefix: str, first: str) -> None:
        """Remove a folder: out of sight by one rename, so that half of it is never there. first: as `last` above."""
        folder = self._path(prefix)
        with told(folder, "written"):
            aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".old-"))
            with contextlib.suppress(FileNotFoundError):
                folder.rename(aside / folder.name)
            shutil.rmtree(aside, ignore_errors=True)

    def sweep(self, seconds: float) -> None:
        """Remove what killed writers left, if it is older than so many seconds."""
        before = time.time() - seconds
        for path in [*self.root.glob("bundles/.*"), *self.root.glob("channels/**/.*")]:
            with contextlib.suppress(OSError):  # its writer may take it away meanwhile
                if path.stat().st_mtime < before:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _path(self, key: str) -> Path:
        return self.root / require_safe(key, self)

    def _require_root(self) -> None:
        if not self.root.is_dir():
            raise RegistryProblem(
                f"{self.root} is no folder, so nothing is known of its registry. "
                "Mend the address or mount it; make run makes a new one"
            )

    def _files(self, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        waiting = [""]
        while waiting:
            within = waiting.pop()
            for entry in self._entries(f"{prefix}/{within}" if within else prefix):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{within}{entry.name}/")
                else:
                    yield within + entry.name, entry

    def _entries(self, prefix: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / prefix) as entries:
                return [entry for entry in entries if not entry.name.startswith(".")]
        except FileNotFoundError:
            self._require_root()
            return []

"""The files that workers count in: each page of them has its room before it is used, and none is needed to serve.

The library makes a file of some size without taking the room, and maps it: where the disk is full, as /dev/shm may be,
the first count on a page that has none ends the process by SIGBUS, and each one that takes its place. Here the room is
taken first, and where there is none the process counts for itself: /metrics then answers 503, and all else goes on.
"""

import mmap
import os
from contextlib import suppress
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

FIRST_BYTES = 65_536  # as in prometheus_client 0.26: more than all series of one process need

# Why counts were lost, in memory that the workers share, since any of them may be asked; empty while none were.
_reason = mmap.mmap(-1, 1000)
_told = mmap.mmap(-1, 1)


def lost() -> str:
    """Why the counts of some worker are not among those in the files; empty if all are. It holds for the server's life.

    A file that could not be made may hold what nobody adds up, so that a later sum would be too small.
    """
    return _reason[:].rstrip(b"\0").decode(errors="replace")


def lose(error: OSError, folder: Path) -> None:
    """Take note that counts are lost."""
    if not lost():
        reason = f"{folder} takes no more counts: {error.strerror or error}"
        _reason[:] = reason.encode()[: len(_reason)].ljust(len(_reason), b"\0")


def news() -> str:
    """The same, told to the first who asks and to nobody after."""
    if not _reason[0] or _told[0]:
        return ""
    _told[0] = 1
    return lost()


class Counts(MmapedDict):
    """The library's counts of one kind in one process: in a file, or in memory where the file would not fit."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        try:
            _make(Path(filename))
            super().__init__(filename, read_mode)
        except OSError as error:
            lose(error, Path(filename).parent)
            self._f, self._m, self._capacity = None, mmap.mmap(-1, FIRST_BYTES), FIRST_BYTES
            self._positions, self._used = {}, 8  # as of a new file

    def _init_value(self, key: str) -> None:
        """Add a series; called by the library, which would let the file grow without its room."""
        while self._used + 4 * len(key) + 32 > self._capacity:
            self._grow()
        super()._init_value(key)

    def _grow(self) -> None:
        size = 2 * self._capacity
        if self._f:
            try:
                _take(self._f.fileno(), self._capacity)
                self._m, self._capacity = mmap.mmap(self._f.fileno(), size), size
            except OSError as error:
                lose(error, Path(self._fname).parent)
                self._f.close()
                self._f = None
            else:
                return
        grown = mmap.mmap(-1, size)
        grown[: self._capacity] = self._m[:]
        self._m, self._capacity = grown, size


def _make(path: Path) -> None:
    """Make a file with its room, unless it is there: under another name first, so that nobody reads half of one."""
    if path.exists():
        return
    part = path.with_suffix(".part")
    try:
        with part.open("ab", buffering=0) as file:
            _take(file.fileno(), FIRST_BYTES)
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise


def _take(file: int, size: int) -> None:
    """Append zeros to a file, with no more than that on the disk; raises OSError if they do not fit."""
    while size:
        size -= os.write(file, bytes(size))


values.MmapedDict = Counts  # by this name the library makes each of its files

"""Writing files so that what others read is whole, and is still there after a power cut."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, that others can read whatever the umask; one that is there stays as it is."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    path.chmod(path.stat().st_mode | 0o755)


def write_temporary(path: Path, data: bytes) -> Path:
    """Write a file beside the one that it is to become, flushed to the disk; its name begins with a dot."""
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            _write(file.fileno(), data)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _write(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
    os.fchmod(handle, 0o644)  # the app may run as another user
    os.fsync(handle)


def link(temporary: Path, path: Path) -> bool:
    """Give a file its final name only if nobody has it; returns whether it does now."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        # a network file system may lose the answer, and then ask again: both names are there all the same
        return temporary.stat().st_nlink == 2
    flush(path.parent)
    return True


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder of our own, flushed to the disk, for others to read."""
    for name, data in files.items():
        path = folder / name
        make_folder(path.parent)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            _write(handle, data)
        finally:
            os.close(handle)
    folder.chmod(0o755)  # mkdtemp makes it private
    for each in {(folder / name).parent for name in files}:
        flush(each)


def rename(staged: Path, folder: Path) -> bool:
    """Give a folder its final name only if no filled one has it; returns whether it does now."""
    try:
        staged.rename(folder)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):  # somebody else was quicker
            return False
        raise
    flush(folder.parent)
    return True


def flush(folder: Path) -> None:
    """Let a folder's names outlive a power cut; some file systems refuse it, and the names are right all the same."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""What a registry refuses or cannot do: each message says what, where, what was found and what to do next."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = "Free some space, and try again"
_RIGHTS = "Mend the rights of the folder, or mount it for writing, and try again"
_FILE = "A file stands where a folder should be: move it away, or mend the registry's address"
_ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _RIGHTS,
    errno.EACCES: _RIGHTS,
    errno.EPERM: f"{_RIGHTS}; a file system without hard links cannot hold a registry",
    errno.EEXIST: _FILE,
    errno.ENOTDIR: _FILE,
    errno.ENOTSUP: "A file system without hard links cannot hold a registry: put it on another one",
}


class RegistryProblem(Exception):
    """Something that a person can mend; the message alone tells, no traceback is needed."""


class Missing(RegistryProblem):
    """What was asked for is not in the store, which itself can be read."""


@contextmanager
def told(where: Path | str, done: str) -> Iterator[None]:
    """Tell what the operating system would not do as a RegistryProblem. done: `read` or `written`."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "Look at the disk, and try again")
        raise RegistryProblem(f"{where} cannot be {done}: {error.strerror or error}. {advice}") from error


def require_safe(key: str, store: object) -> str:
    """Return a key that leads to no place outside its store. Raises RegistryProblem for another."""
    if any(part in ("", ".", "..") for part in key.split("/")) or "\\" in key or "\0" in key:
        raise RegistryProblem(f"{key!r} is no name of a file in {store}: none of its parts may be empty, . or ..")
    return key

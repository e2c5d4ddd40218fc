"""Writing files so that a killed process or a full disk never leaves half of one under its final name."""

import os
import shutil
import tempfile
from pathlib import Path

from training.problems import RunProblem


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file through a temporary one beside it, flushed to the disk before it takes the name.

    Raises RunProblem if the disk refuses; the file is then as it was.
    """
    try:
        _write(path, data)
    except OSError as error:
        raise unwritable(error, path) from error


def unwritable(error: OSError, path: Path | None = None) -> RunProblem:
    """Make the sentence for what the operating system would not do, such as writing on a full disk."""
    # copying a tree raises one error with a (from, to, reason) for each file
    reason = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror or str(error)
    where = path or error.filename
    what = f"{where} cannot be written: {reason}" if where else reason
    return RunProblem(f"{what}. Free some space, or mend the folder's rights, and run again")


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, that others can read whatever the umask; one that is there stays as it is."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    path.chmod(path.stat().st_mode | 0o755)


def _write(path: Path, data: bytes) -> None:
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp makes it private; the app may run as another user
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

"""Running one notebook with papermill, and telling what went wrong so that a person can mend it."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import headless, problems
from training.graph.kernels import kernels
from training.graph.notebooks import notebook_path
from training.paths import to_root
from training.problems import Problem

if TYPE_CHECKING:
    import papermill

_ANSI = re.compile(r"\x1b\[[0-9;]*[mA]")
_BAR = re.compile(r"\|.*?\| ")  # the drawn part of a progress bar
_OUR_PROBLEMS = {name for name, item in vars(problems).items() if isinstance(item, type) and issubclass(item, Problem)}


# A notebook that works for long tells how far it is as often as this.
SECONDS_BETWEEN_NEWS = 30
# The folder for temporary files, in bytes: the sockets' names below it have up to 30 more.
LONGEST_FOLDER = 70


class NotebookFailed(Problem):
    """A notebook stopped in one of its cells, or its kernel died."""


class Progress:
    """What papermill writes a notebook's standard error to: now and then it tells where the outermost bar stands."""

    def __init__(self, node: str) -> None:
        self.node, self.told = node, time.monotonic()
        self.outermost, self.bar = "", ""  # the name of the bar that came first, and how it looked last

    def write(self, text: str) -> None:
        """Take what tqdm wrote: bars, each after a carriage return, those of inner loops among them."""
        for bar in _ANSI.sub("", text).split("\r"):
            if _BAR.search(bar):
                name = bar.partition(":")[0].strip()
                self.outermost = self.outermost or name
                self.bar = bar.strip() if name == self.outermost else self.bar
        if "100%" in self.bar:  # it has ended: the next one is the outermost
            self.outermost = ""
        if self.bar and time.monotonic() - self.told >= SECONDS_BETWEEN_NEWS:
            self.told = time.monotonic()
            sys.stdout.write(f"          … {self.node}: {_BAR.sub(' ', self.bar)}\n")
            sys.stdout.flush()

    def flush(self) -> None:
        """Do nothing: each line is passed on at once."""


def execute(notebook: str, parameters: dict[str, Any], folder: Path) -> None:
    """Execute a notebook into folder/notebook.ipynb, with its results beside it.

    parameters: all known to the notebook (papermill would ignore an unknown one). Its kernel starts in the folder,
    where no file of the user's can be in its way: cells use no relative paths, and papermill's cwd is not safe in
    threads.
    Raises NotebookFailed with the cell and the traceback; the half-run notebook stays in the folder.
    """
    headless.load("papermill", "nbclient", "jupyter_client")
    import papermill
    from nbclient.exceptions import DeadKernelError
    from traitlets.config import Config

    source, executed = notebook_path(notebook), folder / "notebook.ipynb"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        # Sockets of this user instead of TCP ports: nothing to listen in on, and no two kernels after one port.
        with tempfile.TemporaryDirectory(prefix="kernel-", dir=_short(), ignore_cleanup_errors=True) as own:
            sockets = {"transport": "ipc", "ip": f"{own}/socket", "connection_file": f"{own}/connection.json"}
            papermill.execute_notebook(
                _literally(source),
                _literally(executed),
                parameters=parameters,
                kernel_name="python3",
                kernel_manager_class=kernels(env=headless.environment(Path(own)), cwd=str(folder)),
                progress_bar=False,
                request_save_on_cell_execute=False,  # saved at the end, or with the error, not after every cell
                config=Config({"KernelManager": sockets}),
                stderr_file=Progress(folder.name),
                shutdown_kernel="immediate",  # nothing is left to clean up: results are on the disk
            )
    except papermill.PapermillExecutionError as error:
        raise NotebookFailed(_explain(error, source, executed)) from None
    except DeadKernelError:
        raise NotebookFailed(
            f"the kernel of {to_root(source)} died (out of memory, or killed); what it wrote is in {to_root(folder)}"
        ) from None


def _short() -> str | None:
    """Where sockets go: the usual folder for temporary files, if the system takes a socket's path of its length.

    It may have 103 bytes on macOS, 107 on Linux; and zmq writes it in UTF-8, where the locale may mean other bytes.
    """
    usual = tempfile.gettempdir()
    return None if usual.isascii() and len(usual) <= LONGEST_FOLDER else "/tmp"  # noqa: S108 - the name is random


def _literally(path: Path) -> str:
    """Write a path for papermill, which would put parameters in place of what stands in braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _explain(error: papermill.PapermillExecutionError, source: Path, executed: Path) -> str:
    # A sentence of ours tells the user what to do; a traceback would only hide it.
    if error.ename.rpartition(".")[2] in _OUR_PROBLEMS:
        where = f"cell {error.cell_index} of {to_root(source)}; as far as it ran: {to_root(executed)}"
        return f"{error.evalue}\n  (from {where})"
    traceback = _ANSI.sub("", "\n".join(error.traceback))
    return (
        f"cell {error.cell_index} of {to_root(source)} raised {error.ename}: {error.evalue}\n"
        f"The cell:\n{_indent(error.source)}\n{_indent(traceback)}\n"
        f"Open the half-run notebook to look around: {to_root(executed)}"
    )


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())

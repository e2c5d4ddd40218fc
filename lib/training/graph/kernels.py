"""Kernels that start in a moment: forked from one process that has imported what notebooks import.

To import scikit-learn, pandas and matplotlib takes a kernel longer than many a fit, and a run has a kernel for each
candidate. That process, `python -m training.graph.kernels`, has one thread and computes nothing, so that a copy of it
is as good as new. Only Linux forks: elsewhere system libraries forbid it, and each kernel starts for itself.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from training.headless import environment
from training.paths import CACHE

if TYPE_CHECKING:
    from jupyter_client import AsyncKernelManager

# Together they import all that takes long, and nothing that looks for a notebook around it when it is imported, as
# matplotlib_inline does. The kernel itself comes last: where it is, tqdm takes to widgets, which nobody sees.
IMPORTED = (
    "training.models.candidates",
    "training.models.evaluate",
    "training.judging.compare",
    "training.graph.session",
    "training.data.validate",
)
IMPORTED += ("matplotlib.pyplot", "ipykernel.kernelapp")
# As ipykernel sets it, but before matplotlib is imported.
FIGURES = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}

# Linux' prctl(2): the signal that a process gets when its parent ends.
PR_SET_PDEATHSIG = 1

_one_at_a_time = threading.Lock()
_parent: subprocess.Popen[str] | None = None


class Forked:
    """What jupyter_client asks of a kernel's process, where that is no child of this one."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """Return None while it lives; how it ended only its parent knows."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 1
        return None

    def wait(self) -> int:
        """Wait until it has ended."""
        while (ended := self.poll()) is None:
            time.sleep(0.01)
        return ended

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it lives."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def kernels(**options: Any) -> type[AsyncKernelManager]:
    """A class of kernels that start with these options (env, cwd), which papermill does not hand on."""
    from jupyter_client import AsyncKernelManager

    class Kernel(AsyncKernelManager):
        """A kernel of the run."""

        async def start_kernel(self, **others: Any) -> None:
            await super().start_kernel(**others | options)

        async def _async_launch_kernel(self, kernel_cmd: list[str], **how: Any) -> None:
            # the one that jupyter_client lets subclasses override "to launch kernel subprocesses differently"
            forked = _fork(kernel_cmd, how["env"], how["cwd"]) if sys.platform == "linux" else None
            if forked:
                self.provisioner.process, self.provisioner.pid = forked, forked.pid
            else:
                await super()._async_launch_kernel(kernel_cmd, **how)

    return Kernel


def _fork(command: list[str], env: dict[str, str], cwd: str) -> Forked | None:
    """Start a kernel; None if that cannot be, and it may try for itself and say why."""
    global _parent
    with _one_at_a_time, suppress(OSError, ValueError):
        if _parent is None or _parent.poll() is not None:
            CACHE.mkdir(exist_ok=True)
            _parent = subprocess.Popen(
                [sys.executable, "-P", "-m", "training.graph.kernels"],
                cwd=CACHE,  # no matplotlibrc, nor another file of somebody's, is in the way
                env=environment() | FIGURES,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C is for the run, which takes this with it
            )
        arguments = command[command.index("ipykernel_launcher") + 1 :]
        _parent.stdin.write(json.dumps({"arguments": arguments, "env": env, "cwd": cwd}) + "\n")
        _parent.stdin.flush()
        return Forked(int(_parent.stdout.readline()))
    return None


def main() -> None:
    """Fork a kernel for each line of the standard input and answer with its number, until whoever asks is gone."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the kernels' own
    sys.modules["debugpy"] = None  # ipykernel would load it, for a second or more; nobody debugs a kernel of a run
    for module in IMPORTED:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended is gone, and waits for nobody
    parent = os.getpid()
    for line in sys.stdin:
        if child := os.fork():
            answers.write(f"{child}\n")
            answers.flush()
        else:
            answers.close()
            return _be_kernel(parent, **json.loads(line))
    return None


def _be_kernel(parent: int, arguments: list[str], env: dict[str, str], cwd: str) -> None:
    import numpy as np
    from ipykernel.kernelapp import IPKernelApp

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    np.random.seed()
    # It ends when its parent does, which ends with the run and may have done so already. ipykernel would look only once
    # it has started, and then take whoever adopted it for its parent.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == parent:
        IPKernelApp.launch_instance(argv=[*arguments, f"--IPKernelApp.parent_handle={parent}"])


if __name__ == "__main__":
    main()

"""Kernels as a run starts them: forked from one process, and as good as those that start for themselves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from training.graph import kernels
from training.headless import environment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.run

ABOUT = """
import json, os, sys
import numpy as np
print(json.dumps({"folder": os.getcwd(), "told": os.environ.get("TOLD"), "backend": os.environ.get("MPLBACKEND"),
    "ready": "sklearn.svm" in sys.modules, "parent": os.getppid(), "hash": hash("a"), "drawn": np.random.random(),
    "main": __name__, "path": [entry for entry in sys.path if entry]}))
"""


@pytest.fixture(autouse=True)
def own_parent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No parent is there at first, and none is left."""
    monkeypatch.setattr(kernels, "_parent", None)
    yield
    if kernels._parent:
        kernels._parent.stdin.close()
        assert kernels._parent.wait(10) == 0
        kernels._parent.stdout.close()


def with_kernel(folder: Path, do: Callable[[Any, Any], Awaitable[Any]]) -> Any:
    """Do something with a new kernel and its client; afterwards it is gone."""

    async def done() -> Any:
        kind = kernels.kernels(env=environment(folder) | {"TOLD": "so"}, cwd=str(folder))
        manager = kind(kernel_name="python3", kernel_spec_manager=KernelSpecManager(), transport="ipc")
        manager.connection_file, manager.ip = str(folder / "connection.json"), str(folder / "socket")
        await manager.start_kernel()
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(60)
            return await do(manager, client)
        finally:
            client.stop_channels()
            await manager.shutdown_kernel(now=True)
            assert not await manager.is_alive()

    return asyncio.run(done())


async def answer(client: Any, code: str) -> dict[str, Any]:
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        said.append(message["content"].get("text", ""))

    reply = await client.execute_interactive(code, output_hook=hear, timeout=60)
    assert reply["content"]["status"] == "ok", reply["content"]
    return json.loads("".join(said))


def about(folder: Path) -> dict[str, Any]:
    return with_kernel(folder, lambda manager, client: answer(client, ABOUT))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")
def test_kernels_have_imported_what_they_need_and_else_are_like_those_that_start_for_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    one, other = about(tmp_path), about(tmp_path)
    monkeypatch.setattr(sys, "platform", "another")
    alone = about(tmp_path)

    assert (one["ready"], other["ready"], alone["ready"]) == (True, True, False)
    assert one["parent"] == other["parent"] == kernels._parent.pid
    assert len({each.pop("drawn") for each in (one, other, alone)}) == 3, "each draws its own numbers"
    assert one["folder"] == str(tmp_path)
    assert one["told"] == "so"
    for each in (one, other, alone):
        each.pop("parent")
        each.pop("ready")
    assert one == other == alone


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")
def test_a_kernel_that_is_killed_is_noticed_and_so_is_one_whose_parent_is(tmp_path: Path):
    async def killed(manager: Any, client: Any) -> bool:
        os.kill(manager.provisioner.pid, signal.SIGKILL)
        return await ends(manager)

    async def orphaned(manager: Any, client: Any) -> bool:
        kernels._parent.kill()
        return await ends(manager)

    async def ends(manager: Any) -> bool:
        for _ in range(50):
            if not await manager.is_alive():
                return True
            await asyncio.sleep(0.1)
        return False

    assert with_kernel(tmp_path, killed)
    assert with_kernel(tmp_path, orphaned)
    first = kernels._parent
    assert about(tmp_path)["parent"] != first.pid, "the next one has another"
    first.stdin.close()
    first.stdout.close()


STARTING = """
import os, sys, time
from ipykernel.kernelapp import IPKernelApp
from training.graph import kernels
IPKernelApp.launch_instance = lambda argv: (print("starts", flush=True), time.sleep(60))  # it takes its time
parent = os.getpid()
if child := os.fork():
    print(child, flush=True)
    time.sleep(60)
else:
    kernels._be_kernel(parent + int(sys.argv[1]), [], dict(os.environ), ".")
    print("does not start", flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")
@pytest.mark.parametrize(("other", "does"), [("0", "starts\n"), ("1", "does not start\n")], ids=["now", "before"])
def test_a_kernel_ends_with_a_parent_that_is_gone_before_it_has_started(tmp_path: Path, other: str, does: str):
    """As one that was forked while its run was ending; ipykernel begins to look only later."""
    command = [sys.executable, "-c", STARTING, other]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        said = [parent.stdout.readline(), parent.stdout.readline()]
        (kernel,) = [int(line) for line in said if line.strip().isdigit()]
        assert does in said
        parent.kill()
        parent.wait()
        ended = kernels.Forked(kernel)
        limit = time.monotonic() + 10
        while ended.poll() is None and time.monotonic() < limit:
            time.sleep(0.1)

        assert ended.poll() is not None


def test_where_nothing_can_be_forked_a_kernel_starts_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kernels.sys, "executable", str(tmp_path / "nothing"))

    assert kernels._fork(["python", "-m", "ipykernel_launcher", "-f", "x"], {}, "/") is None

"""A real server for a test: `python -m app` on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(registry: Path, port: int | str, **more: str) -> dict[str, str]:
    return os.environ | {"MODELS": str(registry), "PORT": str(port)} | more


@contextmanager
def serving(
    registry: Path, port: int, *, output: Path | None = None, within: Sequence[str] = (), **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server until the block ends; fails if it is not alive within a minute.

    output: a file for what it writes; within: a command that becomes the one after it; more: environment variables.
    """
    with (
        Path(output or os.devnull).open("wb") as file,
        subprocess.Popen(
            [*within, sys.executable, "-m", "app"],
            cwd=ROOT,
            env=environment(registry, port, **more),
            stdout=file,
            stderr=file,
        ) as server,
    ):
        try:
            limit = time.monotonic() + 60
            while not answers(port):
                assert server.poll() is None, "the server ended"
                assert time.monotonic() < limit, "the server did not answer within a minute"
                time.sleep(0.1)
            yield server
        finally:
            server.terminate()


def answers(port: int, path: str = "/healthz") -> bool:
    """Whether the server answers 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status == 200
    except OSError:  # refused, reset or too slow: not yet
        return False

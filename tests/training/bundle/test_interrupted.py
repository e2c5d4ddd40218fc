"""Publishing on a full disk, and killed at any step: the previous bundle is served until the new one is whole."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.training.conftest import write
from training.problems import TOLD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.training.conftest import Drafts

# Publishes again and again, each time killed one file operation later, until a run comes to its end.
KILLED_AT_EACH_STEP = """
import os, shutil, signal, sys
from pathlib import Path
from training.bundle import publish
from tests.training.conftest import agree
draft, before, folder = map(Path, sys.argv[1:])
publish.git_commit = lambda: "none"
steps = {"open", "os.mkdir", "os.rename", "os.chmod", "os.remove", "os.rmdir", "shutil.rmtree"}
for left in range(1000):
    registry = folder / f"{left:03}"
    shutil.copytree(before, registry)
    child = os.fork()
    if not child:
        def watch(event, arguments):
            global left
            if event in steps and str(registry) in str(arguments[:2]):
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1
        sys.addaudithook(watch)
        publish.publish(draft, draft / "reports", registry, agree)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel refuses to write beyond this size, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 50, 500])
def test_a_full_disk_is_told_and_the_previous_bundle_stays(drafts: Drafts, size: int):
    with pytest.raises(TOLD, match="File too large"), largest_file(size):
        drafts.publish("new")

    assert drafts.served() == "old"
    assert drafts.left == set()


@pytest.mark.parametrize("step", ["os.fsync", "shutil.copytree", "pathlib.Path.rename", "pathlib.Path.hardlink_to"])
def test_a_disk_that_fills_up_at_any_step_leaves_the_previous_bundle(
    drafts: Drafts, monkeypatch: pytest.MonkeyPatch, step: str
):
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(step, full)

    with pytest.raises(TOLD, match="No space left on device"):
        drafts.publish("new")

    assert drafts.served() == "old"
    assert drafts.left == set()


def killed_at_each_step(draft: Path, drafts: Drafts) -> list[Path]:
    """Copies of the registry, each left by a publisher that was killed one step later; the last one came to its end."""
    folder = draft.with_name("killed")
    command = [sys.executable, "-c", KILLED_AT_EACH_STEP, str(draft), str(drafts.registry), str(folder)]
    subprocess.run(command, check=True, timeout=60)
    return sorted(folder.iterdir())


def test_a_kill_at_any_step_leaves_a_sound_bundle_current(drafts: Drafts):
    registries = killed_at_each_step(drafts.new, drafts)

    served = [drafts.served(registry) for registry in registries]

    assert len(served) > 20
    assert served == sorted(served, reverse=True), "the old one until the new one is whole"
    assert (served[0], served[-1]) == ("old", "new")


@pytest.mark.parametrize("left", ["bundles/.new-x", "channels/local/.current.x"])
def test_what_a_killed_publisher_left_is_removed_by_the_next_one(drafts: Drafts, left: str):
    """The names are those that the test above finds."""
    half = drafts.registry / left
    write(half, b"half")
    drafts.publish("old")
    assert half.exists(), "its writer may be at work"

    os.utime(half, (0, 0))
    drafts.publish("old")

    assert not half.exists()
    assert drafts.served() == "old"

"""Several promoters at once: python -m tests.registry.promoters ADDRESS LOGS COUNT EACH KILLS VERSION...

They are forks of one process that has imported everything, so that they are at it at once. Each says in its log what
it was told to have promoted: number, reason. One that is killed is followed by another that does the rest.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from registry.channels import Draft, promote
from registry.stores import Store, open_store


def reported(logs: Path, name: str) -> list[tuple[int, str]]:
    """Number and reason of each promotion that a promoter was told to have made."""
    log = logs / name
    lines = log.read_text().splitlines() if log.exists() else []
    return [(int(number), why) for number, why in map(str.split, lines)]


@dataclass
class Promoters:
    """The processes by name, and how many were killed."""

    store: Store
    logs: Path
    each: int
    versions: list[str]
    running: dict[str, int] = field(default_factory=dict)
    killed: int = 0

    @property
    def last(self) -> Path:
        """The file that says that nobody is killed any more."""
        return self.logs.with_name("nobody is killed any more")

    def start(self, name: str, first: int = 0) -> None:
        """Let one promote, from its so many-th promotion on."""
        pid = os.fork()
        if pid:
            self.running[name] = pid
            return
        status = 1
        try:
            self._promote(name, first)
            status = 0
        finally:
            os._exit(status)

    def _promote(self, name: str, first: int) -> None:
        handle = os.open(self.logs / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for turn in range(first, self.each):
            while (
                turn == self.each - 1 and not self.last.exists()
            ):  # there is somebody to kill until all kills are done
                time.sleep(0.005)
            why = f"{name}-{turn}-{os.getpid()}"  # what a killed one was at is tried again, as another promotion
            record = promote(self.store, "staging", Draft(self.versions[turn % len(self.versions)], name, why))
            os.write(handle, f"{record.number} {why}\n".encode())

    def kill_one(self, uniform: Callable[[float, float], float]) -> None:
        """Kill one that has begun, at a moment of chance."""
        begun = [name for name in self.running if 0 < len(reported(self.logs, name)) < self.each]
        time.sleep(uniform(0.001, 0.02))
        if not begun:
            return
        name = begun[int(uniform(0, len(begun))) % len(begun)]
        os.kill(self.running[name], signal.SIGKILL)
        if self.wait(name) == -signal.SIGKILL:
            self.killed += 1
            self.start(name, first=len(reported(self.logs, name)))

    def wait(self, name: str) -> int:
        """Wait for one to end; returns its exit status."""
        return os.waitstatus_to_exitcode(os.waitpid(self.running.pop(name), 0)[1])


def main() -> None:
    """Run them; prints how many were killed."""
    address, logs, count, each, kills, *versions = sys.argv[1:]
    them = Promoters(open_store(address), Path(logs), int(each), versions)
    chance = random.Random(int(count) * int(each))  # noqa: S311 - not a secret
    for number in range(int(count)):
        them.start(f"p{number}")
    deadline = time.monotonic() + 120
    while them.killed < int(kills) and time.monotonic() < deadline:
        them.kill_one(chance.uniform)
    them.last.touch()
    failed = [name for name in list(them.running) if them.wait(name)]
    print(them.killed)
    sys.exit(f"{failed} failed" if failed else 0)


if __name__ == "__main__":
    main()

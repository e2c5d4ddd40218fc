"""What a soak is made of: the way to the store, which can be shut, programs, clients, and what they have seen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORD = {"Zone": "RM", "Class": 60, "Area": 7}  # as tests/helpers/registry.py asks
MAKE_BUNDLES = """
import json, sys
from pathlib import Path
from tests.helpers.registry import add
print(json.dumps({add(Path(sys.argv[1]), number): number for number in range(int(sys.argv[2]))}))
"""


def make_bundles(folder: Path, count: int) -> dict[str, int]:
    """Make small bundles; returns version → what it adds to the area, in the order in which they are promoted."""
    command = [ROOT / ".venv/bin/python", "-c", MAKE_BUNDLES, str(folder), str(count)]
    environment = os.environ | {"PYTHONPATH": "."}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)  # noqa: S603
    return json.loads(done.stdout)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Way:
    """The way to the store: a proxy on a port of its own, which can be open, closed or silent.

    Closed: connections are cut, and new ones refused. Silent: what is sent is lost, as behind a broken firewall; what
    was connected then stays silent for ever.
    """

    def __init__(self, store_port: int):
        self.store_port, self.port, self.age, self.is_open = store_port, free_port(), 0, True
        self.server: asyncio.Server | None = None
        self.ends: set[asyncio.StreamWriter] = set()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.open()

    def open(self) -> None:
        """Let everything through from now on."""
        self._do(self._listen())

    def close(self) -> None:
        """Cut what is connected, and refuse more."""
        self._do(self._cut())

    def silence(self) -> None:
        """Lose what is sent from now on."""
        self.age, self.is_open = self.age + 1, False

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    async def _listen(self) -> None:
        self.is_open = True
        if not self.server:
            self.server = await asyncio.start_server(self._meet, "127.0.0.1", self.port)

    async def _cut(self) -> None:
        self.server.close()
        self.server = None
        for end in list(self.ends):
            end.transport.abort()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        age = self.age if self.is_open else None
        there, back = await asyncio.open_connection("127.0.0.1", self.store_port)
        self.ends |= {writer, back}
        await asyncio.gather(self._carry(reader, back, age), self._carry(there, writer, age))
        self.ends -= {writer, back}

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, age: int | None) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if age == self.age:
                    writer.write(data)
                    await writer.drain()
        writer.close()


@contextlib.contextmanager
def program(command: list[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; what it writes is added to a log."""
    with log.open("ab") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=file, stderr=file)  # noqa: S603
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def retried(act: Callable[[], object]) -> None:
    """Do what may fail as long as a program has not begun."""
    limit = time.monotonic() + 60
    while True:
        try:
            act()
            return
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.2)


@dataclass
class Seen:
    """What clients and watcher have seen of the app, times on the monotonic clock.

    first, last: version → when it answered first and last. reached: number of a record → when a worker told it first.
    failed: what was wrong with a request or an answer. memory: program → the most that it took, in MB.
    """

    answers: int = 0
    first: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    reached: dict[int, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    memory: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    def count(self, version: str, wrong: str, asked: float) -> None:
        """Count an answer. asked: when its request was sent: it was being answered from then on."""
        with self.lock:
            self.answers += 1
            if wrong:
                self.failed.append(wrong)
                return
            self.first[version] = min(self.first.get(version, time.monotonic()), time.monotonic())
            self.last[version] = max(self.last.get(version, 0), asked)

    def when_reached(self, number: int) -> float | None:
        """When a worker told first that it serves this record or a later one; None if none has."""
        return min((when for found, when in list(self.reached.items()) if found >= number), default=None)


@contextlib.contextmanager
def watched(port: int, added: Mapping[str, int], programs: Mapping[str, list[int]], seen: Seen) -> Iterator[None]:
    """Let four clients ask, two of them on connections that they keep, and look at the programs, for the block."""
    acts = [partial(client, port, added, seen, keep=number % 2 == 0) for number in range(4)]
    threads = [threading.Thread(target=act) for act in (*acts, partial(watch, port, programs, seen))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        seen.ended.set()
        for thread in threads:
            thread.join()


def client(port: int, added: Mapping[str, int], seen: Seen, *, keep: bool) -> None:
    """Ask for a price all the time, and hold each answer against the bundle that it says it is of."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    while not seen.ended.wait(0.01):
        asked, version, wrong = time.monotonic(), "", ""
        try:
            connection.request("POST", "/predict", json.dumps(RECORD), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            version, body = answer.headers.get("Model-Version", ""), answer.read()
            wrong = "" if answer.status == 200 else f"{answer.status}: {body[:300]!r}"
            if not wrong:
                found = json.loads(body)["predictions"][0]["prediction"] - RECORD["Area"]
                wrong = "" if round(found) == added.get(version) else f"{version} answers {found}"
        except Exception as error:  # whatever it was, the request failed
            wrong = repr(error)
        seen.count(version, wrong, asked)
        if wrong or not keep:
            connection.close()


def watch(port: int, programs: Mapping[str, list[int]], seen: Seen) -> None:
    """Note which record is followed, and how much memory is taken."""
    turn = 0
    while not seen.ended.wait(0.05):
        with contextlib.suppress(OSError):  # the clients tell of failures
            number = followed(port)
            seen.reached.setdefault(number, time.monotonic())
        turn += 1
        for name, pids in list(programs.items()) if turn % 20 == 0 else []:
            taken = sum(memory_mb(pid) for top in pids for pid in [top, *children(top)])
            seen.memory[name] = max(seen.memory.get(name, 0), taken)


def followed(port: int) -> int:
    """Number of the record that a worker says it serves; 0 before the first."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
        return json.loads(answer.read()).get("promotion", {}).get("number", 0)


def children(pid: int) -> list[int]:
    """Processes that a process started, on Linux."""
    with contextlib.suppress(OSError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def memory_mb(pid: int) -> float:
    """Memory of a process, what it shares divided between those that share it, in MB; 0 where nobody tells."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1000
    return 0.0

"""A registry on S3 from end to end, in real processes over loopback: `make soak`; fails where a bar does.

A stand-in for S3, a puller and an app with two workers that has clients all the time. First promotions and rollbacks
come, signed, one a second; every tenth bundle is damaged in the store, or its record is signed with a key that nobody
knows. Then the store is away from the puller, twice: closed and silent. Then the puller is killed again and again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.soak_parts import ROOT, Seen, Way, followed, free_port, make_bundles, program, retried, watched
from registry import channels, signatures
from registry.bundles import register
from registry.channels import Draft
from registry.records import Record
from registry.stores import Store, open_store

CHANNEL = "production"
ADDRESS = "s3://models/house_prices"
LAG_SECONDS, BACK_SECONDS = 10, 15
PULLER = str(ROOT / ".venv-puller/bin/python")
APP = str(ROOT / ".venv/bin/python")
AWS = {
    "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}  # fmt: skip


@dataclass
class Promoter:
    """Who promotes and goes back, and what of it may be served.

    good: number → when it was promoted and its version. since: version → when its first good promotion began.
    """

    store: Store
    folders: list[Path]
    right: tuple[bytes, bytes] = field(default_factory=signatures.make_keys)
    wrong: tuple[bytes, bytes] = field(default_factory=signatures.make_keys)
    damaged: set[str] = field(default_factory=set)
    good: dict[int, tuple[float, str]] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)

    def act(self, kind: str) -> None:
        """Promote the next bundle, `good`, `damaged` or with the `wrong key`, or go back: `rollback`."""
        begun = time.monotonic()
        key = self.wrong if kind == "wrong key" else self.right
        record = self._record(kind, partial(signatures.sign, private_pem=key[0]))
        if kind != "wrong key" and record.version not in self.damaged:
            self.good[record.number] = time.monotonic(), record.version
            self.since.setdefault(record.version, begun)

    def _record(self, kind: str, sign: channels.Sign) -> Record:
        if kind == "rollback":
            return channels.rollback(self.store, CHANNEL, "soak", "a rollback of the soak", sign)
        version = register(self.store, self.folders.pop(0))
        if kind == "damaged":
            self.store.replace(f"bundles/{version}/plan.npz", b"damaged")
            self.damaged.add(version)
        return channels.promote(self.store, CHANNEL, Draft(version, "soak", kind), sign=sign)


@dataclass
class Soak:
    """All that runs. puller: its process, of which there may be another after a while; failures: bars that failed."""

    promoter: Promoter
    seen: Seen
    way: Way
    port: int
    start_puller: Callable[[], contextlib.AbstractContextManager]
    pids: dict[str, list[int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def hold(self, what: str, found: float, bar: float, unit: str) -> None:
        """Print a measured number beside its bar."""
        print(f"  {what:62}{found:8.1f} {unit:2} (bar: {bar:g})", flush=True)
        if found > bar:
            self.failures.append(what)

    def until_followed(self, number: int, seconds: float) -> float:
        """Wait until a worker serves a record, so long at most; returns how long that took."""
        begun = time.monotonic()
        while self.seen.when_reached(number) is None and time.monotonic() < begun + seconds:
            time.sleep(0.02)
        return time.monotonic() - begun


def kinds(promotions: int) -> Iterator[str]:
    """What is done, in turn: after ten promotions a rollback; one of the ten is bad, not always in the same place."""
    for number in range(1, promotions + 1):
        turn, place = divmod(number - 1, 10)
        bad = ("damaged", "wrong key")[turn % 2]
        yield bad if place == (4, 8, 9)[turn % 3] else "good"
        if place == 9:
            yield "rollback"


def every_second(acts: Iterator[Callable[[], object]]) -> None:
    """Do one after the other, one a second."""
    begun = time.monotonic()
    for number, act in enumerate(acts):
        time.sleep(max(0.0, begun + number - time.monotonic()))
        act()


def follow(soak: Soak, promotions: int) -> None:
    """Promotions and rollbacks one a second; then what was seen is held against the bars."""
    before = max(soak.promoter.good)
    every_second(partial(soak.promoter.act, kind) for kind in kinds(promotions))
    soak.until_followed(max(soak.promoter.good), 2 * LAG_SECONDS)
    print(f"{promotions} promotions and {promotions // 10} rollbacks, one a second")
    lags = [_lag(soak, number) for number in soak.promoter.good if number > before]
    soak.hold("longest from a good promotion until it, or a later one, answers", max(lags), LAG_SECONDS, "s")
    time.sleep(2)  # another worker may look a second later
    soak.hold("longest that an answer is behind", _behind(soak), LAG_SECONDS, "s")


def _lag(soak: Soak, number: int) -> float:
    reached = soak.seen.when_reached(number)
    return (reached or float("inf")) - soak.promoter.good[number][0]


def _behind(soak: Soak) -> float:
    """The longest time after the next good promotion in which a version that never came again still answered."""
    good = sorted(soak.promoter.good.items())
    longest = 0.0
    for place, (_, (_, version)) in enumerate(good):
        later = [(when, other) for _, (when, other) in good[place + 1 :]]
        if later and all(other != version for _, other in later):
            longest = max(longest, soak.seen.last.get(version, 0) - later[0][0])
    return longest


def away(soak: Soak, seconds: float, how: str) -> None:
    """Shut the way to the store, promote meanwhile, and open it again."""
    getattr(soak.way, how)()
    for _ in range(2):
        time.sleep(seconds / 2)
        soak.promoter.act("good")
    number = max(soak.promoter.good)
    if soak.seen.when_reached(number):
        soak.failures.append("the way was not shut")
    soak.way.open()
    print(f"the store away for {seconds:g} s ({how}), then back")
    soak.hold("seconds until the newest is served", soak.until_followed(number, 60), BACK_SECONDS, "s")


def kill(soak: Soak, seconds: float) -> None:
    """Kill the puller every five seconds and start another, with promotions all the time."""
    ends = time.monotonic() + seconds
    with contextlib.ExitStack() as pullers:
        while time.monotonic() < ends:
            for _ in range(5):
                soak.promoter.act("good")
                time.sleep(1)
            os.kill(soak.pids["puller"].pop(), signal.SIGKILL)
            soak.pids["puller"].append(pullers.enter_context(soak.start_puller()).pid)
        soak.promoter.act("good")
        print(f"the puller killed every 5 s for {seconds:g} s")
        taken = soak.until_followed(max(soak.promoter.good), 60)
        soak.hold("seconds until the newest is served", taken, BACK_SECONDS, "s")


def conclude(soak: Soak) -> None:
    """Hold all answers against what was good, and tell the memory."""
    seen, since = soak.seen, soak.promoter.since
    bad = [version for version, when in list(seen.first.items()) if when < since.get(version, float("inf"))]
    print(f"{seen.answers} requests, answered by {len(seen.first)} bundles")
    soak.hold("failed requests", len(seen.failed), 0, "")
    soak.hold("bad bundles that answered", len(bad), 0, "")
    for name, taken in seen.memory.items():
        print(f"  largest memory of the {name:41}{taken:8.1f} MB")
    for wrong in seen.failed[:5]:
        print(f"  failed: {wrong}")


@contextlib.contextmanager
def running(folder: Path, bundles: int) -> Iterator[Soak]:
    """Start everything, with one promotion that is served; ends it with the block."""
    print(f"making {bundles} bundles", file=sys.stderr)
    added, seen, port = make_bundles(folder / "made", bundles), Seen(), free_port()
    with contextlib.ExitStack() as stack:
        way = Way(stack.enter_context(_stand_in(folder)))
        promoter = Promoter(open_store(ADDRESS), [folder / "made" / version for version in added])
        promoter.act("good")
        (folder / "key.pub").write_bytes(promoter.right[1])
        options = ["--channel", CHANNEL, "--keys", str(folder / "key.pub")]
        puller = [PULLER, "-m", "registry.commands.pulling", ADDRESS, str(folder / "pulled"), *options]
        pulls = {"PYTHONPATH": "lib", "AWS_ENDPOINT_URL": f"http://127.0.0.1:{way.port}"}
        start = partial(program, puller, folder / "puller.log", pulls)
        app = {"MODELS": str(folder / "pulled"), "CHANNEL": CHANNEL, "WORKERS": "2", "PORT": str(port)}
        pids = {"puller": [stack.enter_context(start()).pid]}
        pids["app"] = [stack.enter_context(program([APP, "-m", "app"], folder / "app.log", app)).pid]
        retried(lambda: followed(port))
        with watched(port, added, pids, seen):
            yield Soak(promoter, seen, way, port, start, pids)


@contextlib.contextmanager
def _stand_in(folder: Path) -> Iterator[int]:
    """A stand-in for S3 with an empty bucket, which this process talks to from now on; its port."""
    port = free_port()
    os.environ.update(AWS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"})
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with program(command, folder / "s3.log", {}):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/models", method="PUT")
        retried(lambda: urllib.request.urlopen(request))  # noqa: S310
        yield port


def main() -> None:
    """Run the three parts, and exit with a failure where one bar failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--promotions", type=int, default=100, help="so many, one a second (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="of each of the other parts (default: %(default)s)")
    options = parser.parse_args()
    bundles = options.promotions + int(options.seconds) + 20
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), bundles) as soak:
        follow(soak, options.promotions)
        away(soak, options.seconds, "close")
        away(soak, options.seconds, "silence")
        kill(soak, options.seconds)
        conclude(soak)
        if soak.failures:
            print(*(Path(folder) / "puller.log").read_text().splitlines()[-10:], sep="\n", file=sys.stderr)
    sys.exit(f"failed: {', '.join(soak.failures)}" if soak.failures else 0)


if __name__ == "__main__":
    main()

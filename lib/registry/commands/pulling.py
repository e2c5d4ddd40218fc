"""Bringing a channel out of a far store into a folder, where the app follows it.

The folder is a registry like any other: the app needs to know neither the store nor its credentials.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelbundle.digests import canonical_json
from registry.channels import write_current
from registry.fetching import fetch
from registry.problems import RegistryProblem
from registry.prune import prune
from registry.records import PULLED, Record, bad_versions, bytes_of, history, key_of, newer, now
from registry.signatures import require_signed
from registry.stores import open_store
from registry.stores_folder import Folder

if TYPE_CHECKING:
    from registry.stores import Store


def pull(store: Store, target: Folder, channel: str, keys: Sequence[bytes], known: list[Record]) -> str:
    """Look once: bring the newest record whose signature and bundle are right, and those before it.

    keys: public ones, PEM; without any no signature is asked for. known: the target's records; new ones are added.
    Returns why a newer record is not followed; "" if there is none.
    Raises RegistryProblem where the store cannot be read or believed; the target is as it was then.
    """
    new, reason = newer(store, channel, known[-1] if known else None), ""
    for record in reversed(new):
        try:
            if keys:
                require_signed(record, keys)
            fetch(store, record.version, target.root / "bundles")
        except RegistryProblem as problem:
            reason = reason or f"record {record.number} is not followed: {problem}"
            continue
        _follow(store, target, [it for it in new if it.number <= record.number], known)
        break
    return reason


def _follow(store: Store, target: Folder, new: Sequence[Record], known: list[Record]) -> None:
    """Write the records, oldest first, once their bundle is there; then what a server may have to fall back to."""
    for record in new:
        target.create(key_of(record.channel, record.number), bytes_of(record))
        known.append(record)
    write_current(target, known[-1].channel)
    others = [it.version for it in known if it.version not in bad_versions(known) | {known[-1].version}]
    for version in others[-1:]:
        try:
            fetch(store, version, target.root / "bundles")
        except RegistryProblem as problem:
            _say("no bundle to fall back to", version=version, reason=str(problem))
    prune(target)


def look(store: Store, target: Folder, channel: str, keys: Sequence[bytes], before: str) -> str:
    """Pull, and tell the app and the log how it went; returns why the newest record is not followed, or "".

    before: what the last look returned; the same reason is logged once.
    """
    known: list[Record] = []
    try:
        target.begin()
        known += history(target, channel)
        was = len(known)
        reason = pull(store, target, channel, keys, known)
        if len(known) > was:
            _say("followed", number=known[-1].number, version=known[-1].version, channel=channel)
    except RegistryProblem as problem:
        reason = str(problem)
    number = known[-1].number if known else 0
    if reason and reason != before:
        _say("behind", reason=reason, number=number)
    try:
        target.replace(PULLED, canonical_json({"number": number, "looked": now(), "reason": reason}))
    except RegistryProblem as problem:  # a full disk: the next look may find more room
        _say("cannot tell the app", reason=str(problem))
    return reason


def main(arguments: Sequence[str] | None = None) -> int:
    """Look every few seconds until somebody stops it; a failing look is told, and the next one tries again."""
    parser = argparse.ArgumentParser(prog="python -m registry.commands.pulling", description=__doc__.splitlines()[0])
    parser.add_argument("store", help="s3://bucket/prefix, or a folder")
    parser.add_argument("target", type=Path, help="the folder that the app follows")
    parser.add_argument("--channel", default="production", help="the channel to follow (default: %(default)s)")
    parser.add_argument("--keys", default="", help="files, by commas, of public keys: one of them must have signed")
    parser.add_argument("--seconds", type=float, default=3.0, help="time between two looks (default: %(default)s)")
    parser.add_argument("--once", action="store_true", help="look once, and fail where the newest is not followed")
    options = parser.parse_args(arguments)
    try:
        keys = [Path(file.strip()).read_bytes() for file in options.keys.split(",") if file.strip()]
        store, target, reason = open_store(options.store), Folder(options.target), ""
        while True:
            reason = look(store, target, options.channel, keys, reason)
            if options.once:
                return int(bool(reason))
            time.sleep(options.seconds)
    except (RegistryProblem, OSError) as problem:
        print(f"python -m registry.commands.pulling: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _say(event: str, **facts: object) -> None:
    print(json.dumps({"time": now(), "event": event, **facts}), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

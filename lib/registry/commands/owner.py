"""What an owner asks of a registry, such as `make history` and `make rollback`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from modelbundle.amounts import amount
from registry import channels, prune, signatures
from registry.bundles import SHOWN, manifest_of, register, versions
from registry.channels import Draft
from registry.migrate import migrate
from registry.problems import RegistryProblem
from registry.records import Record, bad_versions, history, me
from registry.stores import open_store

if TYPE_CHECKING:
    from registry.channels import Sign
    from registry.stores import Store


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what one verb says; returns the exit status. What a person can mend becomes one line."""
    options = _parser().parse_args(arguments)
    sys.stdout.reconfigure(errors="replace")
    try:
        options.act(options)
    except (RegistryProblem, OSError) as problem:
        print(f"make {options.verb}: {problem}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m registry.commands.owner", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")

    def verb(name: str, act: object, told: str, *needs: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=told, description=told)
        made.set_defaults(act=act)
        for need in needs:
            made.add_argument(need)
        return made

    verb("history", _history, "who put what into service, when and why, newest first", "store", "channel")
    verb("models", _models, "the bundles of a store, and which channel serves them", "store")
    back = verb("rollback", _rollback, "go back to the version that was served before", "store", "channel", "why")
    into = verb(
        "promote", _promote, "promote what the gate agreed to, or keep its objection", "store", "channel", "draft"
    )
    into.add_argument("--bundles", type=Path, help="a folder that holds the bundle, which is registered first")
    for signed in (back, into):
        signed.add_argument("--key", type=Path, help="private key (PEM) to sign the record with")
    verb("prune", _prune, "remove bundles that nobody serves, served lately or tagged", "store", "tagged")
    verb("keys", _keys, "make a pair of keys for signing: FILE and FILE.pub", "file")
    verb("migrate", _migrate, "bring a folder of the old layout into the one with channels", "store")
    return parser


def _history(options: argparse.Namespace) -> None:
    store = open_store(options.store)
    channels.require_channel(store, options.channel)
    records = history(store, options.channel)
    bad, last = bad_versions(records), records[-1].number if records else 0
    for record in reversed(records):
        print(_line(record, bad, serves=record.number == last))
    for refused in reversed(channels.refusals(store, options.channel)[-5:]):
        first = (refused["gate"].get("reasons") or ["no reason was kept"])[0]
        print(f"        {refused['when'][:16].replace('T', ' ')}  not promoted  {refused['version'][:SHOWN]}  {first}")


def _line(record: Record, bad: set[str], *, serves: bool) -> str:
    marks = [*(["serves"] if serves else []), *(["forced"] if record.forced else [])]
    marks += ["signed"] if record.signature else []
    marks += ["bad"] if record.version in bad else []
    told = f"  [{', '.join(marks)}]" if marks else ""
    when, version = record.when[:16].replace("T", " "), record.version[:SHOWN]
    return f"{record.number:>6}  {when}  {record.kind:12}  {version}  {record.who}: {record.why or 'no reason'}{told}"


def _models(options: argparse.Namespace) -> None:
    store = open_store(options.store)
    since = _served_since(store)
    for version in sorted(versions(store), key=lambda it: since.get(it, ""), reverse=True):
        manifest = manifest_of(store, version)
        error = manifest.get("metrics", {}).get(manifest.get("metric", ""), {})
        told = f"{error['label']} {amount(error['holdout'], error['unit'])}" if error else ""
        print(f"{version[:SHOWN]}  {manifest.get('winner', ''):24}  {told:20}  {since.get(version, 'not served')}")


def _served_since(store: Store) -> dict[str, str]:
    """Version → which channels serve it, and since when."""
    told: dict[str, list[str]] = {}
    for channel in channels.channels(store):
        if records := history(store, channel):
            last = records[-1]
            told.setdefault(last.version, []).append(f"{channel} since {last.when[:10]}, as number {last.number}")
    return {version: "; ".join(each) for version, each in told.items()}


def _rollback(options: argparse.Namespace) -> None:
    record = channels.rollback(open_store(options.store), options.channel, me(), options.why, _sign(options.key))
    print(f"{options.channel} serves {record.version[:SHOWN]} again, as number {record.number}; ", end="")
    print(f"{record.bad[0][:SHOWN]} is marked as bad")


def _promote(options: argparse.Namespace) -> None:
    store, draft = open_store(options.store), Draft(**json.loads(Path(options.draft).read_bytes()))
    if not draft.forced and (draft.gate or {}).get("decision") != "promote":
        print(f"kept: {channels.refuse(store, options.channel, draft.version, draft.gate or {})}")
        return
    if options.bundles:
        register(store, options.bundles / draft.version)
    record = channels.promote(store, options.channel, draft, sign=_sign(options.key))
    print(f"{options.channel} serves {record.version[:SHOWN]}, as number {record.number}")


def _prune(options: argparse.Namespace) -> None:
    removed = prune.prune(open_store(options.store), options.tagged.split())
    print(f"{len(removed)} bundles were removed{': ' if removed else ''}{', '.join(it[:SHOWN] for it in removed)}")


def _keys(options: argparse.Namespace) -> None:
    private, public = Path(options.file), Path(f"{options.file}.pub")
    for path in (private, public):
        if path.exists():
            raise RegistryProblem(f"{path} is there already. Give another FILE, or remove it if nobody needs it")
    for path, data, mode in zip((private, public), signatures.make_keys(), (0o600, 0o644), strict=True):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
    print(f"{private} signs promotions: keep it from servers. {public} is for PUBLIC_KEYS of those that follow them")


def _migrate(options: argparse.Namespace) -> None:
    done = migrate(Path(options.store), me())
    print(f"{len(done.moved)} bundles were moved to {options.store}/bundles")
    if done.left:
        print(f"left where they were, since they are of another problem: {', '.join(it[:SHOWN] for it in done.left)}")
    if done.record:
        print(f"local serves {done.record.version[:SHOWN]}, as number {done.record.number}. A server of the old layout")
        print("goes on with the model that it serves, and sees no later one: start a newer one")


def _sign(key: Path | None) -> Sign | None:
    return partial(signatures.sign, private_pem=key.read_bytes()) if key else None


if __name__ == "__main__":
    sys.exit(main())

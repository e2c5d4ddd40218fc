"""Putting a model into service: `make promote` is `python -m training.promote`. The gate is asked first."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from modelbundle.digests import canonical_json, digest_file
from registry.bundles import SHOWN, require
from registry.channels import Draft
from registry.records import me
from registry.stores_folder import Folder
from training.bundle.service import LOCAL, is_served, judge_by, judged, put_into_service, require_channels
from training.config.conf import load_conf
from training.config.gating import Decision, lines
from training.files import write_atomically
from training.graph.graph import runs_folder
from training.paths import from_root, to_root
from training.problems import RunProblem, status_of
from training.tracking.find import made_by

if TYPE_CHECKING:
    from training.config.conf import Conf


def main(arguments: list[str] | None = None) -> int:
    """Ask the gate, and promote; returns the exit status: 1 where the gate keeps it out of service."""
    parser = argparse.ArgumentParser(prog="make promote", description=__doc__.splitlines()[0])
    parser.add_argument("conf", help="configuration file")
    parser.add_argument("--version", default="", help="a version, or its first digits (default: the last run's)")
    parser.add_argument("--channel", default=LOCAL, help="the channel that is to serve it (default: %(default)s)")
    parser.add_argument("--why", default="", help="the reason, for the record")
    parser.add_argument("--force", action="store_true", help="overrule the gate; needs a reason")
    parser.add_argument("--against", type=Path, help="a copy of another registry, whose channel the gate looks at")
    parser.add_argument("--draft", type=Path, help="write what the gate said to this file, for that other registry")
    options = parser.parse_args(arguments)
    return status_of("make promote", lambda: _promote(load_conf(options.conf), options))


def _promote(conf: Conf, options: argparse.Namespace) -> int:
    if options.force and not options.why.strip():
        raise RunProblem("FORCE=1 overrules the gate, and the record keeps why: give WHY='...'")
    registry = from_root(conf.registry)
    require_channels(registry)
    store, judge = Folder(registry), judge_by(conf.gate)
    version = require(store, options.version or _last(conf))
    draft = Draft(version, me(), options.why, forced=options.force, run=made_by(conf.name, version))
    against = Folder(options.against) if options.draft else store
    if is_served(against, options.channel, version) and not options.force:  # by force: to sign it, for instance
        print(f"{options.channel} serves {version[:SHOWN]} already")
        return 1 if options.draft else 0
    if options.draft:
        decision, draft = judged(against, options.channel, draft, store, judge)
        goes = draft.forced or decision.decision == "promote"
        write_atomically(options.draft, canonical_json(asdict(draft) | {"forced": options.force}))
    else:
        decision, record = put_into_service(store, options.channel, draft, judge)
        goes = record is not None
    return _tell(decision, draft, goes=goes, channel=options.channel)


def _tell(decision: Decision, draft: Draft, *, goes: bool, channel: str) -> int:
    print(lines(decision.as_json()))
    if not goes:
        print(f"{channel} serves what it served. To overrule the gate: FORCE=1 WHY='...'", file=sys.stderr)
        return 1
    print(f"{draft.version[:SHOWN]} goes into service in {channel}{', the gate overruled' if draft.forced else ''}")
    return 0


def _last(conf: Conf) -> str:
    manifest = runs_folder(conf) / "05_publish" / "bundle" / "manifest.json"
    if not manifest.is_file():
        raise RunProblem(f"{to_root(manifest)} does not exist: make run makes a bundle, or give VERSION=...")
    return digest_file(manifest)


if __name__ == "__main__":
    sys.exit(main())

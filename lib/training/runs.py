"""The records of runs: `make runs` lists them, `make compare` holds two against each other, `make tag` names one."""

from __future__ import annotations

import argparse
import json
import sys

from training.config.conf import Conf, load_conf
from training.files import write_atomically
from training.graph.graph import reports_folder
from training.paths import COMPARISON, to_root
from training.problems import RunProblem, status_of
from training.tracking import find, listing
from training.tracking.record import history_folder, read_record


def main(arguments: list[str] | None = None) -> int:
    """Do what one of the verbs asks for; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.runs", description="List, compare and tag runs.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    runs, compare, tag, tagged = (verbs.add_parser(name) for name in ("list", "compare", "tag", "tagged"))
    for verb in (runs, compare, tag, tagged):
        verb.add_argument("conf", help="configuration file of the problem")
    for name in ("winner", "status", "tag", "data"):
        runs.add_argument(f"--{name}", default="", help="list only runs with this one")
    runs.add_argument("--last", default=str(listing.MOST_SHOWN), help="how many (default: %(default)s)")
    runs.add_argument("--json", action="store_true", help="print JSON")
    for name in ("a", "b"):
        compare.add_argument(f"--{name}", default="", help="a run: id or its beginning, tag, or served")
    tag.add_argument("--run", default="", help="the run to tag")
    tag.add_argument("--name", help="the tag; empty: take the run's tags from it")
    options = parser.parse_args(arguments)
    act = {"list": _list, "compare": _compare, "tag": _tag, "tagged": _tagged}[options.verb]
    called = {"list": "make runs", "tagged": "make prune"}.get(options.verb, f"make {options.verb}")
    return status_of(called, lambda: act(load_conf(options.conf), options))


def _tagged(conf: Conf, options: argparse.Namespace) -> None:
    print(*find.tagged_versions(conf.name))


def _list(conf: Conf, options: argparse.Namespace) -> None:
    if not options.last.isdecimal():
        raise RunProblem(f"LAST={options.last} is no number of runs; give one, such as LAST={listing.MOST_SHOWN}")
    wanted = listing.Wanted(options.winner, options.status, options.tag, options.data, int(options.last))
    found = listing.listed(conf.name, wanted)
    if options.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    elif found:
        print("\n".join(listing.table(found)))
    else:
        print(
            f"No record in {to_root(history_folder(conf.name))} is of such a run of {conf.name}; make run leaves one."
        )


def _compare(conf: Conf, options: argparse.Namespace) -> None:
    # numpy is not loaded to list runs
    from training.tracking import comparison, page

    names = _two(conf, options.a, options.b)
    old, new = (read_record(history_folder(conf.name) / name) for name in names)
    found = comparison.compare(names, old, new)
    print("\n".join(comparison.lines(found)))
    target = reports_folder(conf) / COMPARISON
    write_atomically(target, page.page(found))
    print(f"\nPage: {to_root(target)}")


def _two(conf: Conf, a: str, b: str) -> tuple[str, str]:
    """The names of the runs to compare, the old one first: the last two, if none is named; the last, beside one."""
    if not a and not b:
        new, old = find.last_runs(conf, 2)
        return old, new
    return tuple(find.find(conf, named) if named else find.last_runs(conf, 1)[0] for named in (a, b))


def _tag(conf: Conf, options: argparse.Namespace) -> None:
    if not options.run or options.name is None:
        raise RunProblem(
            "say which run, and how to call it: make tag RUN=1a2b3c4d NAME=good; NAME= takes its tags away"
        )
    print(find.tag(conf, options.run, options.name))


if __name__ == "__main__":
    sys.exit(main())

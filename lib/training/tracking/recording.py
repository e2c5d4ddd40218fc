"""Keeping a record of each run, whatever becomes of the run; and never the reason that one fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from training.config.conf import load_conf
from training.files import unwritable
from training.paths import from_root, to_root
from training.problems import Problem
from training.tracking import differences, gather, index, store
from training.tracking.record import Record, history_folder, read_record

if TYPE_CHECKING:
    from training.config.conf import Conf


@dataclass(frozen=True)
class Seen:
    """What happened in a run, step by step; steps are called as doit calls them, such as notebook:03_train-svr.

    ran: ended well; notebooks: those that were asked for, each with what reasons.Reasons left; seconds: of all that
    were started.
    """

    verb: str
    command: str
    status: str
    started: str
    ended: str
    ran: list[str]
    skipped: list[str]
    failures: list[tuple[str, str]]
    notebooks: dict[str, dict[str, Any]]
    seconds: dict[str, float]

    def outcome(self, step: str) -> str:
        """How a notebook ended, as record.Node says it."""
        ended = [(self.ran, "ran"), (self.skipped, "up to date"), (dict(self.failures), "failed")]
        ended += [(self.seconds, "stopped")]
        return next((outcome for steps, outcome in ended if step in steps), "left out")


@contextmanager
def recorded(verb: str, conf: Conf, conf_path: str, reporter: Any) -> Iterator[None]:
    """Leave a record of what runs in here: of a make run that did something, of every make tune and make audit.

    reporter: run.Reporter, which saw it. Raises ConfigProblem, before anything runs, for a problem of a name that
    cannot be; what else goes wrong with the record is told in a sentence, and the run ends as it would have.
    """
    history_folder(conf.name)
    _count_scorings()
    read = conf if verb == "run" else load_conf(conf_path, tuned=False)
    command = f"make {verb} CONF={conf_path}"
    started, status = _now(), "failed"
    try:
        yield
        status = "failed" if reporter.status else "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        if reporter.started or verb != "run":
            _keep(read, _seen(verb, command, status, started, reporter))


def _count_scorings() -> None:
    """Make the ledger that the pages read agree with the records, some of which may be gone or come from elsewhere."""
    with suppress(Problem, OSError):  # of a folder that cannot be written the record's own sentence will tell
        index.require_ledger()


def _seen(verb: str, command: str, status: str, started: str, reporter: Any) -> Seen:
    now = time.monotonic()
    return Seen(
        *(verb, command, status, started, _now()),
        ran=list(reporter.executed),
        skipped=list(reporter.skipped),
        failures=list(reporter.failures),
        notebooks={name: meta or {} for name, meta in reporter.notebooks().items()},
        seconds={name: reporter.ended.get(name, now) - at for name, at in reporter.started.items()},
    )


def _keep(conf: Conf, seen: Seen) -> None:
    """Write the record; a sentence says why where that cannot be."""
    try:
        folder = _write(conf, seen)
    except Problem as problem:
        why = str(problem)
    except OSError as error:
        why = str(unwritable(error))
    except Exception as error:  # whatever a notebook of somebody's left, the run counts for more than its record
        why = f"{type(error).__name__}: {error}"
    else:
        print(f"\nRecord: {to_root(folder)}", flush=True)
        return
    print(f"\nmake {seen.verb}: no record of this run was kept: {why}", file=sys.stderr)


def _write(conf: Conf, seen: Seen) -> Any:
    history, record = history_folder(conf.name), gather.content(conf, seen)
    record |= _beside_the_last(conf, record)
    for path in gather.out_of_fold(conf, record):
        store.keep_array(history, path.read_bytes(), "csv")
    whole = Record.model_validate(record).model_dump(mode="json")
    folder = store.write_record(history, whole, gather.pages(conf, seen))
    index.write_ledger()
    store.prune_pages(history, index.with_pages(conf.name, from_root(conf.registry)))
    return folder


def _beside_the_last(conf: Conf, record: dict[str, Any]) -> dict[str, Any]:
    """Which run of this kind came before, and what is different now."""
    names = [head["name"] for head in index.heads(conf.name) if head["verb"] == record["verb"]]
    if not names:
        return {}
    try:
        before = read_record(history_folder(conf.name) / names[0])
    except Problem:
        return {"before": names[0]}
    return {"before": names[0], "changed": differences.in_short(before, Record.model_validate(record))}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Channels: what each of them serves, how a version gets into service and how it gets out of it again.

The numbered record, which can be created only once, is the lock and the log. `current` is made from the last record
for people and scripts; readers follow the records.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from registry.bundles import facts_of, require_same_problem
from registry.problems import RegistryProblem
from registry.records import (
    CHANNEL,
    Record,
    bad_versions,
    bytes_of,
    digest_of,
    history,
    json_of,
    key_of,
    newer,
    newest,
    now,
)

if TYPE_CHECKING:
    from registry.stores import Store

KNOWN = ("local", "staging", "production")  # these need no introduction; another channel has to be asked for
Sign = Callable[[Record], Record]


@dataclass(frozen=True)
class Draft:
    """What a person or a run wants to put into service.

    seen: number of the record that the gate compared with, 0 for an empty channel; None if no gate was asked.
    forced: the gate said no, and why says why it is overruled. new_channel: a channel of another name than KNOWN may be
    made. commit and reports are taken from the bundle's run.json where they are None.
    """

    version: str
    who: str
    why: str = ""
    gate: dict[str, Any] | None = None
    seen: int | None = None
    forced: bool = False
    new_channel: bool = False
    commit: str | None = None
    run: str | None = None
    image: str | None = None
    reports: dict[str, str] | None = None


AskAnew = Callable[[list[Record]], Draft]


def promote(
    store: Store, channel: str, draft: Draft, ask_anew: AskAnew | None = None, sign: Sign | None = None
) -> Record:
    """Put a version into service; returns its record, which is then the channel's last.

    ask_anew: called with the records that came since the gate looked (draft.seen), and returns the draft with a new
    decision; it may raise to give up. Without it, a promotion that others overtook is refused.
    Raises RegistryProblem, with the channel as it was, if the bundle is not there or of another problem, the channel is
    misspelt or its history broken, or the draft does not fit.
    """
    require_may_be(store, channel, is_new=draft.new_channel)
    if draft.forced and not draft.why.strip():
        raise RegistryProblem(f"Channel {channel} of {store}: a gate is overruled with a reason only. Give WHY=...")
    about = _facts(store, draft.version)

    def make(records: list[Record]) -> Record:
        asked = _gated(store, channel, draft, records, ask_anew)
        told = {name: value for name, value in asdict(asked).items() if name not in ("seen", "new_channel")}
        kept = {name: value for name, value in told.items() if value is not None}
        return _next(store, channel, records, about | kept | {"kind": "promote"})

    return _append(store, channel, make, sign)


def rollback(store: Store, channel: str, who: str, why: str, sign: Sign | None = None) -> Record:
    """Go back to the latest version that was served before, and mark the one that is left as bad.

    A bad version is never gone back to until it is promoted again, so that two rollbacks go back two steps.
    Raises RegistryProblem if there is no such version, if it is no longer in the store, or if no reason is given.
    """
    require_channel(store, channel)
    if not why.strip():
        raise RegistryProblem(f"Channel {channel} of {store}: a rollback needs a reason. Give WHY=...")

    def make(records: list[Record]) -> Record:
        version = _before(store, channel, records)
        told = {"kind": "rollback", "version": version, "bad": (records[-1].version,), "who": who, "why": why}
        return _next(store, channel, records, _facts(store, version) | told)

    return _append(store, channel, make, sign)


def served(store: Store, channel: str) -> Record:
    """The record that a channel follows. Raises RegistryProblem if there is none, or the chain to it is broken."""
    require_channel(store, channel)
    if records := history(store, channel):
        return records[-1]
    raise _empty(store, channel)


def channels(store: Store) -> list[str]:
    """Names of the channels that a store has, sorted."""
    return [name for name in store.folders("channels") if re.fullmatch(CHANNEL, name)]


def require_channel(store: Store, channel: str) -> None:
    """Raise RegistryProblem if a store has no such channel; it says which there are."""
    there = channels(store)
    if channel not in there and channel in KNOWN:
        raise _empty(store, channel)
    if channel not in there:
        raise RegistryProblem(f"{store} has no channel {channel[:40]!r}. {_told(there)}")


def refuse(store: Store, channel: str, version: str, gate: dict[str, Any]) -> str:
    """Keep what a gate refused, and why; returns where."""
    _require_name(store, channel)
    when = now()
    told = {"schema_version": 1, "channel": channel, "version": version, "when": when, "gate": gate}
    data = json_of(told, f"What the gate of channel {channel} refused")
    time = datetime.fromisoformat(when).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    key = f"channels/{channel}/refused/{time}-{version}.json"
    store.create(key, data)  # where it is there, the gate said the same in the same second
    return key


def refusals(store: Store, channel: str) -> list[dict[str, Any]]:
    """What the gate of a channel refused, oldest first."""
    prefix = f"channels/{channel}/refused"
    keys = [f"{prefix}/{name}" for name in store.names(prefix)]
    return [json.loads(data) for data in store.read_all(keys)]


def write_current(store: Store, channel: str) -> None:
    """Make `current` from the last record; whoever writes it last writes the last version, since all look again."""
    written = 0
    while (last := newest(store, channel)) and last.number != written:
        store.replace(f"channels/{channel}/current", f"{last.version}\n".encode())
        written = last.number


def _append(store: Store, channel: str, make: Callable[[list[Record]], Record], sign: Sign | None) -> Record:
    """Make the next record and create its file; where somebody else has it, read on and make another."""
    records = history(store, channel)
    while True:
        record = sign(make(records)) if sign else make(records)
        key = key_of(channel, record.number)
        if store.create(key, bytes_of(record)):
            # the promotion stands, and readers follow it, whatever becomes of the convenience
            with contextlib.suppress(RegistryProblem):
                write_current(store, channel)
            return record
        others = newer(store, channel, records[-1] if records else None)
        if not others:
            raise RegistryProblem(f"{store}/{key} is taken, but by no record. Move away what stands there")
        records += others


def _next(store: Store, channel: str, records: list[Record], told: dict[str, Any]) -> Record:
    last = records[-1] if records else None
    if last and last.problem != told["problem"]:
        raise RegistryProblem(
            f"Channel {channel} of {store} serves models of {last.problem!r}; {told['version'][:12]} is of "
            f"{told['problem']!r}. A registry belongs to one problem: promote it in its own"
        )
    place = {"channel": channel, "number": last.number + 1 if last else 1, "before": digest_of(last) if last else None}
    try:
        return Record(**(told | place | {"when": now()}))
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, it['loc']))}: {it['msg']}" for it in error.errors()[:3])
        raise RegistryProblem(f"Channel {channel} of {store}: this is nothing to record: {found}") from error


def _gated(store: Store, channel: str, draft: Draft, records: list[Record], ask_anew: AskAnew | None) -> Draft:
    if draft.seen is None or draft.seen == len(records):
        return draft
    since = records[draft.seen :]
    if not since or not ask_anew:
        raise RegistryProblem(
            f"Channel {channel} of {store} is at record {len(records)}; the gate compared with record {draft.seen}. "
            "Nothing was promoted: ask the gate again"
        )
    asked = ask_anew(since)
    if asked.version != draft.version:
        raise RegistryProblem(f"The gate was asked about {draft.version[:12]}, and answers for {asked.version[:12]}")
    return asked


def _before(store: Store, channel: str, records: list[Record]) -> str:
    """The latest version that was served before the present one, and is not bad."""
    if not records:
        raise _empty(store, channel)
    bad = bad_versions(records)
    good = [record.version for record in records if record.version not in bad | {records[-1].version}]
    if good:
        return good[-1]
    raise RegistryProblem(
        f"Channel {channel} of {store} cannot go back from {records[-1].version[:12]}: "
        f"no other version was served that no rollback left ({len(bad)} left as bad). Promote one instead"
    )


def _facts(store: Store, version: str) -> dict[str, Any]:
    about = facts_of(store, version)
    require_same_problem(store, version, about.problem)
    return asdict(about)


def require_may_be(store: Store, channel: str, *, is_new: bool = False) -> None:
    """Raise RegistryProblem for a channel that is neither there, nor one of KNOWN, nor asked for as a new one."""
    _require_name(store, channel)
    if not is_new and channel not in KNOWN and channel not in (there := channels(store)):
        raise RegistryProblem(f"{store} has no channel {channel!r}, and none was asked for. {_told(there)}")


def _require_name(store: Store, channel: str) -> None:
    if not re.fullmatch(CHANNEL, channel):
        raise RegistryProblem(
            f"{channel[:40]!r} is no name of a channel of {store}: expected small letters, digits and -, 31 at most, "
            "a letter first"
        )


def _told(there: list[str]) -> str:
    return f"It has {', '.join(there) or 'none'}; {', '.join(KNOWN)} may be begun"


def _empty(store: Store, channel: str) -> RegistryProblem:
    return RegistryProblem(f"Nothing was promoted to channel {channel} of {store} yet; make promote does")

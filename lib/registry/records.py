"""Promotion records: what a channel served from when on, who wanted it and why, numbered and chained by digests.

The order is that of the numbers; `when` is for people, and clocks may run backwards.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from modelbundle.digests import canonical_json, digest_bytes
from registry.problems import RegistryProblem

if TYPE_CHECKING:
    from registry.stores import Store

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
PULLED = "pulled.json"  # in a folder that a puller fills: what it tells of the far store
CHANNEL = "[a-z][a-z0-9-]{0,30}"
_NAME = re.compile(r"(\d{8})\.json", re.ASCII)
_MEND = "Restore it from a copy of the registry; until then nothing is promoted here, and what is served stays"


class Record(BaseModel):
    """One promotion or rollback.

    version: what the channel serves from here on. before: digest of the bytes of the record before; None for number 1.
    when: UTC, to the second. gate: its decision with all its numbers; forced: it was overruled, and why says why.
    bad: what a rollback leaves, never to be gone back to. reports: file → its digest. data_sha256, commit and reports
    are of the bundle; run is the record of the run that made it, image the digest of the image that it came in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    problem: str = Field(min_length=1)
    channel: str = Field(pattern=f"^{CHANNEL}$")
    number: int = Field(ge=1, le=99_999_999)
    kind: Literal["promote", "rollback"]
    version: Digest
    before: Digest | None = None
    who: str = Field(min_length=1)
    when: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")
    why: str
    forced: bool = False
    gate: dict[str, JsonValue] | None = None
    bad: tuple[Digest, ...] = ()
    data_sha256: Digest | None = None
    commit: str | None = None
    run: str | None = None
    image: str | None = None
    reports: dict[str, Digest] = {}
    signature: str | None = None


def bytes_of(record: Record) -> bytes:
    """The one way in which a record is written; what it does not say is left out.

    Raises RegistryProblem if a number of the gate is not finite, which JSON cannot hold.
    """
    told = {name: value for name, value in record.model_dump(mode="json").items() if value is not None}
    return json_of(told, f"Record {record.number} of channel {record.channel}")


def json_of(value: dict[str, Any], what: str) -> bytes:
    """Canonical JSON of what a gate decided. Raises RegistryProblem if it holds what JSON cannot hold."""
    try:
        return canonical_json(value)
    except (ValueError, TypeError) as error:
        raise RegistryProblem(f"{what} cannot be written as JSON: {error}. Leave that out") from error


def digest_of(record: Record) -> str:
    """Digest of a record's bytes, which the next record names as `before`."""
    return digest_bytes(bytes_of(record))


def key_of(channel: str, number: int) -> str:
    """Where a record stands in its store."""
    return f"channels/{channel}/history/{number:08d}.json"


def now() -> str:
    """The time as records tell it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def me() -> str:
    """Who is at work, as records tell it."""
    try:
        return os.environ.get("GITHUB_ACTOR") or getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"


def history(store: Store, channel: str) -> list[Record]:
    """All records of a channel, first to last; none if it has no history.

    Raises RegistryProblem, naming the file, if a record is missing, cut short, altered or of another channel.
    """
    return newer(store, channel, None)


def newer(store: Store, channel: str, last: Record | None) -> list[Record]:
    """The records after one that is known, in order; it lists names, and reads those records alone.

    Raises RegistryProblem as `history` does, if they do not join on to the known one, and if that one is not there
    any more: a reader never goes back below what it followed.
    """
    known = last.number if last else 0
    numbers = _numbers(store, channel, after=known - 1)
    if last and numbers[:1] != [known]:
        raise _went_back(store, channel, known)
    wanted = numbers[1:] if last else numbers
    _require_unbroken(store, channel, [known, *wanted])
    keys = [key_of(channel, number) for number in wanted]
    read = [
        parsed(data, f"{store}/{key}", channel, number)
        for data, key, number in zip(store.read_all(keys), keys, wanted, strict=True)
    ]
    for one, other in pairwise([last, *read]):
        _require_joined(one, other, f"{store}/{key_of(channel, other.number)}")
    return read


def newest(store: Store, channel: str) -> Record | None:
    """The last record of a channel, read alone; the chain that leads to it is not looked at. None if there is none."""
    numbers = _numbers(store, channel)
    if not numbers:
        return None
    key = key_of(channel, numbers[-1])
    return parsed(store.read(key), f"{store}/{key}", channel, numbers[-1])


def bad_versions(records: Iterable[Record]) -> set[str]:
    """The versions that a rollback left and that nobody promoted since."""
    bad: set[str] = set()
    for record in records:
        bad = (bad | set(record.bad)) - ({record.version} if record.kind == "promote" else set())
    return bad


def parsed(data: bytes, where: str, channel: str, number: int) -> Record:
    """Read a record. Raises RegistryProblem unless it is one of that channel and number, written as records are."""
    try:
        record = Record.model_validate_json(data)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, it['loc'])) or 'it'}: {it['msg']}" for it in error.errors()[:3])
        raise RegistryProblem(f"{where} is no promotion record: {found}. {_MEND}") from error
    for name, expected, found in (("channel", channel, record.channel), ("number", number, record.number)):
        if found != expected:
            raise RegistryProblem(f"{where} should be of {name} {expected}; it says {found}. {_MEND}")
    if bytes_of(record) != data:
        raise RegistryProblem(f"{where} is not written as records are: somebody changed it. {_MEND}")
    return record


def unsigned(record: Record) -> bytes:
    """What a signature is over: the record's bytes without it."""
    return bytes_of(record.model_copy(update={"signature": None}))


def _numbers(store: Store, channel: str, after: int = 0) -> list[int]:
    """Numbers of the records that are there and come after one, ascending."""
    names = store.names(f"channels/{channel}/history", after=f"{after:08d}.json" if after > 0 else "")
    return [int(match[1]) for match in map(_NAME.fullmatch, names) if match]


def _went_back(store: Store, channel: str, known: int) -> RegistryProblem:
    there = _numbers(store, channel)
    where = f"{store}/{key_of(channel, known)}"
    if there and there[-1] > known:
        return RegistryProblem(f"{where} is missing, though it was followed already. {_MEND}")
    return RegistryProblem(
        f"{where} is missing: the history ends at {there[-1] if there else 0}, and {known} was followed already. "
        f"Somebody deleted its newest record. {_MEND}"
    )


def _require_unbroken(store: Store, channel: str, numbers: list[int]) -> None:
    for one, other in pairwise(numbers):
        if other != one + 1:
            found = f"after {one} comes {other}" if one else f"the first is {other}"
            raise RegistryProblem(f"{store}/{key_of(channel, one + 1)} is missing: {found}. {_MEND}")


def _require_joined(one: Record | None, other: Record, where: str) -> None:
    expected = digest_of(one) if one else None
    if other.before != expected:
        raise RegistryProblem(
            f"{where} should follow a record with the digest {expected}; it names {other.before}. "
            f"One of the two was changed. {_MEND}"
        )
    if one and other.problem != one.problem:
        raise RegistryProblem(f"{where} should be of the problem {one.problem!r}; it says {other.problem!r}. {_MEND}")

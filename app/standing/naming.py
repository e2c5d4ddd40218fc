"""Which version is to be served: the records of a channel say so, or `current` in a folder that has no channels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelbundle.bundle import PLAN, VERIFIED_FILES, bundle_folder
from registry.problems import RegistryProblem
from registry.records import PULLED, Record, bad_versions, newer
from registry.signatures import require_signed
from registry.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.programs.service import Service
    from app.settings import Settings
    from app.standing.follow import Following


@dataclass(frozen=True)
class Choice:
    """A version to serve, and the record that put it into service: None for a pinned one, and without channels."""

    version: str
    record: Record | None = None


def choices(following: Following, served: Service | None) -> Iterator[Choice]:
    """The versions to serve: the one that is meant, then those to fall back to where it fails, the newest first.

    What is new in the channel is added to following.records. Nothing older than what is served is offered.
    Raises RegistryProblem where the channel cannot be believed.
    """
    settings, known = following.settings, following.records
    if settings.model_version or not (known or has_channels(settings)):
        yield Choice(_named(settings))
        return
    known += newer(open_store(settings.models), settings.channel, known[-1] if known else None)
    _require_not_below(following)
    if not known:
        raise RegistryProblem(f"nothing was promoted to channel {settings.channel} of {settings.models} yet")
    followed = served.record.number if served and served.record else 0
    bad, offered = bad_versions(known), set()
    for record in reversed(known):
        meant = record is known[-1] or record.version not in bad | offered
        if meant and record.number >= followed:
            offered.add(record.version)
            yield Choice(record.version, record)


def _require_not_below(following: Following) -> None:
    """Raise RegistryProblem if another worker has read a newer record than those that are there."""
    number = following.records[-1].number if following.records else 0
    highest = int.from_bytes(following.highest[:], "big")
    if number < highest:
        settings = following.settings
        raise RegistryProblem(
            f"channel {settings.channel} of {settings.models} ends at {number}, and {highest} was followed already: "
            "somebody deleted its newest record. Restore it from a copy of the registry; what is served stays"
        )
    following.highest[:] = number.to_bytes(8, "big")


def require_trusted(settings: Settings, record: Record | None) -> None:
    """Raise RegistryProblem if public keys are set and none of them signed the record."""
    if record and settings.public_keys:
        require_signed(record, [Path(file).read_bytes() for file in settings.key_files])


def has_channels(settings: Settings) -> bool:
    """Whether records say what to serve: not for a pinned version, and always where signatures are required."""
    return not settings.model_version and bool(settings.public_keys or (settings.models / "channels").is_dir())


def seen(settings: Settings) -> Any:
    """How the registry looks from outside: it changes when another version is named, and when one is mended."""
    history = settings.models / "channels" / settings.channel / "history"
    named = _named(settings)
    folder = bundle_folder(settings.models, named)
    files = [settings.models / "current", history, *(folder / it for it in ("manifest.json", *VERIFIED_FILES, PLAN))]
    return named, [_mark(path) for path in files]


def pulled(settings: Settings) -> dict[str, Any]:
    """What the puller tells of the store that the bundles come from; empty where none is at work."""
    try:
        found = json.loads((settings.models / PULLED).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _named(settings: Settings) -> str:
    """The version to serve, as far as one can tell without reading a bundle or a record; "" if there is none."""
    if settings.model_version:
        return settings.model_version
    place = Path("channels", settings.channel) if has_channels(settings) else Path()
    try:
        with (settings.models / place / "current").open(encoding="utf-8", errors="replace") as pointer:
            return pointer.read(100).strip()  # garbage may be long
    except OSError:
        return ""


def _mark(path: Path) -> Any:
    try:
        found = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a name that can be no file's
        return str(error)
    return found.st_ino, found.st_ctime_ns

"""Following the registry: what it names is loaded beside what is served, verified, and then put in its place.

Each worker process has one thread that looks once a second. Requests are answered meanwhile, each to its end by the
bundle that it began with. A version that is refused changes nothing but what /readyz, /metrics and the log tell.
"""

from __future__ import annotations

import mmap
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.programs.service import Service, load_service
from app.standing import naming
from app.standing.naming import Choice
from app.watching import access, counting, metrics
from modelbundle.bundle import Bundle, BundleProblem, bundle_folder
from registry.problems import RegistryProblem
from registry.records import Record

if TYPE_CHECKING:
    from flask import Flask

    from app.settings import Settings

# What no file of the registry tells may pass too, such as a lack of memory: so often a refused version is tried anew.
RETRY_SECONDS = 60
VERSION_LENGTH = 64
NAME_BYTES = 200  # of a problem: longer ones are told apart by their beginnings


@dataclass
class Following:
    """What a process knows of its registry.

    seen, tried: how the registry looked when it was read last, and when that was, on the monotonic clock.
    refused: the version that it names and the reason why that is not served; empty if it is.
    records: of the channel, as far as they were read. highest: number of the newest that any worker has read.
    last_good: the version that a worker began to serve last, in memory that all of them share; problem: its name, which
    the first bundle sets for as long as the server runs.
    """

    settings: Settings
    seen: Any = None
    tried: float = 0.0
    refused: dict[str, str] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    highest: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, 8))
    last_good: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, VERSION_LENGTH))
    problem: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, NAME_BYTES))


def start(app: Flask) -> None:
    """Follow the registry in this process from now on: called in each worker, since no thread outlives a fork."""
    look(app)
    _join_the_others(app)
    threading.Thread(target=_follow, args=(app,), name="follow", daemon=True).start()


def _follow(app: Flask) -> None:
    while True:
        time.sleep(app.extensions["following"].settings.follow_seconds)
        with suppress(Exception):  # not even a line of the log could be made: the next look may find more memory
            look(app)


def look(app: Flask) -> None:
    """Look at the registry once, and read it if it has changed since it was read last, or was refused a while ago."""
    following = app.extensions["following"]
    due = following.refused and time.monotonic() - following.tried >= RETRY_SECONDS
    if due or naming.seen(following.settings) != following.seen:
        load(app)
    behind = bool(following.refused or naming.pulled(following.settings).get("reason"))
    metrics.tell_behind(behind)  # not in load: the parent loads too, and serves nobody
    if reason := counting.news():
        access.log_event("no metrics", reason=reason)


def load(app: Flask) -> None:
    """Serve the version that the registry names; where that fails in any way, keep what is served and tell why.

    A server that serves nothing yet, or an older record's version, takes the last good one of the channel's history.
    """
    following = app.extensions["following"]
    following.seen, following.tried = naming.seen(following.settings), time.monotonic()
    refused: dict[str, str] = {}
    try:
        for choice in naming.choices(following, app.extensions["service"]):
            found = _try(app, choice)
            refused = refused or found
            if not found:
                break
    except RegistryProblem as problem:
        refused = {"version": "", "reason": str(problem)}
    beside = following.settings.fallback_models
    if app.extensions["service"] is None and beside and Path(beside) != following.settings.models:
        _fall_back(app, Path(beside))
    news = refused.get("reason") != following.refused.get("reason")
    following.refused = refused
    if refused:
        _tell_refused(app, refused["reason"], news=news)


def _fall_back(app: Flask, models: Path) -> None:
    """Serve what lies beside the app, until the channel has something that can be served."""
    try:
        _serve(app, load_service(models), time.monotonic())
    except (Exception, SystemExit) as error:
        _tell_refused(app, _reason(error, models), news=True)


def _try(app: Flask, choice: Choice) -> dict[str, str]:
    """Serve a version, unless it is served; tells which was refused and why, and nothing where it is served now."""
    settings, served, begun = app.extensions["following"].settings, app.extensions["service"], time.monotonic()
    try:
        naming.require_trusted(settings, choice.record)
        if served is None or served.bundle.version != choice.version:
            named = choice.version if choice.record else settings.model_version
            _serve(app, load_service(settings.models, named, choice.record), begun)
        elif choice.record:
            app.extensions["service"] = replace(served, record=choice.record)
    except (Exception, SystemExit) as error:  # a bundle's code may raise anything, and would end the thread with it
        return {"version": choice.version, "reason": _reason(error, bundle_folder(settings.models, choice.version))}
    return {}


def _serve(app: Flask, service: Service, begun: float) -> None:
    """Swap; whatever else is told of it comes after. Raises BundleProblem for a model of another problem."""
    before, bundle = app.extensions["service"], service.bundle
    _require_same_problem(app.extensions["following"], bundle)
    app.extensions["service"] = service
    app.extensions["following"].last_good[:] = bundle.version.encode()
    metrics.count_load("loaded")
    facts = {"model": bundle.manifest["name"], "version": bundle.version}
    seconds = round(time.monotonic() - begun, 3)
    if before is None:
        access.log_event("ready", **facts, seconds=seconds)
    else:
        access.log_event("model loaded", **facts, before=before.bundle.version, seconds=seconds)


def _require_same_problem(following: Following, bundle: Bundle) -> None:
    """Raise BundleProblem unless a bundle predicts what this server predicts; the first one says what that is."""
    name = bundle.manifest["name"]
    written = name.encode()[:NAME_BYTES].ljust(NAME_BYTES, b"\0")
    if not following.problem[:].strip(b"\0"):
        following.problem[:] = written
    if following.problem[:] != written:
        serves = following.problem[:].rstrip(b"\0").decode(errors="replace")
        raise BundleProblem(
            f"{bundle.folder} holds a model of {name!r}, and this server serves {serves!r} to its clients: it follows "
            f"to no other problem. Publish {name!r} to a registry of its own, or start a server anew to serve it"
        )


def _tell_refused(app: Flask, reason: str, *, news: bool) -> None:
    """Count it; a line of the log tells it once, however often it is tried again."""
    metrics.count_load("refused")
    served = app.extensions["service"]
    if news and served is None:
        access.log_event("not ready", reason=reason)
    elif news:
        access.log_event("model refused", reason=reason, served=served.bundle.version)


def _join_the_others(app: Flask) -> None:
    """Serve what the other workers serve, where the registry names a version that is refused.

    A worker that takes a dead one's place is a copy of their parent, which knows only what it loaded at its own start.
    """
    following, served = app.extensions["following"], app.extensions["service"]
    good, begun = following.last_good[:].strip(b"\0").decode(), time.monotonic()
    if not following.refused or not good or (served and served.bundle.version == good):
        return
    try:
        record = next((it for it in reversed(following.records) if it.version == good), None)
        _serve(app, load_service(following.settings.models, good, record), begun)
    except (Exception, SystemExit) as error:
        _tell_refused(app, _reason(error, bundle_folder(following.settings.models, good)), news=True)


def _reason(error: BaseException, folder: Path) -> str:
    return str(error) if isinstance(error, BundleProblem | RegistryProblem) else f"{folder} cannot be loaded: {error!r}"

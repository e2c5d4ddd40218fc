"""What prune keeps and removes; and an old registry, brought into the new layout."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from registry import prune as pruning
from registry.bundles import versions
from registry.channels import Draft, promote, rollback, served
from registry.prune import prune
from registry.records import history, key_of
from registry.stores import Store
from registry.stores_folder import Folder
from tests.registry.conftest import ME, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.records import Record

HOURS = 3600


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass."""
    now = time.time()
    return lambda seconds: monkeypatch.setattr(time, "time", lambda: now + seconds)


def test_what_nobody_asked_for_goes_after_an_hour(store: Store, add: Callable[..., str], later):
    version = add(1)

    assert prune(store) == []
    later(HOURS - 60)
    assert prune(store) == []
    later(HOURS + 60)
    assert prune(store) == [version]
    assert versions(store) == store.names("bundles") == []


def test_what_is_served_tagged_or_was_served_lately_stays(
    store: Store, add: Callable[..., str], serve: Callable[..., Record], later, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pruning, "KEPT_BY_EACH_CHANNEL", 2)
    first, second, third = (serve(added).version for added in (1, 2, 3))
    promote(store, "staging", Draft(third, ME))  # two in a row are one
    production, tagged, nobodys = serve(4, "production").version, add(5), add(6)
    later(2 * HOURS)

    assert prune(store, tagged={tagged}) == sorted([first, nobodys])
    assert versions(store) == sorted([second, third, production, tagged])


def test_records_stay_and_a_rollback_says_what_is_gone(store: Store, serve: Callable[..., Record], later, monkeypatch):
    monkeypatch.setattr(pruning, "KEPT_BY_EACH_CHANNEL", 1)
    first, second = serve(1), serve(2)
    later(2 * HOURS)

    assert prune(store) == [first.version]
    assert history(store, "staging") == [first, second]
    assert f"no bundle of version '{first.version}'" in refusal(rollback, store, "staging", ME, "worse")


def test_twenty_of_each_channel_are_kept(store: Store):
    assert pruning.KEPT_BY_EACH_CHANNEL == 20


def test_with_a_broken_history_nothing_is_removed(store: Store, add, serve: Callable[..., Record], later):
    serve(1), serve(2)
    nobodys = add(3)
    store.delete(key_of("staging", 1))
    later(2 * HOURS)

    assert "00000001.json is missing" in refusal(prune, store)
    assert nobodys in versions(store)


def test_a_clock_that_ran_backwards_removes_nothing(store: Store, add: Callable[..., str], later):
    add(1)
    later(-5 * HOURS)

    assert prune(store) == []


def test_an_upload_that_never_ended_is_removed(store: Store, later):
    store.replace(f"bundles/{'1' * 64}/model.pkl", b"half")

    assert prune(store) == []
    later(2 * HOURS)
    assert prune(store) == ["1" * 64]
    assert store.names("bundles") == []


def test_what_is_promoted_while_prune_works_stays(store: Store, add, serve, later, monkeypatch: pytest.MonkeyPatch):
    serve(1)
    version = add(2)
    later(2 * HOURS)
    times = type(store).times

    def late(self: Store, prefix: str) -> dict[str, float]:
        found = times(self, prefix)
        promote(self, "production", Draft(version, ME))
        return found

    monkeypatch.setattr(type(store), "times", late)

    assert prune(store) == []
    assert served(store, "production").version == version


def test_what_killed_writers_left_is_swept(store: Store, add: Callable[..., str], serve, later):
    if not isinstance(store, Folder):
        pytest.skip("no request leaves half a file on S3")
    serve(1)
    left = [store.root / "bundles/.new-x/half", store.root / "channels/staging/history/.00000002.json.x1"]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    prune(store)
    assert all(path.exists() for path in left)
    old = time.time() - 2 * HOURS
    for path in (left[0].parent, left[1]):
        os.utime(path, (old, old))

    assert prune(store) == []
    assert not list(store.root.rglob(".*"))


def test_half_removed_is_not_there(store: Store, add: Callable[..., str], later, monkeypatch: pytest.MonkeyPatch):
    """A kill after the first step of the removal leaves no bundle that lacks files."""
    add(1)
    later(2 * HOURS)
    steps, delete = iter(range(9)), type(store).delete

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", killed)
    monkeypatch.setattr(type(store), "delete", lambda self, key: killed() if next(steps) else delete(self, key))
    with pytest.raises(KeyboardInterrupt):
        prune(store)

    assert versions(store) == []

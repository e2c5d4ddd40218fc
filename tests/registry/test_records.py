"""The chain of records: what is read, and what is not followed because somebody changed it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from modelbundle.digests import canonical_json, digest_bytes
from registry import channels, records
from registry.channels import Draft, promote, rollback, served
from registry.records import bytes_of, digest_of, history, key_of, newer
from registry.stores import Store
from tests.registry.conftest import ME, altered, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.records import Record


@pytest.fixture
def three(serve: Callable[..., Record]) -> list[Record]:
    return [serve(added) for added in (1, 2, 3)]


def nothing_is_promoted(store: Store, version: str) -> str:
    """What a promotion is told, as all who would follow the channel are; the store stays as it was."""
    before = store.names("channels")
    told = refusal(promote, store, "staging", Draft(version, ME))
    assert told == refusal(history, store, "staging") == refusal(served, store, "staging")
    assert told == refusal(rollback, store, "staging", ME, "worse")
    assert "Restore it from a copy" in told
    assert store.names("channels") == before
    return told


def test_a_record_is_what_is_written(store: Store, three: list[Record]):
    data = store.read(key_of("staging", 2))

    assert data == bytes_of(three[1])
    assert digest_bytes(data) == digest_of(three[1]) == three[2].before
    assert json.loads(data)["schema_version"] == 1


def test_a_record_that_is_missing_is_named(store: Store, three: list[Record]):
    store.delete(key_of("staging", 2))

    told = nothing_is_promoted(store, three[0].version)
    assert f"{store}/{key_of('staging', 2)} is missing: after 1 comes 3" in told


def test_a_history_begins_with_its_first_record(store: Store, three: list[Record]):
    store.delete(key_of("staging", 1))

    assert "00000001.json is missing: the first is 2" in nothing_is_promoted(store, three[1].version)


@pytest.mark.parametrize("length", [0, 1, 200])
def test_a_record_that_was_cut_short_is_named(store: Store, three: list[Record], length: int):
    store.replace(key_of("staging", 3), bytes_of(three[2])[:length])

    told = nothing_is_promoted(store, three[0].version)
    assert f"{store}/{key_of('staging', 3)} is no promotion record" in told


def test_a_record_that_was_altered_is_found_by_the_next(store: Store, three: list[Record]):
    altered(store, key_of("staging", 2), version=three[0].version)

    told = nothing_is_promoted(store, three[0].version)
    assert "00000003.json should follow a record with the digest" in told
    assert str(three[2].before) in told


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"channel": "production"}, "should be of channel staging; it says production"),
        ({"number": 4}, "should be of number 3; it says 4"),
        ({"schema_version": 2}, "schema_version"),
        ({"more": 1}, "more: Extra inputs are not permitted"),
        ({"version": "abc"}, "version: String should match pattern"),
        ({"forced": "no"}, "is not written as records are"),
        ({"gate": None}, "is not written as records are"),
    ],
)
def test_the_newest_record_says_what_its_place_says(store: Store, three: list[Record], changes: dict, said: str):
    altered(store, key_of("staging", 3), **changes)

    told = nothing_is_promoted(store, three[0].version)
    assert "00000003.json" in told
    assert said in told


def test_a_record_of_another_problem_is_not_followed(store: Store, three: list[Record]):
    altered(store, key_of("staging", 3), problem="car_prices")

    told = nothing_is_promoted(store, three[0].version)
    assert "00000003.json should be of the problem 'house_prices'; it says 'car_prices'" in told


def test_a_key_that_stands_twice_is_found(store: Store, three: list[Record]):
    data = bytes_of(three[2]).replace(b'{\n "schema', b'{\n "who": "Eve",\n "schema')
    store.replace(key_of("staging", 3), data)

    assert "is not written as records are" in nothing_is_promoted(store, three[0].version)


def test_what_is_no_record_does_not_count(store: Store, three: list[Record]):
    for name in ("notes.txt", "00000004.json.bak", "00000002 (copy).json", ".00000004.json.x1"):
        store.replace(f"channels/staging/history/{name}", b"?")

    assert history(store, "staging") == three


def test_a_reader_reads_on_from_what_it_knows(store: Store, three: list[Record], monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []
    read_all = type(store).read_all
    monkeypatch.setattr(type(store), "read_all", lambda self, keys: read.extend(keys) or read_all(self, keys))

    assert newer(store, "staging", three[0]) == three[1:]
    assert read == [key_of("staging", 2), key_of("staging", 3)]
    assert newer(store, "staging", three[2]) == []
    assert read == [key_of("staging", 2), key_of("staging", 3)]
    assert newer(store, "staging", None) == three


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_reader_is_told_that_the_newest_record_was_deleted(store: Store, three: list[Record], left: int):
    for record in three[left:]:
        store.delete(key_of("staging", record.number))

    told = refusal(newer, store, "staging", three[2])
    assert f"the history ends at {left}, and 3 was followed already. Somebody deleted its newest record" in told


def test_a_reader_is_told_that_what_it_knows_is_gone_from_amid(store: Store, three: list[Record]):
    store.delete(key_of("staging", 2))

    assert "00000002.json is missing, though it was followed already" in refusal(newer, store, "staging", three[1])


def test_a_reader_does_not_join_what_it_knows_to_another_chain(store: Store, three: list[Record]):
    store.delete(key_of("staging", 3))
    promote(store, "staging", Draft(three[0].version, "Eve"))
    promote(store, "staging", Draft(three[1].version, "Eve"))

    told = refusal(newer, store, "staging", three[2])
    assert "00000004.json should follow a record with the digest" in told
    assert digest_of(three[2]) in told


def test_a_clock_that_runs_backwards_changes_nothing(
    store: Store, serve: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
):
    first = serve(1)
    monkeypatch.setattr(channels, "now", lambda: "1999-12-31T23:59:59+00:00")
    second = serve(2)

    assert second.when < first.when
    assert served(store, "staging") == second
    assert newer(store, "staging", first) == [second]
    assert rollback(store, "staging", ME, "worse").version == first.version


def test_the_time_is_utc_to_the_second():
    assert records.now().endswith("+00:00")
    assert len(records.now()) == len("2026-12-01T03:58:35+00:00")


def test_what_a_record_does_not_say_is_left_out(three: list[Record]):
    assert {"signature", "image", "gate"}.isdisjoint(json.loads(bytes_of(three[0])))
    assert bytes_of(three[0]) == canonical_json(json.loads(bytes_of(three[0])))

"""Promotion and rollback: what a channel serves, and what is refused with the channel as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelbundle.digests import digest_bytes
from registry.channels import Draft, channels, promote, refusals, refuse, rollback, served, write_current
from registry.records import digest_of, history
from registry.stores import Store
from tests.registry.conftest import DATA, ME, refusal, write_bundle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.records import Record


def current(store: Store, channel: str = "staging") -> str:
    return store.read(f"channels/{channel}/current").decode()


def test_a_promotion_tells_what_serves_since_when_who_wanted_it_and_why(store: Store, add: Callable[..., str]):
    version = add()
    record = promote(store, "staging", Draft(version, ME, "better", gate={"loss": -0.01}, run="r7", image="sha256:1"))

    assert served(store, "staging") == record
    assert (record.number, record.kind, record.version, record.before) == (1, "promote", version, None)
    assert (record.who, record.why, record.gate, record.run) == (ME, "better", {"loss": -0.01}, "r7")
    assert (record.problem, record.data_sha256, record.commit) == ("house_prices", DATA, "c0ffee")
    assert list(record.reports) == ["04_compare.html"]
    assert current(store) == f"{version}\n"


def test_each_record_names_the_one_before(store: Store, serve: Callable[..., Record]):
    first, second, third = (serve(added) for added in (1, 2, 3))

    assert history(store, "staging") == [first, second, third]
    assert [second.before, third.before] == [digest_of(first), digest_of(second)]
    assert current(store) == f"{third.version}\n"


def test_channels_know_nothing_of_each_other(store: Store, serve: Callable[..., Record]):
    first, second = serve(1, "staging"), serve(2, "production")

    assert channels(store) == ["production", "staging"]
    assert [served(store, "staging"), served(store, "production")] == [first, second]


def test_a_rollback_goes_to_what_was_served_before_and_marks_what_it_leaves(store: Store, serve: Callable[..., Record]):
    first, second = serve(1), serve(2)
    back = rollback(store, "staging", ME, "prices too high")

    assert (back.kind, back.version, back.bad) == ("rollback", first.version, (second.version,))
    assert (back.why, back.commit, back.data_sha256) == ("prices too high", "c0ffee", DATA)
    assert current(store) == f"{first.version}\n"


def test_two_rollbacks_in_a_row_go_back_two_steps(store: Store, serve: Callable[..., Record]):
    first, second, _ = (serve(added) for added in (1, 2, 3))

    assert [rollback(store, "staging", ME, "worse").version for _ in "ab"] == [second.version, first.version]


def test_a_rollback_never_goes_to_a_bad_version(store: Store, serve: Callable[..., Record]):
    good = serve(1)
    serve(2)
    rollback(store, "staging", ME, "worse")
    serve(3)

    assert rollback(store, "staging", ME, "worse too").version == good.version
    assert "cannot go back" in refusal(rollback, store, "staging", ME, "still worse")


def test_a_bad_version_that_is_promoted_again_is_good_again(store: Store, serve: Callable[..., Record]):
    serve(1)
    second = serve(2)
    rollback(store, "staging", ME, "looked worse")
    serve(2, why="it was the data")
    serve(3)

    assert rollback(store, "staging", ME, "worse").version == second.version


def test_a_version_that_was_promoted_twice_is_one_step(store: Store, serve: Callable[..., Record]):
    first, _, _ = serve(1), serve(2), serve(2)

    assert rollback(store, "staging", ME, "worse").version == first.version


@pytest.mark.parametrize("promotions", [0, 1])
def test_with_nowhere_to_go_back_to_a_rollback_is_refused(store: Store, serve: Callable[..., Record], promotions: int):
    before = [serve(added) for added in range(promotions)]

    assert ("cannot go back" if promotions else "Nothing was promoted") in refusal(rollback, store, "staging", ME, "w")
    assert history(store, "staging") == before


def test_a_rollback_to_what_is_no_longer_there_is_refused(store: Store, serve: Callable[..., Record]):
    first, second = serve(1), serve(2)
    store.delete_tree(f"bundles/{first.version}", first="manifest.json")

    assert f"no bundle of version '{first.version}'" in refusal(rollback, store, "staging", ME, "worse")
    assert served(store, "staging") == second


@pytest.mark.parametrize("why", ["", "  "])
def test_going_back_and_overruling_a_gate_need_a_reason(store: Store, serve: Callable[..., Record], why: str):
    one, two = serve(1), serve(2)

    assert "needs a reason" in refusal(rollback, store, "staging", ME, why)
    assert "with a reason" in refusal(promote, store, "staging", Draft(one.version, ME, why, forced=True))
    assert served(store, "staging") == two
    assert promote(store, "staging", Draft(one.version, ME, "an urgent mend", forced=True)).forced


def test_a_version_that_is_not_there_is_refused_and_the_nearest_told(store: Store, serve: Callable[..., Record]):
    record = serve(1)
    wrong = record.version[:-1] + ("0" if record.version[-1] != "0" else "1")
    told = refusal(promote, store, "staging", Draft(wrong, ME))

    assert f"{store} holds no bundle of version {wrong!r}" in told
    assert record.version[:12] in told
    assert history(store, "staging") == [record]


def test_a_bundle_of_another_problem_is_refused(store: Store, serve: Callable[..., Record], add: Callable[..., str]):
    record = serve(1)

    assert "A registry belongs to one problem" in refusal(add, 2, name="car_prices")
    assert history(store, "staging") == [record]


def test_where_two_problems_came_into_one_store_at_once_neither_is_promoted(
    store: Store, add: Callable[..., str], tmp_path: Path
):
    draft = write_bundle(tmp_path / "another", 2, name="car_prices")
    files = {name: (draft / name).read_bytes() for name in ("manifest.json", "model.pkl", "golden.json")}
    other, version = digest_bytes(files["manifest.json"]), add(1)
    store.create_tree(f"bundles/{other}", files, last="manifest.json")

    for each in (version, other):
        assert "A registry belongs to one problem" in refusal(promote, store, "staging", Draft(each, ME))
    assert channels(store) == []


def test_a_channel_of_another_problem_is_not_promoted_to(store: Store, serve: Callable[..., Record], add: Callable):
    record = serve(1)
    store.delete_tree(f"bundles/{record.version}", first="manifest.json")
    other = add(2, name="car_prices")

    told = refusal(promote, store, "staging", Draft(other, ME))
    assert "serves models of 'house_prices'" in told
    assert "'car_prices'" in told
    assert history(store, "staging") == [record]


def test_a_misspelt_channel_is_told_which_there_are(store: Store, serve: Callable[..., Record]):
    record = serve(1)

    for told in (
        refusal(served, store, "stagign"),
        refusal(rollback, store, "stagign", ME, "worse"),
        refusal(promote, store, "stagign", Draft(record.version, ME)),
    ):
        assert "no channel 'stagign'" in told
        assert "It has staging; local, staging, production may be begun" in told
    assert channels(store) == ["staging"]


def test_a_new_channel_is_made_for_whoever_asks_for_it(store: Store, add: Callable[..., str]):
    record = promote(store, "canary-2", Draft(add(), ME, new_channel=True))

    assert served(store, "canary-2") == record
    assert promote(store, "canary-2", Draft(record.version, ME)).number == 2


@pytest.mark.parametrize("name", ["", "Staging", "1st", "a/b", "..", "a" * 32, "stag ing", "staging\n"])
def test_a_name_that_is_none_is_refused_whatever_is_asked_for(store: Store, add: Callable[..., str], name: str):
    version = add()

    assert "is no name of a channel" in refusal(promote, store, name, Draft(version, ME, new_channel=True))
    assert "is no name of a channel" in refusal(refuse, store, name, version, {})
    assert "has no channel" in refusal(served, store, name)
    assert channels(store) == []


def test_a_channel_without_a_promotion_says_so(store: Store):
    assert "Nothing was promoted to channel production" in refusal(served, store, "production")


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        ({"who": ""}, "nothing to record: who"),
        ({"reports": {"a.html": "x"}}, "nothing to record: reports.a.html"),
        ({"why": "\ud800"}, "cannot be written as JSON"),
    ],
)
def test_what_no_record_can_tell_is_refused(store: Store, add: Callable[..., str], draft: dict, said: str):
    assert said in refusal(promote, store, "staging", Draft(**({"version": add(), "who": ME} | draft)))
    assert history(store, "staging") == []


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_gate_with_a_number_that_json_cannot_hold_is_refused(store: Store, add: Callable[..., str], number: float):
    version = add()

    assert "cannot be written as JSON" in refusal(promote, store, "staging", Draft(version, ME, gate={"x": number}))
    assert "cannot be written as JSON" in refusal(refuse, store, "staging", version, {"x": number})
    assert history(store, "staging") == []


def test_what_a_gate_refused_is_kept_with_its_reasons(store: Store, add: Callable[..., str]):
    version = add()
    key = refuse(store, "staging", version, {"decision": "refuse", "why": "5 % worse"})

    (kept,) = refusals(store, "staging")
    assert key.startswith("channels/staging/refused/2")
    assert key.endswith(f"Z-{version}.json")
    assert (kept["version"], kept["gate"]["why"]) == (version, "5 % worse")
    assert history(store, "staging") == []


def test_current_is_made_anew_from_the_last_record(store: Store, serve: Callable[..., Record]):
    record = serve(1)
    store.replace("channels/staging/current", b"half")
    write_current(store, "staging")

    assert current(store) == f"{record.version}\n"

"""Several promoters at once, some of them killed: no promotion is lost, none counts twice, `current` ends as the last.

And, one step at a time, what each of two does that want the same number.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from registry.channels import Draft, promote, rollback, served
from registry.problems import RegistryProblem
from registry.records import history
from registry.stores import Store
from tests.conftest import ROOT
from tests.registry.conftest import ME, refusal
from tests.registry.promoters import reported

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.records import Record


def run_promoters(*arguments: object) -> int:
    """Run promoters at once; returns how many of them were killed."""
    command = [sys.executable, "-m", "tests.registry.promoters", *map(str, arguments)]
    settings = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "lib")])}
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.run
@pytest.mark.parametrize(
    ("count", "each", "kills"),
    [
        pytest.param(8, 3, 0, id="few"),
        pytest.param(8, 3, 3, id="few, killed"),
        pytest.param(8, 25, 25, id="many, killed", marks=pytest.mark.slow),
    ],
)
def test_no_promotion_is_lost_and_none_counts_twice(
    store: Store, address: str, add: Callable[..., str], tmp_path: Path, count: int, each: int, kills: int
):
    (tmp_path / "logs").mkdir()
    versions = [add(number) for number in range(3)]
    killed = run_promoters(address, tmp_path / "logs", count, each, kills, *versions)
    found = history(store, "staging")  # raises unless the chain is unbroken
    told = [line for log in (tmp_path / "logs").iterdir() for line in reported(tmp_path / "logs", log.name)]

    assert killed == kills
    assert max(Counter(number for number, _ in told).values()) == 1
    assert max(Counter(record.why for record in found).values()) == 1
    assert {number: found[number - 1].why for number, _ in told} == dict(told)
    assert len(found) - len(told) <= killed
    assert killed or len(found) == count * each
    if killed:  # one was perhaps killed before it wrote `current`: whoever comes next does
        promote(store, "staging", Draft(versions[0], ME))
    assert store.read("channels/staging/current").decode() == f"{served(store, 'staging').version}\n"


@pytest.fixture
def overtaken(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let something happen just before the next record is created, once."""
    create = type(store).create

    def overtake(first: Callable[[], object]) -> None:
        def late(self: Store, key: str, data: bytes) -> bool:
            if "/history/" in key:
                monkeypatch.setattr(type(store), "create", create)
                first()
            return create(self, key, data)

        monkeypatch.setattr(type(store), "create", late)

    return overtake


def test_who_is_overtaken_takes_the_next_number(store: Store, serve: Callable[..., Record], overtaken: Callable):
    first, second = serve(1), serve(2)
    overtaken(lambda: promote(store, "staging", Draft(first.version, "quick")))
    record = promote(store, "staging", Draft(second.version, "slow"))

    assert [each.who for each in history(store, "staging")[2:]] == ["quick", "slow"]
    assert served(store, "staging") == record


def test_a_gate_is_asked_anew_about_what_is_served_meanwhile(
    store: Store, serve: Callable[..., Record], overtaken: Callable
):
    first, second = serve(1), serve(2)
    overtaken(lambda: promote(store, "staging", Draft(first.version, "quick")))
    since: list[list[Record]] = []

    def ask_anew(records: list[Record]) -> Draft:
        since.append(records)
        return Draft(second.version, "slow", gate={"compared with": records[-1].version}, seen=records[-1].number)

    record = promote(store, "staging", Draft(second.version, "slow", gate={}, seen=2), ask_anew)

    assert [each.who for each in since[0]] == ["quick"]
    assert len(since) == 1
    assert record.gate == {"compared with": first.version}


def test_a_gate_that_says_no_the_second_time_promotes_nothing(
    store: Store, serve: Callable[..., Record], overtaken: Callable
):
    first, second = serve(1), serve(2)
    overtaken(lambda: promote(store, "staging", Draft(first.version, "quick")))

    def ask_anew(records: list[Record]) -> Draft:
        raise RegistryProblem("worse than what is served now")

    assert "worse than" in refusal(promote, store, "staging", Draft(second.version, "slow", seen=2), ask_anew)
    assert served(store, "staging").who == "quick"


@pytest.mark.parametrize("seen", [0, 1, 3])
def test_a_decision_about_what_is_no_longer_served_is_refused(store: Store, serve: Callable[..., Record], seen: int):
    first, second = serve(1), serve(2)
    draft = Draft(first.version, "slow", gate={}, seen=seen)

    assert f"at record 2; the gate compared with record {seen}" in refusal(promote, store, "staging", draft)
    assert served(store, "staging") == second
    assert promote(store, "staging", Draft(first.version, "slow", gate={}, seen=2)).number == 3


def test_an_answer_about_another_version_is_refused(store: Store, serve: Callable[..., Record]):
    first, second = serve(1), serve(2)
    draft = Draft(first.version, ME, seen=1)

    assert "answers for" in refusal(promote, store, "staging", draft, lambda _: Draft(second.version, ME))


def test_a_rollback_that_is_overtaken_looks_anew_where_to_go(
    store: Store, serve: Callable[..., Record], overtaken: Callable
):
    serve(1)
    second, third = serve(2), serve(3)
    overtaken(lambda: rollback(store, "staging", "quick", "worse"))
    record = rollback(store, "staging", "slow", "worse")

    quick, slow = history(store, "staging")[3:]
    assert (quick.version, quick.bad) == (second.version, (third.version,))
    assert (slow.version, slow.bad) == (record.version, (second.version,))
    assert record.version == history(store, "staging")[0].version


def test_who_writes_current_late_does_not_leave_it_old(
    store: Store, serve: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
):
    first, _ = serve(1), serve(2)
    replace = type(store).replace

    def late(self: Store, key: str, data: bytes) -> None:
        monkeypatch.setattr(type(store), "replace", replace)
        promote(store, "staging", Draft(first.version, "quick"))
        replace(self, key, data)

    monkeypatch.setattr(type(store), "replace", late)
    promote(store, "staging", Draft(history(store, "staging")[1].version, "slow"))

    assert served(store, "staging").who == "quick"
    assert store.read("channels/staging/current").decode() == f"{first.version}\n"


def test_a_promotion_stands_though_current_cannot_be_written(
    store: Store, serve: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
):
    first = serve(1)

    def full(self: Store, key: str, data: bytes) -> None:
        raise RegistryProblem("the disk is full")

    monkeypatch.setattr(type(store), "replace", full)

    assert promote(store, "staging", Draft(first.version, ME)) == served(store, "staging")

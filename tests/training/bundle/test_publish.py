"""Publishing: what stands in the registry afterwards, and what is never put there."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from modelbundle.bundle import PLAN, VERIFIED_FILES, current_folder, load_bundle
from modelbundle.digests import digest_bytes
from registry.channels import Draft, promote
from registry.records import history
from registry.stores_folder import Folder
from tests.training.conftest import write
from training.bundle.publish import is_published
from training.bundle.registry import require_own
from training.bundle.service import last_refusal
from training.config.gating import Decision
from training.problems import RunProblem

if TYPE_CHECKING:
    from pathlib import Path

    from tests.training.conftest import Drafts

PUBLISHED = {"manifest.json", *VERIFIED_FILES, PLAN, "run.json", "reports"}


def test_the_published_bundle_is_complete_and_served(drafts: Drafts):
    drafts.publish("new")
    folder = current_folder(drafts.registry)

    assert drafts.served() == "new"
    assert {path.name for path in folder.iterdir()} == PUBLISHED
    assert (folder / "reports" / "report.html").read_text() == "new"
    run = json.loads((folder / "run.json").read_bytes())
    assert set(run) == {"published", "commit", "timings", "reports"}
    assert run["reports"] == {"report.html": digest_bytes(b"new")}


def test_the_previous_version_stays_in_the_registry(drafts: Drafts):
    drafts.publish("new")

    assert load_bundle(drafts.folder("old"))
    assert drafts.left == set()


def test_publishing_twice_changes_the_reports_alone(drafts: Drafts):
    folder = current_folder(drafts.registry)
    before = {name: (folder / name).stat().st_ino for name in ("manifest.json", *VERIFIED_FILES)}
    write(drafts.old / "reports/report.html", b"today's prose")

    drafts.publish("old")

    assert {name: (folder / name).stat().st_ino for name in before} == before
    assert (folder / "reports/report.html").read_text() == "today's prose"
    assert drafts.left == set()


def test_an_older_version_may_become_current_again(drafts: Drafts):
    drafts.publish("new")
    drafts.publish("old")

    assert drafts.served() == "old"


@pytest.mark.parametrize("name", ["model.pkl", "manifest.json"])
def test_a_damaged_version_is_replaced_by_a_sound_one(drafts: Drafts, name: str):
    write(drafts.folder("old") / name, b"damaged")

    drafts.publish("old")

    assert drafts.served() == "old"
    assert drafts.left == set()


def test_nothing_of_a_damaged_version_stays_in_the_sound_one(drafts: Drafts):
    write(drafts.folder("old") / "model.pkl", b"damaged")

    drafts.publish("old")

    assert {path.name for path in current_folder(drafts.registry).iterdir()} == PUBLISHED


def test_everyone_may_read_what_is_published(drafts: Drafts):
    """The app may run as another user, whatever the umask of the publisher."""
    before = os.umask(0o077)
    try:
        drafts.publish("new")
    finally:
        os.umask(before)

    folder = current_folder(drafts.registry)
    modes = {
        path.stat().st_mode & 0o777
        for path in [*folder.rglob("*"), *(drafts.registry / "channels").rglob("*")]
        if path.is_file()
    }
    assert modes == {0o644}
    assert {path.stat().st_mode & 0o777 for path in (folder, folder / "reports")} == {0o755}


def test_a_comparison_with_failed_candidates_is_not_published(drafts: Drafts):
    write(drafts.new / "results.json", b'{"failed": {"svr": "its fit raised ValueError: no"}}')

    with pytest.raises(RunProblem, match=r"1 of the candidates failed:\n  - svr: its fit raised ValueError: no\n"):
        drafts.publish("new")

    assert drafts.served() == "old"
    assert drafts.left == set()


def test_a_problem_does_not_take_over_the_registry_of_another(drafts: Drafts):
    require_own(drafts.registry, "houses")
    with pytest.raises(RunProblem, match=r"models is the registry of 'houses', .*registry: models/flats"):
        require_own(drafts.registry, "flats")


def test_a_registry_within_a_registry_is_another_one(drafts: Drafts):
    require_own(drafts.registry / "flats", "flats")
    drafts.publish("new", drafts.registry / "flats")
    drafts.publish("old")

    assert drafts.left == {"flats"}
    assert (drafts.served(), drafts.served(drafts.registry / "flats")) == ("old", "new")


def test_a_registry_of_which_nothing_can_be_told_is_anyones(drafts: Drafts):
    write(drafts.registry / "channels/local/history/00000001.json", b"{")

    require_own(drafts.registry, "flats")


def test_a_registry_of_the_old_layout_is_brought_into_the_new_one_first(drafts: Drafts, tmp_path: Path):
    """Or the gate would take what is served for nothing."""
    write(tmp_path / "old/current", drafts.versions["old"].encode())

    for attempt in (lambda: require_own(tmp_path / "old", "houses"), lambda: drafts.publish("new", tmp_path / "old")):
        with pytest.raises(RunProblem, match=r"make migrate REGISTRY=.*old"):
            attempt()
    assert {path.name for path in (tmp_path / "old").iterdir()} == {"current"}


# The gate


def disagree(folder: Path, served: Path | None) -> Decision:
    return Decision("refuse", ["It is worse."], {"served": served.name if served else None})


def test_what_the_gate_refuses_is_registered_and_not_served(drafts: Drafts):
    drafts.publish("new", judge=disagree)

    assert drafts.served() == "old"
    assert load_bundle(drafts.folder("new"))
    assert last_refusal(drafts.registry, drafts.versions["new"])["reasons"] == ["It is worse."]
    assert is_published(drafts.new, drafts.registry), "the same question has the same answer"
    assert last_refusal(drafts.registry, drafts.versions["old"]) is None


def test_the_gate_is_asked_again_when_another_model_is_served(drafts: Drafts):
    drafts.publish("new", judge=disagree)
    drafts.publish("old")
    store = Folder(drafts.registry)
    promote(store, "local", Draft(drafts.versions["new"], "me", "a person decided", forced=True))
    promote(store, "local", Draft(drafts.versions["old"], "me"))
    assert last_refusal(drafts.registry, drafts.versions["new"]) is not None, "beside the old one it said no"

    promote(store, "local", Draft(drafts.versions["new"], "me"))
    assert last_refusal(drafts.registry, drafts.versions["new"]) is None


def test_a_promotion_tells_who_why_and_what_the_gate_said(drafts: Drafts):
    drafts.publish("new")
    first, second = history(Folder(drafts.registry), "local")

    assert (first.version, second.version) == (drafts.versions["old"], drafts.versions["new"])
    assert (second.gate["decision"], second.gate["served"]) == ("promote", first.version)
    assert (second.why, second.forced, second.reports) == ("make run", False, {"report.html": digest_bytes(b"new")})
    assert second.who


def test_what_is_served_already_is_promoted_once(drafts: Drafts):
    drafts.publish("old")

    assert len(history(Folder(drafts.registry), "local")) == 1


def test_only_the_served_draft_with_every_file_as_it_was_counts_as_published(drafts: Drafts):
    assert is_published(drafts.old, drafts.registry)
    assert not is_published(drafts.new, drafts.registry)

    (drafts.folder("old") / "golden.json").write_bytes(b"{}")
    assert not is_published(drafts.old, drafts.registry)


def test_another_user_can_read_what_is_published_whatever_the_umask(drafts: Drafts, tmp_path: Path):
    """The folder of the registry, and one above it that was not there, as well as all that is in it."""
    registry = tmp_path / "new" / "registry"
    before = os.umask(0o077)
    try:
        for name in ("old", "new"):
            drafts.publish(name, registry)
    finally:
        os.umask(before)

    made = [registry.parent, *registry.parent.rglob("*")]
    assert drafts.served(registry) == "new"
    assert {path.stat().st_mode & 0o777 for path in made if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in made if path.is_file()} == {0o644}


def test_a_folder_that_was_there_keeps_its_rights(drafts: Drafts, tmp_path: Path):
    registry = tmp_path / "mine"
    registry.mkdir(mode=0o700)
    drafts.publish("new", registry)

    assert registry.stat().st_mode & 0o777 == 0o700


def test_a_comparison_of_runs_is_not_published(drafts: Drafts):
    (drafts.new / "reports/compare.html").write_text("two runs")
    drafts.publish("new")
    folder = drafts.folder("new")

    assert not (folder / "reports/compare.html").exists()
    assert "compare.html" not in json.loads((folder / "run.json").read_bytes())["reports"]

"""An old registry in the new layout: once, whatever interrupts it, and with old servers served on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelbundle.digests import digest_file
from registry import migrate as migrating
from registry.bundles import versions
from registry.channels import promote, served
from registry.migrate import Migrated, migrate
from registry.records import history
from registry.stores_folder import Folder
from tests.registry.conftest import ME, refusal, write_bundle

serving = pytest.importorskip("modelbundle.bundle", reason="how servers read it is tried in their environment")

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


def old_bundle(root: Path, added: float, name: str = "house_prices") -> str:
    draft = write_bundle(root / "draft", added, name)
    return draft.rename(root / digest_file(draft / "manifest.json")).name


@pytest.fixture
def two(root: Path) -> list[str]:
    """Two bundles, of which the second is served."""
    found = [old_bundle(root, added) for added in (1, 2)]
    (root / "current").write_text(f"{found[1]}\n")
    return found


def test_bundles_move_and_what_was_served_is_the_first_record(root: Path, two: list[str]):
    done = migrate(root, ME)
    store = Folder(root)

    assert done == Migrated(tuple(sorted(two)), (), served(store, "local"))
    assert versions(store) == sorted(two)
    assert (done.record.version, done.record.number, done.record.who) == (two[1], 1, ME)
    assert "new layout" in done.record.why


def test_a_server_of_the_old_layout_is_served_on(root: Path, two: list[str]):
    migrate(root, ME)

    assert serving.current_folder(root).name == two[1]
    assert digest_file(serving.current_folder(root) / "manifest.json") == two[1]
    assert (root / two[1]).readlink() == Path("bundles", two[1])
    assert not (root / two[0]).exists()


def test_done_again_it_changes_nothing(root: Path, two: list[str]):
    migrate(root, ME)
    before = sorted(root.rglob("*"))

    assert migrate(root, ME) == Migrated((), (), None)
    assert sorted(root.rglob("*")) == before
    assert len(history(Folder(root), "local")) == 1


@pytest.mark.parametrize("step", range(6))
def test_interrupted_anywhere_it_is_done_by_the_next(
    root: Path, two: list[str], monkeypatch: pytest.MonkeyPatch, step: int
):
    steps = iter(range(9))

    def cut(act: Callable) -> Callable:
        def acted(*arguments: object, **more: object) -> object:
            if next(steps) == step:
                raise KeyboardInterrupt
            return act(*arguments, **more)

        return acted

    for place, name in ((Path, "rename"), (Path, "symlink_to"), (Path, "hardlink_to"), (migrating, "promote")):
        monkeypatch.setattr(place, name, cut(getattr(place, name)))
    with pytest.raises(KeyboardInterrupt) if step < 5 else pytest.MonkeyPatch.context():
        migrate(root, ME)
    monkeypatch.undo()
    migrate(root, ME)

    assert versions(Folder(root)) == sorted(two)
    assert [record.version for record in history(Folder(root), "local")] == [two[1]]
    assert serving.current_folder(root).name == two[1]


def test_with_nothing_served_nothing_is_promoted(root: Path):
    version = old_bundle(root, 1)

    assert migrate(root, ME) == Migrated((version,), (), None)
    assert not (root / "channels").exists()


def test_bundles_of_another_problem_stay_where_they_are(root: Path, two: list[str]):
    other = old_bundle(root, 3, "car_prices")
    done = migrate(root, ME)

    assert done.left == (other,)
    assert (root / other / "manifest.json").is_file()
    assert versions(Folder(root)) == sorted(two)


def test_bundles_of_two_problems_and_none_served_are_refused(root: Path):
    old_bundle(root, 1), old_bundle(root, 2, "car_prices")

    assert "holds bundles of car_prices, house_prices, and serves none" in refusal(migrate, root, ME)
    assert not (root / "bundles").exists()


@pytest.mark.parametrize("current", ["", "half", "1" * 64])
def test_a_pointer_to_nothing_moves_nothing(root: Path, two: list[str], current: str):
    (root / "current").write_text(current)

    assert f"should name a bundle beside it; found '{current}'. Nothing was moved" in refusal(migrate, root, ME)
    assert not (root / "bundles").exists()


def test_a_registry_that_has_moved_on_keeps_its_history(root: Path, two: list[str]):
    migrate(root, ME)
    store = Folder(root)
    record = promote(store, "local", migrating.Draft(two[0], ME))
    later = old_bundle(root, 4)  # an old trainer still publishes here
    (root / "current").write_text(later)

    assert migrate(root, ME) == Migrated((later,), (), None)
    assert served(store, "local") == record


def test_an_old_bundle_that_was_registered_anew_is_put_aside(root: Path, two: list[str]):
    migrate(root, ME)
    again = old_bundle(root, 1)

    assert migrate(root, ME).moved == (again,)
    assert versions(Folder(root)) == sorted(two)


def test_a_folder_that_is_not_there_is_told(root: Path):
    assert "No such file or directory" in refusal(migrate, root, ME)

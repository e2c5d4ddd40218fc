"""Bundles into a store and out of it: verified on the way, written once, whole or not there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modelbundle.digests import canonical_json, digest_file
from registry.bundles import facts_of, manifest_of, register, require, versions
from registry.fetching import fetch
from registry.problems import RegistryProblem
from registry.stores import Store
from registry.stores_folder import Folder
from tests.registry.conftest import DATA, refusal, write_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = ["golden.json", "manifest.json", "model.pkl", "reports/04_compare.html", "run.json"]


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "draft", 1)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "served"


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_bundle_is_named_by_the_digest_of_its_manifest(store: Store, draft: Path):
    version = register(store, draft)

    assert version == digest_file(draft / "manifest.json")
    assert versions(store) == [version]
    assert store.names(f"bundles/{version}") == FILES
    assert store.read_all([f"bundles/{version}/{name}" for name in FILES]) == [
        (draft / name).read_bytes() for name in FILES
    ]


def test_what_nobody_vouches_for_stays_behind(store: Store, draft: Path, tmp_path: Path):
    (draft / "secrets.txt").write_text("x")
    (draft / "reports/away.html").symlink_to(draft / "secrets.txt")

    assert store.names(f"bundles/{register(store, draft)}") == FILES


@pytest.mark.parametrize("change", ["altered", "shorter", "gone"])
def test_a_file_that_is_not_what_the_manifest_says_is_refused(store: Store, draft: Path, change: str):
    path = draft / "model.pkl"
    {"altered": lambda: path.write_bytes(b"x" * path.stat().st_size), "shorter": lambda: path.write_bytes(b"x"),
     "gone": path.unlink}[change]()  # fmt: skip
    told = refusal(register, store, draft)

    assert "model.pkl" in told
    assert "expected sha256" in told or change == "gone"
    assert store.names("bundles") == []


@pytest.mark.parametrize("manifest", [b"", b"[]", b'{"name": "x"}', b'{"name": 1, "files": {}}', b"\xff"])
def test_a_manifest_that_is_none_is_refused(store: Store, draft: Path, manifest: bytes):
    (draft / "manifest.json").write_bytes(manifest)

    assert "manifest.json is no manifest of a bundle" in refusal(register, store, draft)


def test_a_folder_without_a_bundle_is_refused(store: Store, tmp_path: Path):
    assert "cannot be read: No such file or directory" in refusal(register, store, tmp_path / "nothing")


@pytest.mark.parametrize("name", ["../../escaped", "/etc/passwd", "a//b"])
def test_a_manifest_that_names_a_file_elsewhere_is_refused(store: Store, draft: Path, name: str):
    write_bundle(draft, 1, files={name: {"sha256": "0" * 64, "size": 0}})

    assert "is no name of a file" in refusal(register, store, draft)


def test_registered_again_it_gets_the_reports_of_today(store: Store, draft: Path):
    version = register(store, draft)
    (draft / "reports/04_compare.html").write_text("of today")
    (draft / "reports/card.html").write_text("new")
    (draft / "run.json").write_bytes(canonical_json({"commit": "later"}))

    assert register(store, draft) == version
    assert store.read(f"bundles/{version}/reports/04_compare.html") == b"of today"
    assert store.read(f"bundles/{version}/reports/card.html") == b"new"
    assert facts_of(store, version).commit == "later"


def test_registered_again_nothing_else_is_written(store: Store, draft: Path, monkeypatch: pytest.MonkeyPatch):
    version, written = register(store, draft), []
    monkeypatch.setattr(type(store), "replace", lambda self, key, data: written.append(key))

    assert register(store, draft) == version
    assert written == []


@pytest.mark.parametrize("name", ["model.pkl", "manifest.json"])
def test_a_damaged_bundle_is_mended_by_registering_it(store: Store, draft: Path, name: str):
    version = register(store, draft)
    store.replace(f"bundles/{version}/{name}", b"damaged")

    assert register(store, draft) == version
    assert store.read(f"bundles/{version}/{name}") == (draft / name).read_bytes()


def test_a_bundle_tells_what_a_record_needs(store: Store, draft: Path):
    facts = facts_of(store, register(store, draft))

    assert (facts.problem, facts.data_sha256, facts.commit) == ("house_prices", DATA, "c0ffee")
    assert facts.reports == {"04_compare.html": digest_file(draft / "reports/04_compare.html")}


@pytest.mark.parametrize("run", [None, b"half", b"[]", b"{}"])
def test_a_bundle_without_a_story_may_be_promoted_too(store: Store, draft: Path, run: bytes | None):
    (draft / "run.json").write_bytes(run) if run else (draft / "run.json").unlink()
    facts = facts_of(store, register(store, draft))

    assert (facts.commit, facts.reports) == (None, {})


def test_a_manifest_that_was_changed_in_the_store_is_refused(store: Store, add: Callable[..., str]):
    version = add(1)
    store.replace(f"bundles/{version}/manifest.json", b"{}")

    told = refusal(manifest_of, store, version)
    assert "has the digest 44136fa3" in told
    assert f"named {version}" in told


def test_a_version_may_be_given_by_its_first_digits(store: Store, add: Callable[..., str]):
    one, other = add(1), add(2)

    assert [require(store, one), require(store, one[:6]), require(store, other[:40])] == [one, one, other]
    for wrong in (one[:5], "nonsense", "", one[:-1] + "x", "../" + one):
        told = refusal(require, store, wrong)
        assert f"holds no bundle of version {wrong!r}" in told
        assert "It holds 2; nearest: " in told
    assert one[:12] in refusal(require, store, one[:5])


def test_digits_that_may_mean_two_versions_are_refused(store: Store):
    for last in "ab":
        store.replace(f"bundles/{'1' * 63}{last}/manifest.json", b"{}")

    assert f"may be {'1' * 63}a or {'1' * 63}b" in refusal(require, store, "1111111")


def test_a_bundle_without_its_manifest_is_not_there(store: Store, add: Callable[..., str]):
    version = add(1)
    store.delete(f"bundles/{version}/manifest.json")

    assert versions(store) == []
    assert "holds no bundle yet" in refusal(require, store, version)


def test_a_bundle_is_fetched_whole(store: Store, draft: Path, target: Path):
    version = register(store, draft)

    assert fetch(store, version, target) == target / version
    assert files_below(target / version) == files_below(draft)
    assert sorted(path.name for path in target.iterdir()) == [".lock", version]


def test_what_is_there_already_is_not_fetched_again(store: Store, draft: Path, target: Path, monkeypatch):
    version = register(store, draft)
    fetch(store, version, target)
    monkeypatch.setattr(type(store), "read", lambda self, key: pytest.fail(f"{key} was read"))

    assert fetch(store, version, target) == target / version


@pytest.mark.parametrize("name", ["model.pkl", "manifest.json"])
def test_a_bundle_that_is_damaged_in_the_store_is_not_fetched(store: Store, draft: Path, target: Path, name: str):
    version = register(store, draft)
    store.replace(f"bundles/{version}/{name}", b"damaged")

    assert name in refusal(fetch, store, version, target)
    assert [path.name for path in target.iterdir() if not path.name.startswith(".")] == []
    register(store, draft)
    assert files_below(fetch(store, version, target)) == files_below(draft)


def test_a_fetched_bundle_that_is_damaged_is_fetched_again(store: Store, draft: Path, target: Path):
    version = register(store, draft)
    (fetch(store, version, target) / "model.pkl").write_bytes(b"damaged")

    assert files_below(fetch(store, version, target)) == files_below(draft)
    assert sorted(path.name for path in target.iterdir()) == [".lock", version]


def test_an_interrupted_fetch_goes_on_where_it_was(store: Store, draft: Path, target: Path, monkeypatch):
    version, read, asked = register(store, draft), type(store).read, []

    def cut(self: Store, key: str) -> bytes:
        asked.append(key.rpartition("/")[2])
        if asked == ["manifest.json", "model.pkl", "golden.json"]:
            raise RegistryProblem("the network is away")
        return read(self, key)

    monkeypatch.setattr(type(store), "read", cut)
    assert "away" in refusal(fetch, store, version, target)
    (target / f".fetch-{version}/.golden.json.x1").write_bytes(b"half")
    (target / ".fetch-of-another").mkdir()

    assert files_below(fetch(store, version, target)) == files_below(draft)
    assert asked.count("model.pkl") == 1
    assert sorted(path.name for path in target.iterdir()) == [".lock", version]


def test_a_version_that_is_not_there_is_not_fetched(store: Store, add: Callable[..., str], target: Path):
    assert f"nearest: {add(1)[:12]}" in refusal(fetch, store, "0" * 64, target)


def test_a_target_that_cannot_be_written_is_told(store: Store, add: Callable[..., str], target: Path):
    target.write_text("a file")

    assert f"{target} cannot be written" in refusal(fetch, store, add(1), target)


def test_two_may_register_the_same_at_once(tmp_path: Path, draft: Path, monkeypatch: pytest.MonkeyPatch):
    """The second finds the first one's when it comes to the rename."""
    store, rename = Folder(tmp_path / "store"), Path.rename

    def late(self: Path, target: Any) -> Path:
        shutil.copytree(self, target)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    version = register(store, draft)
    monkeypatch.undo()

    assert store.names(f"bundles/{version}") == FILES
    assert json.loads(store.read(f"bundles/{version}/manifest.json"))["name"] == "house_prices"
    assert not list(store.root.rglob(".new-*"))

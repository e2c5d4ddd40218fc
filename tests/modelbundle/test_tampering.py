"""Tampered bundles: every change is refused, and before anything is unpickled."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modelbundle.bundle import PLAN, VERIFIED_FILES, load_bundle
from modelbundle.digests import digest_bytes
from tests.modelbundle.conftest import refusal, rename, vouch, without_plan

if TYPE_CHECKING:
    from collections.abc import Callable


class Trap:
    """Whoever unpickles it makes a file."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def flip_last_byte(path: Path) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    return path


@pytest.mark.parametrize("name", VERIFIED_FILES)
def test_a_changed_byte_is_refused_with_both_digests(folder: Path, name: str):
    expected = digest_bytes((folder / name).read_bytes())
    flip_last_byte(folder / name)

    message = refusal(folder)

    assert str(folder / name) in message
    assert f"expected sha256 {expected}" in message
    assert f"found {digest_bytes((folder / name).read_bytes())}" in message


@pytest.mark.parametrize("name", VERIFIED_FILES)
def test_a_file_cut_short_is_refused_with_both_sizes(folder: Path, name: str):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-10])

    assert f"({len(data)} bytes)" in refusal(folder)
    assert f"({len(data) - 10} bytes)" in refusal(folder)


@pytest.mark.parametrize("name", ["manifest.json", *VERIFIED_FILES])
def test_a_missing_file_is_named(folder: Path, name: str):
    (folder / name).unlink()

    assert refusal(folder) == f"{folder / name} cannot be read: No such file or directory"


def test_a_changed_manifest_is_refused_with_both_digests(folder: Path):
    flip_last_byte(folder / "manifest.json")
    found = digest_bytes((folder / "manifest.json").read_bytes())

    message = refusal(folder)

    assert message == f"{folder / 'manifest.json'} has the digest {found}, but its folder is named {folder.name}"


def test_a_folder_with_another_name_is_refused(folder: Path):
    assert "but its folder is named renamed" in refusal(folder.rename(folder.with_name("renamed")))


@pytest.mark.parametrize("manifest", [b"no JSON", b"[]", b'{"schema_version": 1}'])
def test_a_manifest_that_describes_nothing_is_refused(folder: Path, manifest: bytes):
    assert "manifest.json" in refusal(rename(folder, manifest))


def test_a_manifest_that_leaves_a_file_out_is_refused(folder: Path):
    files = json.loads((folder / "manifest.json").read_bytes())["files"]
    del files["preprocessing.pkl"]

    assert "preprocessing.pkl" in refusal(vouch(folder, files=files))


TAMPERINGS = {
    "the pickle alone": lambda folder: folder,
    "the pickle and the manifest, under the old name": lambda folder: vouch(folder).rename(folder),
    "all of it, for another schema": lambda folder: vouch(folder, schema_version=9),
    "all of it, for other versions": lambda folder: vouch(folder, versions={}),
    "all of it, with damaged golden answers": lambda folder: flip_last_byte(vouch(folder) / "golden.json").parent,
    "all of it, with damaged preprocessing": lambda folder: flip_last_byte(vouch(folder) / "preprocessing.pkl").parent,
}


@pytest.mark.parametrize("tamper", TAMPERINGS.values(), ids=TAMPERINGS)
def test_nothing_is_unpickled_unless_everything_is_verified(
    folder: Path, tmp_path: Path, tamper: Callable[[Path], Path]
):
    folder = without_plan(folder)
    (folder / "model.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "unpickled")))

    refusal(tamper(folder))

    assert not (tmp_path / "unpickled").exists()


def test_the_trap_springs_where_it_is_vouched_for(folder: Path, tmp_path: Path):
    """Or the test above would prove nothing."""
    folder = without_plan(folder)
    (folder / "model.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "unpickled")))

    assert "cannot be replayed by model.pkl" in refusal(vouch(folder))  # what the trap leaves cannot predict
    assert (tmp_path / "unpickled").exists()


def test_where_the_plan_serves_nothing_is_unpickled(folder: Path, tmp_path: Path):
    (folder / "model.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "unpickled")))

    assert load_bundle(vouch(folder)).served_by == "plan"
    assert not (tmp_path / "unpickled").exists()


def test_a_plan_that_is_not_vouched_for_is_not_read(folder: Path):
    assert "plan.npz is not the file that manifest.json describes" in refusal(flip_last_byte(folder / PLAN).parent)

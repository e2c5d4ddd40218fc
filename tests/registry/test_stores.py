"""The methods that a folder and S3 have in common, and what becomes of writes that are cut short or refused."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.channels import served
from registry.problems import Missing
from registry.records import history
from registry.stores import Store, open_store
from registry.stores_folder import Folder
from tests.registry.conftest import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.records import Record


def test_a_file_is_created_once(store: Store):
    assert store.create("a/b.json", b"first")
    assert not store.create("a/b.json", b"second")
    assert store.read("a/b.json") == b"first"


def test_a_file_is_replaced_and_deleted(store: Store):
    store.replace("a/b", b"first")
    store.replace("a/b", b"second")

    assert store.read("a/b") == b"second"
    store.delete("a/b")
    store.delete("a/b")
    with pytest.raises(Missing, match="a/b does not exist"):
        store.read("a/b")


def test_names_are_those_below_a_prefix_in_order(store: Store):
    for key in ("a/2", "a/10", "a/deep/er", "ab/1", "a/.half.xyz", "b"):
        store.replace(key, key.encode())

    assert store.names("a") == ["10", "2", "deep/er"]
    assert store.names("a", after="10") == ["2", "deep/er"]
    assert store.folders("a") == ["deep"]
    assert store.names("nothing") == store.folders("nothing") == []
    assert set(store.times("a")) == {"10", "2", "deep/er"}
    assert store.read_all(["a/10", "b", "a/2"]) == [b"a/10", b"b", b"a/2"]


def test_there_may_be_more_names_than_one_answer_of_s3_holds(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        store.replace(f"a/{number}/x", b"")

    assert store.names("a") == [f"{number}/x" for number in range(5)]
    assert store.names("a", after="0/x") == [f"{number}/x" for number in range(1, 5)]
    assert store.folders("a") == [f"{number}" for number in range(5)]


def test_a_tree_is_there_as_a_whole_or_not_at_all(store: Store):
    assert store.create_tree("t/x", {"deep/a": b"1", "last": b"2"}, last="last")
    assert not store.create_tree("t/x", {"deep/a": b"3", "last": b"4"}, last="last")
    assert store.read_all(["t/x/deep/a", "t/x/last"]) == [b"1", b"2"]
    store.delete_tree("t/x", first="last")
    assert store.names("t") == []
    store.delete_tree("t/x", first="last")


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../up", "a/../../up", "a//b", "a/./b", "a\\b", "a\0b"])
def test_no_key_leads_out_of_the_store(store: Store, key: str):
    for act in (store.read, store.names, store.folders, store.delete):
        assert "is no name of a file" in refusal(act, key)
    assert "is no name of a file" in refusal(store.create, key, b"")


@pytest.mark.parametrize("address", ["", ".", "gs://bucket/x", "s3://", "s3:/bucket", "s3://B_/x", "s3://bucket//x"])
def test_an_address_that_is_none_is_refused(address: str):
    assert "is no address of a registry" in refusal(open_store, address)


def test_a_folder_that_is_not_there_is_not_an_empty_one(tmp_path: Path):
    store = Folder(tmp_path / "not mounted")

    for act in (store.names, store.folders, store.times, store.read):
        told = refusal(act, "channels")
        assert "not mounted is no folder, so nothing is known" in told
    assert "nothing is known" in refusal(history, store, "staging")
    assert "nothing is known" in refusal(served, store, "staging")


@pytest.mark.parametrize("place", ["", "channels", "channels/staging/history"])
def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path, place: str):
    path = tmp_path / "store" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    store = Folder(tmp_path / "store")

    told = refusal(history, store, "staging")
    assert "cannot be read: Not a directory. A file stands where a folder should be" in told
    told = refusal(store.create, "channels/staging/history/00000001.json", b"x")
    assert "00000001.json cannot be written" in told
    assert "A file stands where a folder should be" in told


@pytest.mark.parametrize("act", ["create", "replace", "create_tree"])
@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "Free some space"), (errno.EROFS, "mount it for writing")]
)
def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, call: str, number: int, advice: str
):
    store = Folder(tmp_path)
    store.replace("a/there", b"as it was")

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    what = ({"x": b"1", "y": b"2"}, "y") if act == "create_tree" else (b"new",)
    key = "a/there" if act == "replace" else "a/new"
    told = refusal(getattr(store, act), key, *what)
    monkeypatch.undo()

    assert f"{tmp_path / key} cannot be written: {os.strerror(number)}" in told
    assert advice in told
    assert [path.name for path in (tmp_path / "a").rglob("*")] == ["there"]
    assert store.read("a/there") == b"as it was"


def test_a_full_disk_leaves_the_channel_as_it_was(
    store: Store, serve: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
):
    if not isinstance(store, Folder):
        pytest.skip("S3 is never full")
    record = serve(1)

    def short(handle: int, data: memoryview) -> int:
        if len(data) > 100:
            return write(handle, data[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write = os.write
    monkeypatch.setattr(os, "write", short)
    told = refusal(serve, 1)
    told_of_another = refusal(serve, 2)
    monkeypatch.undo()

    assert "No space left" in told
    assert "No space left" in told_of_another
    assert served(store, "staging") == record
    assert store.folders("bundles") == [record.version]
    assert not list(store.root.rglob(".*"))


def test_a_link_whose_answer_was_lost_is_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A network file system asks again, and is told that the name is taken: by itself."""
    link = Path.hardlink_to

    def twice(self: Path, target: Path) -> None:
        link(self, target)
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", twice)

    assert Folder(tmp_path).create("a", b"1")
    assert not Folder(tmp_path).create("a", b"2")


def test_others_may_read_what_was_written_whatever_the_umask(tmp_path: Path):
    before = os.umask(0o077)
    try:
        store = Folder(tmp_path / "store")
        store.create("a/b", b"")
        store.create_tree("t/x", {"deep/a": b"", "last": b""}, last="last")
    finally:
        os.umask(before)

    for path in (tmp_path / "store").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


def test_a_folder_needs_neither_boto3_nor_cryptography(tmp_path: Path):
    modules = ["bundles", "channels", "fetching", "migrate", "prune", "records", "signatures", "stores"]
    code = f"import sys, registry.{', registry.'.join(modules)}\n" + (
        "from registry.stores import open_store\n"
        f"open_store({str(tmp_path)!r}).create('a', b'')\n"
        "print(sorted({'boto3', 'botocore', 'cryptography', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"

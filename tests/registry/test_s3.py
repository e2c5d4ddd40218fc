"""S3 in particular: what becomes of a bucket that is away, forbidden or answers oddly."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from registry import stores_s3
from registry.channels import Draft, promote, served
from registry.records import history
from registry.stores import open_store
from tests.registry.conftest import ME, refusal

boto3 = pytest.importorskip("boto3", reason="S3 is tried in delivery's environment: make delivery-test")
botocore = pytest.importorskip("botocore.exceptions")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.stores_s3 import S3


@pytest.fixture
def address(bucket: str) -> str:
    return f"s3://{bucket}/house/prices"


@pytest.fixture
def answers(store: S3, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let boto3's client answer with these before it asks: an error's code, or an exception; returns what was asked."""

    def answers(method: str, *codes: str | Exception) -> list[str]:
        asked: list[str] = []
        act = getattr(store.client, method)
        waiting: Iterator[str | Exception] = iter(codes)

        def answer(**request: Any) -> Any:
            asked.append(request["Key"])
            code = next(waiting, None)
            if isinstance(code, Exception):
                raise code
            if code:
                raise error(code)
            return act(**request)

        monkeypatch.setattr(store.client, method, answer)
        return asked

    return answers


def error(code: str) -> Exception:
    return botocore.ClientError({"Error": {"Code": code, "Message": "as S3 says."}}, "PutObject")


def test_files_lie_below_the_prefix(store: S3, bucket: str):
    store.create("a/b", b"1")
    keys = {each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket=bucket)["Contents"]}

    assert keys == {"house/prices/a/b", "house/prices/.conditional-writes"}
    assert str(store) == f"s3://{bucket}/house/prices"
    assert open_store(f"s3://{bucket}").names("house") == ["prices/a/b"]
    assert open_store(f"s3://{bucket}/hou").names("se") == []


def test_a_bucket_that_is_missing_is_no_empty_store(s3_settings: str):
    store = open_store("s3://no-such-bucket/x")

    for act in (history, served):
        told = refusal(act, store, "staging")
        assert told.startswith("s3://no-such-bucket/x: S3 answers NoSuchBucket")
        assert "Make the bucket, or mend the address" in told
    for act in (store.read, store.names, store.folders, store.times, store.delete):
        assert "NoSuchBucket" in refusal(act, "a")
    assert "NoSuchBucket" in refusal(store.create, "a", b"")
    assert "NoSuchBucket" in refusal(store.replace, "a", b"")


def test_a_bucket_that_is_forbidden_says_which_rights_are_needed(store: S3, answers: Callable[..., list[str]]):
    answers("get_object", "AccessDenied")
    told = refusal(store.read, "a/b")

    assert told.startswith(f"{store}/a/b: S3 answers AccessDenied: as S3 says. Use credentials that may")
    assert "s3:GetObject" in told


def test_an_endpoint_that_is_away_is_no_empty_store(s3_settings: str, monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        told = refusal(served, open_store("s3://models/x"), "staging")

    assert "s3://models/x: cannot be reached: Could not connect to the endpoint" in told
    assert "AWS_ENDPOINT_URL" in told


def test_without_credentials_it_says_how_they_are_given(s3_settings: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    assert "Unable to locate credentials. Set AWS_PROFILE" in refusal(open_store("s3://models/x").read, "a")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "(nobody) could not be found. Set AWS_PROFILE" in refusal(open_store, "s3://models/x")


def test_without_boto3_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "boto3", None)

    assert "needs boto3, which is not installed here" in refusal(open_store, "s3://models/x")


def test_a_write_that_met_another_is_tried_again(store: S3, answers, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stores_s3, "PAUSES", (0.0, 0.0))
    store.create("warm", b"")
    asked = answers("put_object", "ConditionalRequestConflict", "ConditionalRequestConflict")

    assert store.create("a", b"1")
    assert len(asked) == 3
    answers("put_object", *["ConditionalRequestConflict"] * 3)
    assert "Others write the same file all the time: try again" in refusal(store.create, "b", b"1")
    assert store.names("b") == []


def test_a_write_whose_answer_was_lost_is_our_own(store: S3, monkeypatch: pytest.MonkeyPatch):
    """boto3 asks again, and is told that the file is there: by itself. Or two promotions would be made of one."""
    store.create("warm", b"")
    put = store.client.put_object

    def twice(**request: Any) -> Any:
        put(**request)
        return put(**request)

    monkeypatch.setattr(store.client, "put_object", twice)

    assert store.create("a", b"1")
    assert not store.create("a", b"1")


def test_an_endpoint_without_conditional_writes_holds_no_registry(
    store: S3, add: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    put = store.client.put_object

    def simple(IfNoneMatch: str = "", **request: Any) -> Any:
        return put(**request)

    monkeypatch.setattr(store.client, "put_object", simple)

    assert "writes over a file in spite of If-None-Match" in refusal(add)
    assert store.names("bundles") == []


def test_a_promotion_whose_answer_never_came_says_where_to_look(store: S3, add, answers: Callable[..., list[str]]):
    version = add()
    answers("put_object", botocore.ReadTimeoutError(endpoint_url="http://s3"))
    told = refusal(promote, store, "staging", Draft(version, ME))

    assert "history/00000001.json: cannot be reached" in told
    assert "look at the history before you try again" in told


def test_an_upload_that_was_cut_short_is_no_bundle_and_is_finished_by_the_next(store: S3, add, answers):
    store.create("warm", b"")
    answers("put_object", "", "", "SlowDown")

    assert "SlowDown" in refusal(add, 1)
    assert len(store.names("bundles")) == 2
    assert "no bundle yet" in refusal(promote, store, "staging", Draft("0" * 64, ME))
    version = add(1)
    assert promote(store, "staging", Draft(version, ME)).version == version
    assert len(store.names(f"bundles/{version}")) == 5


def test_what_an_upload_left_damaged_is_written_anew(store: S3, add: Callable[..., str]):
    version = add(1)
    store.delete(f"bundles/{version}/manifest.json")
    store.replace(f"bundles/{version}/model.pkl", b"half")

    assert add(1) == version
    assert store.read(f"bundles/{version}/model.pkl").startswith(b"adds 1")

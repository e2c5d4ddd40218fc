"""Following a channel: its records say what is served, what fails is served by nobody, and nothing goes back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from app import create_app
from app.settings import Settings
from app.standing import follow
from registry.channels import Draft, promote, rollback
from registry.records import bytes_of, history, key_of
from registry.stores_folder import Folder
from tests.helpers.registry import RECORD, add, damaged

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask


@pytest.fixture
def store(tmp_path: Path) -> Folder:
    """A registry whose channel serves a bundle that adds 9 to the area."""
    store = Folder(tmp_path / "models")
    put(store, 9)
    return store


@pytest.fixture
def app(store: Folder) -> Flask:
    return create_app(Settings(models=store.root))


def put(store: Folder, added: float, why: str = "", **changes: Any) -> str:
    """Promote a bundle that adds so much; returns its version."""
    version = add(store.root / "bundles", added, **changes)
    promote(store, "local", Draft(version, "me", why))
    return version


def added(app: Flask) -> int:
    """What the served bundle adds."""
    reply = app.test_client().post("/predict", json=RECORD)
    return round(json.loads(reply.text)["predictions"][0]["prediction"]) - RECORD["Area"]


def told(app: Flask, path: str = "/readyz") -> Any:
    return json.loads(app.test_client().get(path).text)


def test_the_last_record_is_served_whatever_current_says(app: Flask, store: Folder):
    put(store, 1000)
    (store.root / "channels/local/current").write_text("0" * 64)
    follow.look(app)

    assert added(app) == 1000
    assert told(app)["promotion"] == {"channel": "local", "number": 2}


def test_a_rollback_is_followed(app: Flask, store: Folder):
    put(store, 1000)
    follow.look(app)
    rollback(store, "local", "me", "it is too dear")
    follow.look(app)

    assert added(app) == 9
    promotion = told(app, "/model")["promotion"]
    assert promotion.pop("when")
    assert promotion == {"channel": "local", "number": 3, "kind": "rollback", "why": "it is too dear"}


def test_the_page_says_since_when_and_why_and_not_who(app: Flask, store: Folder):
    put(store, 1000, "better <b>cellars</b>")
    follow.look(app)
    page = app.test_client().get("/", headers={"Accept": "text/html"}).text

    assert "as number 2: better &lt;b&gt;cellars&lt;/b&gt;." in page
    assert '"me"' not in app.test_client().get("/model").text


def test_of_two_new_records_the_good_one_is_served_where_the_newest_fails(app: Flask, store: Folder):
    put(store, 100)
    bad = put(store, 1000)
    damaged(store.root / "bundles", bad)
    follow.look(app)

    assert added(app) == 100
    assert (told(app)["promotion"]["number"], told(app)["refused"]["version"]) == (2, bad)


def test_a_fresh_server_takes_the_last_good_one_of_the_history_and_none_that_was_left(store: Folder):
    left = put(store, 50)
    rollback(store, "local", "me", "bad")
    damaged(store.root / "bundles", put(store, 1000))
    app = create_app(Settings(models=store.root))

    assert added(app) == 9
    assert left not in app.test_client().get("/readyz").text


def record_file(store: Folder, number: int) -> Path:
    return store.root / key_of("local", number)


@pytest.mark.parametrize(
    ("harm", "told_as"),
    [
        (lambda store: record_file(store, 2).unlink(), "deleted its newest record"),
        (lambda store: record_file(store, 3).write_bytes(b"{"), "is no promotion record"),
        (lambda store: record_file(store, 2).rename(record_file(store, 4)), "is missing"),
    ],
    ids=["the newest is gone", "cut short", "a gap"],
)
def test_a_history_that_was_harmed_is_told_and_what_is_served_stays(app: Flask, store: Folder, harm: Any, told_as: str):
    put(store, 1000)
    follow.look(app)
    harm(store)
    follow.look(app)

    assert added(app) == 1000
    assert told_as in told(app)["refused"]["reason"]


def test_a_worker_does_not_go_below_what_another_has_followed(app: Flask, store: Folder):
    """One that takes a dead one's place knows only what their parent read at its start."""
    put(store, 1000)
    other = create_app(Settings(models=store.root))
    app.extensions["following"].highest = other.extensions["following"].highest  # as workers of one parent share it
    record_file(store, 2).unlink()
    follow.load(app)

    assert "ends at 1, and 2 was followed already" in told(app)["refused"]["reason"]


def test_the_store_may_come_back_after_it_was_away(app: Flask, store: Folder):
    store.root.rename(store.root.with_name("away"))
    follow.look(app)
    assert added(app) == 9
    assert "models" in told(app)["refused"]["reason"]

    store.root.with_name("away").rename(store.root)
    put(store, 1000)
    follow.look(app)
    assert (added(app), "refused" in told(app)) == (1000, False)


def test_another_channel_is_another_matter(app: Flask, store: Folder):
    version = add(store.root / "bundles", 1000)
    promote(store, "staging", Draft(version, "me"))
    follow.look(app)

    assert added(app) == 9
    assert added(create_app(Settings(models=store.root, channel="staging"))) == 1000


def test_a_record_of_another_channel_is_not_followed(app: Flask, store: Folder):
    promote(store, "staging", Draft(add(store.root / "bundles", 1000), "me"))
    (record,) = history(store, "staging")
    store.create(key_of("local", 2), bytes_of(record))
    follow.look(app)

    assert added(app) == 9
    assert "should be of channel local; it says staging" in told(app)["refused"]["reason"]


def test_without_cryptography_a_server_with_keys_serves_nothing(store: Folder, tmp_path: Path):
    """It is in the puller's environment; what cannot be verified is not followed."""
    key = tmp_path / "key.pub"
    key.write_bytes(b"no key")
    app = create_app(Settings(models=store.root, public_keys=str(key)))

    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert "install requirements/puller.txt" in json.loads(answer.text)["detail"]


def test_a_channel_without_a_promotion_is_told(store: Folder):
    app = create_app(Settings(models=store.root, channel="production"))

    assert "nothing was promoted to channel production" in json.loads(app.test_client().get("/readyz").text)["detail"]


def test_with_keys_the_old_layout_is_not_followed(tmp_path: Path):
    """Or whoever deletes the channels could name any bundle."""
    models = tmp_path / "models"
    (models / "current").parent.mkdir()
    (models / "current").write_text(add(models, 9))

    assert create_app(Settings(models=models)).test_client().get("/readyz").status_code == 200
    app = create_app(Settings(models=models, public_keys=str(tmp_path / "key.pub")))
    assert app.test_client().get("/readyz").status_code == 503


# The bundle beside the app


@pytest.mark.parametrize("there", [False, True], ids=["no store at all", "an empty one"])
def test_until_the_channel_serves_something_the_bundle_in_the_image_does(store: Folder, tmp_path: Path, there: bool):
    mounted = Folder(tmp_path / "mounted")
    if there:
        mounted.begin()
    app = create_app(Settings(models=mounted.root, fallback_models=str(store.root)))
    assert added(app) == 9
    assert told(app)["refused"]["reason"]
    assert "promotion" not in told(app), "no record of the channel put it into service"

    put(mounted, 1000)
    follow.look(app)
    assert (added(app), told(app)["promotion"]["number"], "refused" in told(app)) == (1000, 1, False)


def test_a_bundle_in_the_image_that_fails_is_not_served_either(store: Folder, tmp_path: Path):
    damaged(store.root / "bundles", history(store, "local")[0].version)
    app = create_app(Settings(models=tmp_path / "mounted", fallback_models=str(store.root)))

    assert app.test_client().get("/readyz").status_code == 503

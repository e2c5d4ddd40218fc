"""Following the registry: what it names is served without a restart, what is refused changes nothing and is told."""

from __future__ import annotations

import json
import shutil
import weakref
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from app import create_app
from app.programs.service import service
from app.settings import Settings
from app.standing import follow, naming
from app.standing.follow import Following
from tests.helpers.registry import RECORD, REQUESTS, add, alone_it_answers, ask, damaged, point
from tests.modelbundle.test_tampering import flip_last_byte

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A registry whose bundle adds 9 to the area."""
    point(tmp_path / "models", add(tmp_path / "models", 9))
    return tmp_path / "models"


@pytest.fixture
def app(models: Path) -> Flask:
    return create_app(Settings(models=models))


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the log says of the service itself, since it was asked last."""

    def lines() -> list[dict[str, Any]]:
        told = [json.loads(message) for message in caplog.messages]
        caplog.clear()
        return [line for line in told if "event" in line]

    with caplog.at_level("INFO", "app.watching.access"):
        yield lines


def current(models: Path) -> str:
    return (models / "current").read_text().strip()


def answer(app: Flask, path: str = "/predict?explain=true") -> tuple[str, str]:
    reply = app.test_client().post(path, json=RECORD)
    assert reply.status_code == 200, reply.text
    return reply.headers["Model-Version"], reply.text


def readyz(app: Flask) -> tuple[int, Any]:
    reply = app.test_client().get("/readyz")
    return reply.status_code, json.loads(reply.text)


def metric(app: Flask, name: str) -> float:
    lines = app.test_client().get("/metrics").text.splitlines()
    return float(next((line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} ")), "0"))


def tries(app: Flask) -> tuple[float, float]:
    """How often a bundle was loaded and refused in this process."""
    loaded, refused = (metric(app, f'model_loads_total{{outcome="{outcome}"}}') for outcome in ("loaded", "refused"))
    return loaded, refused


# Swapping


def test_what_the_registry_names_next_is_served_next(app: Flask, models: Path, log: Any):
    before, loaded = current(models), tries(app)[0]
    point(models, version := add(models, 1000))
    assert answer(app)[0] == before

    follow.look(app)

    assert answer(app) == answer(create_app(Settings(models=models)))
    assert json.loads(answer(app)[1])["predictions"][0]["prediction"] == 1007
    assert readyz(app) == (200, {"status": "ready", "version": version})
    assert (tries(app)[0], metric(app, "model_behind_registry")) == (loaded + 2, 0)  # with the app to compare with
    event = log()[0]
    assert 0 < event.pop("seconds") < 60
    assert abs(datetime.fromisoformat(event.pop("time")) - datetime.now(UTC)) < timedelta(minutes=1)
    assert event == {
        "event": "model loaded", "model": "small", "version": version, "before": before
    }  # fmt: skip


def test_nothing_is_loaded_where_nothing_changed(app: Flask, models: Path, monkeypatch: pytest.MonkeyPatch, log: Any):
    def load(*_: Any) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(follow, "load_service", load)
    follow.look(app)
    point(models, current(models))  # published again, the same to the byte
    follow.look(app)

    assert readyz(app) == (200, {"status": "ready", "version": current(models)})
    assert log() == []


class Alternating(dict[str, Any]):
    """Gives one bundle and another in turn to whoever asks what is served."""

    def __init__(self, extensions: dict[str, Any], other: Any):
        super().__init__(extensions)
        self.other = other

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if name == "service":
            self[name], self.other = self.other, found
        return found


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: f"{each[0]} {each[1]}")
def test_a_request_ends_with_the_bundle_that_it_began_with(app: Flask, models: Path, request_: Any):
    """Whatever is swapped in, and between which of its steps: who asks again is told another bundle here."""
    versions = current(models), add(models, 1000)
    alternatives = [alone_it_answers(models, version)[request_] for version in versions]
    other = create_app(Settings(models=models, model_version=versions[1]))
    app.extensions = Alternating(app.extensions, other.extensions["service"])

    assert [ask(app, request_) for _ in range(4)] == alternatives * 2


def test_whatever_asks_in_a_request_gets_the_same_bundle(app: Flask, models: Path):
    """A page that refuses a form asks again, after the view did."""
    with app.test_request_context():
        first = service()
        point(models, add(models, 1000))
        follow.look(app)

        assert service() is first
    with app.test_request_context():
        assert service() is not first


def test_the_description_is_the_new_bundles(app: Flask, models: Path):
    def example() -> Any:
        document = app.test_client().get("/openapi.json").json
        content = document["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]
        return content["examples"]["one"]["value"]

    old = example()
    point(models, version := add(models, 1000))
    follow.look(app)

    assert (old["predictions"][0]["prediction"], example()["predictions"][0]["prediction"]) == (12, 1003)
    assert example()["version"] == version


def test_the_old_bundle_is_freed(app: Flask, models: Path):
    for path in ("/openapi.json", "/docs", "/", "/model"):
        assert app.test_client().get(path).status_code == 200
    answer(app)
    old = weakref.ref(app.extensions["service"].bundle)
    point(models, damaged(models, add(models, 500)))
    follow.look(app)
    assert old() is not None
    point(models, add(models, 1000))
    follow.look(app)

    assert old() is None


# Refusing


def refused_for(app: Flask, models: Path, version: str, log: Any) -> str:
    """The reason why what the registry names is refused; the bundle that adds 9 is served on."""
    before, refusals = answer(app), tries(app)[1]
    log()

    follow.look(app)

    status, body = readyz(app)
    assert answer(app) == before
    assert (status, body["status"], body["version"], body["refused"]["version"]) == (200, "ready", before[0], version)
    reason = body["refused"]["reason"]
    assert [(line["event"], line["reason"], line["served"]) for line in log()] == [("model refused", reason, before[0])]
    assert (tries(app)[1], metric(app, "model_behind_registry"), metric(app, "model_ready")) == (refusals + 1, 1, 1)
    follow.look(app)
    follow.look(app)
    assert (tries(app)[1], metric(app, "model_behind_registry"), log()) == (refusals + 1, 1, [])
    return reason


@pytest.mark.parametrize("name", ["manifest.json", "model.pkl", "preprocessing.pkl", "golden.json"])
@pytest.mark.parametrize("damage", [flip_last_byte, Path.unlink], ids=["a byte", "none"])
def test_a_damaged_bundle_is_refused_and_told(app: Flask, models: Path, log: Any, name: str, damage: Any):
    version = add(models, 1000)
    damage(models / version / name)
    point(models, version)

    assert str(models / version / name) in refused_for(app, models, version, log)


def test_a_bundle_for_other_libraries_is_refused(app: Flask, models: Path, log: Any):
    point(models, version := add(models, 1000, versions={}))

    assert "was made with" in refused_for(app, models, version, log)


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"latest\n", b"../models\n", b"/etc\n", b"\xff\xfe" * 32, b"x" * 5000, b"a" * 63]
)
def test_garbage_in_current_is_refused(app: Flask, models: Path, log: Any, content: bytes):
    named = content.decode(errors="replace")[:100].strip()
    (models / "current").write_bytes(content)

    assert "current should hold a version" in refused_for(app, models, named, log)


def test_a_version_that_is_not_there_is_refused(app: Flask, models: Path, log: Any):
    point(models, "0" * 64)

    assert f"{models / ('0' * 64)} does not exist" in refused_for(app, models, "0" * 64, log)


def test_a_registry_that_vanishes_takes_nothing_with_it(app: Flask, models: Path, log: Any):
    shutil.rmtree(models)

    assert "current does not exist" in refused_for(app, models, "", log)


@pytest.mark.parametrize("error", [MemoryError(), OSError(24, "Too many open files"), SystemExit(3), RecursionError()])
def test_whatever_goes_wrong_is_told_and_tried_again_later(
    app: Flask, models: Path, log: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException
):
    def fail(*_: Any) -> None:
        raise error

    point(models, version := add(models, 1000))
    with monkeypatch.context() as patched:
        patched.setattr(follow, "load_service", fail)
        assert f"{models / version} cannot be loaded: {error!r}" == refused_for(app, models, version, log)
        patched.setattr(follow, "RETRY_SECONDS", 0)
        follow.look(app)
        assert log() == []  # the same reason is no news

    follow.look(app)
    assert readyz(app)[1]["version"] != version
    monkeypatch.setattr(follow, "RETRY_SECONDS", 0)
    follow.look(app)
    assert readyz(app) == (200, {"status": "ready", "version": version})


def test_the_thread_outlives_what_cannot_even_be_told(app: Flask, models: Path, monkeypatch: pytest.MonkeyPatch):
    class EndOfTestError(BaseException):
        pass

    seen, naps = naming.seen, iter([None, None, None])

    def nap(_: float) -> None:
        if next(naps, EndOfTestError) is EndOfTestError:
            raise EndOfTestError

    def fails_once(settings: Settings) -> Any:
        monkeypatch.setattr(naming, "seen", seen)
        raise MemoryError

    point(models, version := add(models, 1000))
    monkeypatch.setattr(follow.time, "sleep", nap)
    monkeypatch.setattr(naming, "seen", fails_once)
    with pytest.raises(EndOfTestError):
        follow._follow(app)

    assert readyz(app)[1]["version"] == version


# Another problem


def test_a_model_of_another_problem_is_refused(app: Flask, models: Path, log: Any):
    point(models, version := add(models, 1000, name="flats"))

    reason = refused_for(app, models, version, log)

    assert reason.startswith(f"{models / version} holds a model of 'flats', and this server serves 'small' to its")
    assert metric(app, "model_behind_registry") == 1
    point(models, version := add(models, 500))
    follow.look(app)
    assert readyz(app) == (200, {"status": "ready", "version": version})


def test_a_server_that_is_started_anew_serves_whichever_problem_the_registry_names(app: Flask, models: Path):
    point(models, version := add(models, 1000, name="flats"))

    assert readyz(create_app(Settings(models=models))) == (200, {"status": "ready", "version": version})


def test_the_first_bundle_says_what_a_server_is_for_that_began_without_one(tmp_path: Path):
    app = create_app(Settings(models=tmp_path / "empty"))
    point(tmp_path / "empty", first := add(tmp_path / "empty", 9, name="flats"))
    follow.look(app)
    point(tmp_path / "empty", add(tmp_path / "empty", 1000))
    follow.look(app)

    assert readyz(app)[1]["version"] == first
    assert "holds a model of 'small'" in readyz(app)[1]["refused"]["reason"]


def test_a_worker_that_takes_a_dead_ones_place_serves_what_the_others_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It is a copy of a parent that had no bundle, and the registry has come to name another problem's."""
    models = tmp_path / "models"
    parent = create_app(Settings(models=models))
    point(models, first := add(models, 9, name="flats"))
    worker, successor = create_app(Settings(models=models)), create_app(Settings(models=tmp_path / "none"))
    shared = parent.extensions["following"]
    for app in (worker, successor):
        app.extensions["following"] = Following(
            Settings(models=models), last_good=shared.last_good, problem=shared.problem
        )
    worker.extensions["service"] = None
    follow.load(worker)
    point(models, add(models, 1000))
    # its thread would outlive this test, and tell what it refuses by the gauge that all apps of a process share
    monkeypatch.setattr(follow.threading, "Thread", lambda **_: SimpleNamespace(start=lambda: None))
    follow.start(successor)

    assert readyz(worker)[1]["version"] == readyz(successor)[1]["version"] == first
    assert "holds a model of 'small'" in readyz(successor)[1]["refused"]["reason"]


@pytest.mark.parametrize("name", ["ä" * 150, "x" * 300])
def test_a_name_may_be_long(tmp_path: Path, name: str):
    point(tmp_path, add(tmp_path, 9, name=name))
    app = create_app(Settings(models=tmp_path))
    point(tmp_path, version := add(tmp_path, 1000, name=name))
    follow.look(app)

    assert readyz(app) == (200, {"status": "ready", "version": version})


# Mending


def refuse(app: Flask, models: Path) -> str:
    """Let the app refuse a damaged bundle that adds 1000; returns its version."""
    point(models, version := damaged(models, add(models, 1000)))
    follow.look(app)
    assert readyz(app)[1]["refused"]["version"] == version
    return version


def test_a_version_that_is_mended_in_its_place_is_served(app: Flask, models: Path):
    version = refuse(app, models)
    damaged(models, version)  # back
    follow.look(app)

    assert readyz(app) == (200, {"status": "ready", "version": version})
    assert metric(app, "model_behind_registry") == 0


def test_a_version_that_is_published_again_is_served(app: Flask, models: Path):
    """Publishing puts a sound folder in the damaged one's place; its files may have the old times and sizes."""
    version = refuse(app, models)
    sound = Path(shutil.copytree(models / version, models / "sound"))
    damaged(models, "sound")
    shutil.copystat(models / version / "model.pkl", sound / "model.pkl")
    (models / version).rename(models / "damaged")
    sound.rename(models / version)
    follow.look(app)

    assert readyz(app) == (200, {"status": "ready", "version": version})


def test_a_bundle_that_arrives_in_pieces_is_served_when_it_is_whole(app: Flask, models: Path, tmp_path: Path):
    version = add(tmp_path / "elsewhere", 1000)
    point(models, version)
    follow.look(app)
    for file in sorted((tmp_path / "elsewhere" / version).iterdir()):
        (models / version).mkdir(exist_ok=True)
        assert readyz(app)[1]["version"] != version
        shutil.copy2(file, models / version)
        follow.look(app)

    assert readyz(app) == (200, {"status": "ready", "version": version})


def test_going_back_to_what_is_served_ends_the_refusal(app: Flask, models: Path, log: Any):
    served = current(models)
    refuse(app, models)
    point(models, served)
    shutil.rmtree(models / served)  # it is in memory
    follow.look(app)

    assert readyz(app) == (200, {"status": "ready", "version": served})
    assert metric(app, "model_behind_registry") == 0


# Without a bundle, and with a pinned one


def test_the_first_good_bundle_ends_the_503(tmp_path: Path, log: Any):
    models = tmp_path / "models"
    app = create_app(Settings(models=models))
    follow.look(app)
    assert (readyz(app)[0], metric(app, "model_ready"), metric(app, "model_behind_registry")) == (503, 0, 1)
    version = add(models, 9)
    point(models, damaged(models, version))
    follow.look(app)
    status, body = readyz(app)
    assert (status, str(models / version / "model.pkl") in body["detail"]) == (503, True)
    damaged(models, version)
    follow.look(app)

    assert readyz(app) == (200, {"status": "ready", "version": version})
    assert answer(app)[0] == version
    assert (metric(app, "model_ready"), metric(app, "model_behind_registry")) == (1, 0)
    assert [line["event"] for line in log()] == ["not ready", "not ready", "ready"]


def test_a_pinned_version_is_served_whatever_the_registry_names_later(models: Path, log: Any):
    pinned = current(models)
    app = create_app(Settings(models=models, model_version=pinned))
    log()
    point(models, add(models, 1000))
    follow.look(app)
    (models / "current").unlink()
    follow.look(app)
    shutil.rmtree(models)
    follow.look(app)

    assert readyz(app) == (200, {"status": "ready", "version": pinned})
    assert (metric(app, "model_behind_registry"), log()) == (0, [])


def test_a_pinned_version_that_comes_later_is_served_then(models: Path, tmp_path: Path):
    pinned = add(tmp_path / "elsewhere", 1000)
    app = create_app(Settings(models=models, model_version=pinned))
    follow.look(app)
    assert readyz(app)[0] == 503
    (tmp_path / "elsewhere" / pinned).rename(models / pinned)
    follow.look(app)

    assert readyz(app) == (200, {"status": "ready", "version": pinned})

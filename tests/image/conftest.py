"""What the tests of the image share: the engine that DOCKER names, and containers as closed as production's."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.serving import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DOCKER = os.environ.get("DOCKER", "docker")
IMAGE = os.environ.get("IMAGE", "house-prices")
CLOSED = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]


def docker(*arguments: str, check: bool = True) -> str:
    """Run one command of the engine; returns what it wrote on its standard output."""
    done = subprocess.run([DOCKER, *arguments], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{DOCKER} {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def inspect(name: str, template: str) -> Any:
    return json.loads(docker("inspect", "--format", f"{{{{json {template}}}}}", name))


@dataclass(frozen=True)
class Container:
    """A running container, and where it answers."""

    name: str
    url: str

    def ask(self, path: str, body: Any = None) -> tuple[int, bytes]:
        """GET, or POST where there is a body; returns status and answer, whatever the status."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def health(self) -> str:
        return inspect(self.name, ".State.Health.Status")

    def logs(self) -> str:
        done = subprocess.run([DOCKER, "logs", self.name], capture_output=True, text=True, check=True)
        return done.stdout + done.stderr


def wait_for(true: Callable[[], bool], seconds: float, what: str) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, f"not within {seconds} s: {what}"
        time.sleep(0.2)


def alive(container: Container) -> bool:
    try:
        return container.ask("/healthz")[0] == 200
    except OSError:  # refused or reset: not yet
        return False


def address() -> tuple[list[str], str]:
    """Options that let a container answer on a free port, and its URL; an engine without a bridge uses the host's."""
    port = free_port()
    if "bridge" in docker("network", "ls", "--format", "{{.Name}}").split():
        return [f"--publish=127.0.0.1:{port}:5000"], f"http://127.0.0.1:{port}"
    return ["--network=host", "--env=HOST=127.0.0.1", f"--env=PORT={port}"], f"http://127.0.0.1:{port}"


@contextmanager
def running(image: str, *options: str) -> Iterator[Container]:
    """Run an image as production does, until the block ends."""
    way, url = address()
    name = docker("run", "--detach", *CLOSED, *way, *options, image)
    try:
        container = Container(name, url)
        wait_for(lambda: alive(container), 60, "the app is alive")
        yield container
    finally:
        docker("rm", "--force", name, check=False)


def build(context: Path | str, *options: str, dockerfile: str | None = None) -> subprocess.CompletedProcess[str]:
    """Build with the options that make image was given; dockerfile: its text, instead of the context's own."""
    command = [DOCKER, "build", *os.environ.get("BUILD_OPTIONS", "").split(), *options, str(context)]
    plain = os.environ | {"DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
    return subprocess.run(command, env=plain, input=dockerfile, capture_output=True, text=True, check=False)


@contextmanager
def broken_image() -> Iterator[str]:
    """The image with one bit of its model flipped; gives its name."""
    flip = "import pathlib; (p,) = pathlib.Path('/srv/models/bundles').glob('*/model.pkl'); "
    flip += "d = bytearray(p.read_bytes()); "
    flip += "d[len(d) // 2] ^= 1; p.write_bytes(d)"
    name, command = f"{IMAGE}-broken", json.dumps(["python", "-c", flip])
    done = build("-", f"--tag={name}", dockerfile=f"FROM {IMAGE}\nUSER 0\nRUN {command}\nUSER 10001:10001\n")
    assert done.returncode == 0, done.stderr
    try:
        yield name
    finally:
        docker("rmi", "--force", name)


@pytest.fixture(scope="session")
def manifest() -> dict[str, Any]:
    """The manifest of the model in the image, as the image itself holds it, and its version."""
    read = "import json, app.settings as s; r = s.ROOT / 'models'; "
    read += "v = (r / 'channels/local/current').read_text().strip(); r = r / 'bundles'; "
    read += "print(json.dumps({'version': v, 'golden': json.loads((r / v / 'golden.json').read_text())} "
    read += "| {'manifest': json.loads((r / v / 'manifest.json').read_text())}))"
    return json.loads(docker("run", "--rm", *CLOSED, IMAGE, "python", "-c", read))


@pytest.fixture(scope="module")
def service() -> Iterator[Container]:
    with running(IMAGE) as container:
        yield container

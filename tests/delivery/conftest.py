"""AWS and registries on this machine, for delivery: moto answers as ECR, SSM and EC2, docker-registry is a registry.

These tests have an environment of their own (make delivery-test), which has no pandas and no Flask.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.core.responses import ActionResult
from moto.server import ThreadedMotoServer
from moto.ssm import models as ssm_models
from moto.ssm.responses import SimpleSystemManagerResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
NAME = "house-prices-staging"
PARAMETER = "/house-prices/staging/image"
REPOSITORY = "registry.example/house-prices"
PRICE = 217276.034
AMI = "ami-12c6146b"  # one that moto knows


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


def image(letter: str) -> str:
    return f"{REPOSITORY}@{digest(letter)}"


def require(program: str, package: str) -> None:
    """Skip a test where a program is missing, but not in CI."""
    if not shutil.which(program):
        message = f"{program} is not installed; on Debian: apt install {package}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service(ThreadingHTTPServer):
    """What users reach: answers as the app does, in the release that was last rolled out."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.release = ""
        self.ready = False
        self.price = PRICE
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.ready:
            return self.answer(200, {"status": "ready", "release": self.server.release})
        return self.answer(503, {"detail": "model.pkl has another digest"})

    def do_POST(self) -> None:
        records = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(200, {"predictions": [{"prediction": round(self.server.price, 2)} for _ in records]})

    def answer(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    path = tmp_path / "golden.json"
    path.write_text(
        json.dumps({"relative_tolerance": 1e-9, "requests": [{"record": {"LotArea": 9627}, "prediction": PRICE}] * 2})
    )
    return path


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """AWS, empty; gives its address."""
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "eu-central-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST"), timeout=10).close()
    yield url
    server.stop()


@pytest.fixture
def instances(aws: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """One instance that takes commands: what it does is instances["roll_out"], which returns whether it went well.

    moto calls each command a success before anything was done; here it lasts as long as the instance needs.
    """
    ssm, ec2 = boto3.client("ssm"), boto3.client("ec2")
    ssm.put_parameter(Name=PARAMETER, Value="none", Type="String")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Service", "Value": NAME}]}]
    (one,) = ec2.run_instances(ImageId=AMI, MinCount=1, MaxCount=1, TagSpecifications=tags)["Instances"]
    state: dict[str, Any] = {"id": one["InstanceId"], "roll_out": lambda: True, "commands": 0}
    make = ssm_models.Command.__init__

    def begin(command: Any, *arguments: Any, **options: Any) -> None:
        make(command, *arguments, **options)
        state["commands"] += 1
        command.status = "InProgress"
        threading.Thread(target=end, args=[command]).start()

    def end(command: Any) -> None:
        went_well = state["roll_out"]() if command.invocations else True
        for invocation in command.invocations:
            invocation["Status"] = "Success" if went_well else "Failed"
        command.status = "Success" if went_well else "Failed"

    def list_command_invocations(response: Any) -> ActionResult:  # which moto lacks
        (command,) = response.ssm_backend.list_commands(response._get_param("CommandId"), None)
        return ActionResult({"CommandInvocations": command.invocations})

    monkeypatch.setattr(ssm_models.Command, "__init__", begin)
    monkeypatch.setattr(
        SimpleSystemManagerResponse, "list_command_invocations", list_command_invocations, raising=False
    )
    return state


@contextlib.contextmanager
def registry(folder: Path) -> Iterator[str]:
    """A registry on this machine, until the block ends; gives its host and port."""
    require("docker-registry", "docker-registry")
    address = f"127.0.0.1:{free_port()}"
    config = folder / "registry.yml"
    store = {"filesystem": {"rootdirectory": str(folder / "registry")}}
    config.write_text(json.dumps({"version": 0.1, "storage": store, "http": {"addr": address}}))
    with subprocess.Popen(
        ["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_for(lambda: answers(f"http://{address}/v2/"), 20)
            yield address
        finally:
            server.terminate()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def wait_for(true: Callable[[], bool], seconds: float) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, f"not within {seconds} s"
        time.sleep(0.05)

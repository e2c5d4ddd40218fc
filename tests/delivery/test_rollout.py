"""The whole way for real: images in a registry, the script of the instance, containers, and back by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from delivery import deploy as deployment
from delivery.probe import probe
from tests.delivery.conftest import NAME, PARAMETER, ROOT, registry
from tests.image.conftest import DOCKER, IMAGE, address, broken_image, build, docker

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.image
ROLLOUT = ROOT / "terraform/modules/service/rollout.sh"


@pytest.fixture
def golden() -> Path:
    models = ROOT / "dist/models"
    return models / "bundles" / (models / "channels/local/current").read_text().strip() / "golden.json"


@pytest.fixture
def machine(instances: dict[str, Any], tmp_path: Path) -> Iterator[dict[str, Any]]:
    """An instance that runs the script as the real one does; gives where it answers, and what the script said."""
    options, url = address()
    settings = tmp_path / "rollout.env"
    settings.write_text(
        f'NAME="{NAME}-test"\nIMAGE_PARAMETER="{PARAMETER}"\nAWS_DEFAULT_REGION="eu-central-1"\nSECONDS_TO_HEALTH=60\n'
        f'OPTIONS="{" ".join([*options, "--health-interval=1s", "--health-start-period=15s"])}"\n'
    )
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "aws").symlink_to(Path(sys.executable).parent / "aws")
    (programs / "docker").symlink_to(subprocess.check_output(["which", DOCKER], text=True).strip())
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "LOCK": str(tmp_path / "lock")}
    said: list[str] = []

    def roll_out() -> bool:
        done = subprocess.run(
            ["sh", str(ROLLOUT), str(settings)], env=environment, capture_output=True, text=True, check=False
        )
        said.append(done.stdout + done.stderr)
        return done.returncode == 0

    instances["roll_out"] = roll_out
    try:
        yield instances | {"url": url, "said": said}
    finally:
        docker("rm", "--force", f"{NAME}-test", check=False)


def pushed(image: str, registry: str, name: str) -> str:
    """Push an image; returns its reference by digest."""
    there = f"{registry}/{name}:v1"
    docker("tag", image, there)
    docker("push", there)
    names = json.loads(docker("inspect", "--format", "{{json .RepoDigests}}", there))
    docker("rmi", there)
    return next(one for one in names if one.startswith(there.removesuffix(":v1")))


def deploy(image: str, golden: Path, url: str) -> int:
    return deployment.main(["staging", image, "--golden", str(golden), "--url", url])


def test_a_bad_image_is_taken_back_and_the_good_one_serves_again(
    machine: dict[str, Any], golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with registry(tmp_path) as address, broken_image() as broken:
        good, bad = pushed(IMAGE, address, "good"), pushed(broken, address, "bad")

        assert deploy(good, golden, machine["url"]) == 0, machine["said"]
        assert deploy(bad, golden, machine["url"]) == 1
        assert f"{NAME} serves {good} again" in capsys.readouterr().err
        assert "is unhealthy" in machine["said"][1]
        assert "model.pkl" in machine["said"][1]
        assert boto3.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"] == good
        probe(machine["url"], golden, good.partition("@")[2], seconds=1)

        gone = f"{good.partition('@')[0]}@sha256:{'0' * 64}"  # no such image: what runs goes on
        before = docker("inspect", "--format", "{{.State.StartedAt}}", f"{NAME}-test")
        boto3.client("ssm").put_parameter(Name=PARAMETER, Value=gone, Overwrite=True)
        assert machine["roll_out"]() is False
        assert "cannot be pulled; what ran goes on" in machine["said"][-1]
        assert docker("inspect", "--format", "{{.State.StartedAt}}", f"{NAME}-test") == before


def test_the_image_before_stays_for_the_way_back_and_older_ones_go(machine: dict[str, Any], tmp_path: Path):
    with registry(tmp_path) as address:
        images = []
        for number in range(3):
            done = build("-", "--tag=house-prices-other", dockerfile=f"FROM {IMAGE}\nLABEL number={number}\n")
            assert done.returncode == 0, done.stderr
            images.append(pushed("house-prices-other", address, "prices"))
            boto3.client("ssm").put_parameter(Name=PARAMETER, Value=images[-1], Overwrite=True)
            assert machine["roll_out"]() is True, machine["said"]
    docker("rmi", "house-prices-other")

    repository = images[0].partition("@")[0]
    there = docker("images", "--digests", "--format", "{{.Digest}}", repository).split()
    assert set(there) == {image.partition("@")[2] for image in images[1:]}


def test_the_container_is_as_closed_as_can_be(machine: dict[str, Any], golden: Path, tmp_path: Path):
    with registry(tmp_path) as address:
        assert deploy(pushed(IMAGE, address, "good"), golden, machine["url"]) == 0, machine["said"]

    host = json.loads(docker("inspect", "--format", "{{json .HostConfig}}", f"{NAME}-test"))
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["PidsLimit"] == 200
    assert host["RestartPolicy"]["Name"] == "unless-stopped"


@pytest.mark.parametrize(
    ("value", "status", "said"),
    [("none", True, "nothing to serve"), ("repo:latest", False, "should name an image by its digest")],
)
def test_a_parameter_that_names_no_image_starts_nothing(machine: dict[str, Any], value: str, status: bool, said: str):
    boto3.client("ssm").put_parameter(Name=PARAMETER, Value=value, Overwrite=True)

    assert machine["roll_out"]() is status
    assert said in machine["said"][-1]
    assert docker("ps", "--all", "--quiet", "--filter", f"name={NAME}-test") == ""

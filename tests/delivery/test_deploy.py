"""A deployment ends with an image that serves: the new one, or by itself the one before."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from delivery import deploy as deployment
from tests.delivery.conftest import NAME, PARAMETER, PRICE, Service, digest, image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD, NEW, UNREADY, WRONG, BROKEN = "a", "b", "c", "d", "e"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "PROBE_SECONDS", 1.5)
    monkeypatch.setattr(deployment, "POLL_SECONDS", 0.05)


@pytest.fixture
def fleet(instances: dict[str, Any], service: Service) -> dict[str, Any]:
    """The instance serves whatever the parameter names, well or badly."""

    def roll_out() -> bool:
        named = parameter()
        letter = named[-1]
        service.release, service.ready = named.partition("@")[2], letter not in {UNREADY, BROKEN}
        service.price = PRICE + 1 if letter == WRONG else PRICE
        return letter != BROKEN

    instances["roll_out"] = roll_out
    return instances


def parameter() -> str:
    return boto3.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"]


def deploy(letter: str, service: Service, golden: Path, *more: str) -> int:
    return deployment.main(["staging", image(letter), "--golden", str(golden), "--url", service.url, *more])


def test_a_good_image_serves(fleet: dict[str, Any], service: Service, golden: Path, capsys: pytest.CaptureFixture[str]):
    assert deploy(GOOD, service, golden) == 0
    assert deploy(NEW, service, golden) == 0

    assert parameter() == image(NEW)
    assert (service.release, service.ready) == (digest(NEW), True)
    assert f"{NAME} serves {image(NEW)}; before: {image(GOOD)}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("letter", "reason"),
    [
        (UNREADY, "was not ready within 1.5 s; the last answer: 503 model.pkl has another digest"),
        (WRONG, f"golden request 0 should give {PRICE:.2f}, it gave {PRICE + 1:.2f}"),
        (BROKEN, "ended as Failed"),
    ],
)
def test_a_bad_image_is_taken_back_without_anybody(
    fleet: dict[str, Any], service: Service, golden: Path, capsys: pytest.CaptureFixture[str], letter: str, reason: str
):
    deploy(GOOD, service, golden)

    assert deploy(letter, service, golden) == 1
    assert parameter() == image(GOOD)
    assert (service.release, service.ready, service.price) == (digest(GOOD), True, PRICE)
    said = capsys.readouterr().err
    assert reason in said
    assert f"{NAME} serves {image(GOOD)} again" in said


def test_where_nothing_was_served_there_is_nothing_to_go_back_to(
    fleet: dict[str, Any], service: Service, golden: Path, capsys: pytest.CaptureFixture[str]
):
    assert deploy(UNREADY, service, golden) == 1
    assert parameter() == "none"
    assert "nothing to go back to" in capsys.readouterr().err


def test_an_image_that_does_not_come_back_is_shouted(
    fleet: dict[str, Any], service: Service, golden: Path, capsys: pytest.CaptureFixture[str]
):
    deploy(GOOD, service, golden)
    fleet["roll_out"] = lambda: False

    assert deploy(NEW, service, golden) == 1
    assert f"And {image(GOOD)} DOES NOT COME BACK" in capsys.readouterr().err
    assert parameter() == image(GOOD)  # the next boot tries it again


@pytest.mark.parametrize("named", ["house-prices:latest", "house-prices", f"x@{digest('a')[:-1]}", f"{image('a')};rm"])
def test_only_a_digest_is_deployed(
    fleet: dict[str, Any], service: Service, golden: Path, capsys: pytest.CaptureFixture[str], named: str
):
    deploy(GOOD, service, golden)

    assert deployment.main(["staging", named, "--golden", str(golden), "--url", service.url]) == 1
    assert "an image is deployed by its digest" in capsys.readouterr().err
    assert (parameter(), fleet["commands"]) == (image(GOOD), 1)


def test_an_environment_without_an_instance_is_told(
    fleet: dict[str, Any], service: Service, golden: Path, capsys: pytest.CaptureFixture[str]
):
    boto3.client("ec2").terminate_instances(InstanceIds=[fleet["id"]])
    boto3.client("ec2").delete_tags(Resources=[fleet["id"]], Tags=[{"Key": "Service"}])

    assert deploy(GOOD, service, golden) == 1
    assert f"is one running, tagged Service={NAME}?" in capsys.readouterr().err


def test_an_environment_that_does_not_exist_is_told(aws: str, capsys: pytest.CaptureFixture[str]):
    assert deployment.main(["nowhere", image(GOOD)]) == 1
    assert "ParameterNotFound" in capsys.readouterr().err


def test_without_a_url_the_one_instance_is_asked(
    fleet: dict[str, Any], golden: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    asked = []
    monkeypatch.setattr(deployment, "probe", lambda url, *_: asked.append(url))
    ec2 = boto3.client("ec2")
    (group,) = ec2.describe_instances(InstanceIds=[fleet["id"]])["Reservations"]

    assert deployment.main(["staging", image(GOOD)]) == 0
    assert asked == [f"http://{group['Instances'][0]['PublicIpAddress']}"]

    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Service", "Value": NAME}]}]
    ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, TagSpecifications=tags)
    assert deployment.main(["staging", image(NEW)]) == 1
    assert "has 2 public addresses" in capsys.readouterr().err


@pytest.fixture
def door(fleet: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The security group that lets clients in; it admits one of them, and 203.0.113.9 is who asks for itself."""

    class Mirror(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"203.0.113.9\n")

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    ec2 = boto3.client("ec2")
    group = ec2.create_security_group(GroupName=f"{NAME}-clients", Description="clients")["GroupId"]
    admit(group, "198.51.100.0/24", "the office")
    with HTTPServer(("127.0.0.1", 0), Mirror) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        monkeypatch.setattr(deployment, "MY_ADDRESS", f"http://127.0.0.1:{server.server_address[1]}")
        yield group
        server.shutdown()


def admit(group: str, cidr: str, why: str) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": cidr, "Description": why}]}
    boto3.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def admitted(group: str) -> set[str]:
    (found,) = boto3.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return {entry["CidrIp"] for rule in found["IpPermissions"] for entry in rule["IpRanges"]}


@pytest.mark.parametrize(("letter", "status"), [(GOOD, 0), (UNREADY, 1)])
def test_the_door_is_open_while_the_service_is_checked_and_no_longer(
    fleet: dict[str, Any], service: Service, golden: Path, door: str, letter: str, status: int
):
    admit(door, "192.0.2.1/32", deployment.LET_IN)  # what a killed deployment left open
    seen, roll_out = [], fleet["roll_out"]
    fleet["roll_out"] = lambda: [seen.append(admitted(door)), roll_out()][1]

    assert deploy(letter, service, golden, "--let-me-in") == status
    assert seen == [{"198.51.100.0/24", "203.0.113.9/32"}]
    assert admitted(door) == {"198.51.100.0/24"}


def test_who_is_admitted_anyway_stays_so(fleet: dict[str, Any], service: Service, golden: Path, door: str):
    admit(door, "203.0.113.9/32", "the runner's own")

    assert deploy(GOOD, service, golden, "--let-me-in") == 0
    assert admitted(door) == {"198.51.100.0/24", "203.0.113.9/32"}

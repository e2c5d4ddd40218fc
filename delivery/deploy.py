"""Rolling an image out to one environment, and back by itself when it fails: `make deploy ENVIRONMENT=... IMAGE=...`.

What an environment serves stands in one parameter, the image by its digest: instances read it at boot and whenever the
command is sent. So a deployment writes the parameter, sends the command, and asks the service from outside; where one
of these fails, it writes what stood there before, and sends the command again.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.exceptions import BotoCoreError, ClientError

from delivery.probe import probe
from delivery.problems import DeliveryProblem

BY_DIGEST = re.compile(r"[\w.:/-]+@sha256:[0-9a-f]{64}")
ENDED = {"Success", "Failed", "TimedOut", "Cancelled", "Undeliverable", "Terminated", "Delivery Timed Out"}
COMMAND_SECONDS = 900
PROBE_SECONDS = 120
POLL_SECONDS = 2
MY_ADDRESS = "https://checkip.amazonaws.com"
LET_IN = "a deployment looks from outside"


@dataclass(frozen=True)
class Environment:
    """Where to roll out: what terraform/ names after the service and the environment."""

    name: str  # house-prices-staging
    parameter: str  # /house-prices/staging/image
    document: str  # house-prices-staging-rollout


def main(arguments: list[str] | None = None) -> int:
    """Roll out, check, and go back if need be; the exit status says whether the new image serves."""
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__.splitlines()[0])
    parser.add_argument("environment", help="staging or production, or what terraform/ calls it")
    parser.add_argument("image", help="the image by its digest: repository@sha256:...")
    parser.add_argument("--service", default="house-prices", help="its name in terraform/ (default: %(default)s)")
    parser.add_argument("--golden", type=Path, help="golden.json of the bundle in the image: prices to ask for")
    parser.add_argument("--url", default="", help="where users reach it (default: the instance's public address)")
    parser.add_argument("--let-me-in", action="store_true", help="open the service to this machine while it is checked")
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="replace")  # a terminal may lack a letter or a sign
    service, which = options.service, options.environment
    environment = Environment(f"{service}-{which}", f"/{service}/{which}/image", f"{service}-{which}-rollout")
    try:
        deploy(environment, options.image, options.golden, options.url, let_me_in=options.let_me_in)
    except (DeliveryProblem, BotoCoreError, ClientError) as problem:
        print(f"make deploy: {problem}", file=sys.stderr)
        return 1
    return 0


def deploy(environment: Environment, image: str, golden: Path | None, url: str, *, let_me_in: bool = False) -> None:
    """Let an environment serve an image, checked from outside; the one before comes back if it fails.

    Raises DeliveryProblem if the image does not serve, which says what serves instead.
    """
    if not BY_DIGEST.fullmatch(image):
        raise DeliveryProblem(f"an image is deployed by its digest, repository@sha256:...; got {image!r}")
    ssm = boto3.client("ssm")
    before = ssm.get_parameter(Name=environment.parameter)["Parameter"]["Value"]
    with _let_in(environment, 443 if url.startswith("https:") else 80) if let_me_in else nullcontext():
        try:
            _serve(ssm, environment, image, golden, url)
        except (DeliveryProblem, BotoCoreError, ClientError) as problem:
            _say(f"{image} failed: {problem}")
            if not BY_DIGEST.fullmatch(before):
                ssm.put_parameter(Name=environment.parameter, Value=before, Overwrite=True)
                raise DeliveryProblem(f"{problem}. Nothing was served before: nothing to go back to") from problem
            try:
                _serve(ssm, environment, before, None, url)
            except (DeliveryProblem, BotoCoreError, ClientError) as second:
                raise DeliveryProblem(f"{problem}. And {before} DOES NOT COME BACK: {second}. Look now") from second
            raise DeliveryProblem(f"{problem}. {environment.name} serves {before} again") from problem
    _say(f"{environment.name} serves {image}; before: {before}")


def _serve(ssm: Any, environment: Environment, image: str, golden: Path | None, url: str) -> None:
    """Write the parameter, send the command to every instance, and ask from outside."""
    _say(f"{environment.name}: {image}")
    ssm.put_parameter(Name=environment.parameter, Value=image, Overwrite=True)
    _command(ssm, environment)
    probe(url or _address(environment), golden, image.partition("@")[2], PROBE_SECONDS)


def _command(ssm: Any, environment: Environment) -> None:
    """Have every instance roll out, one after another; the first that fails ends it."""
    command = ssm.send_command(
        DocumentName=environment.document,
        Targets=[{"Key": "tag:Service", "Values": [environment.name]}],
        MaxConcurrency="1",
        MaxErrors="0",
        TimeoutSeconds=120,  # until an instance takes it up
    )["Command"]["CommandId"]
    limit = time.monotonic() + COMMAND_SECONDS
    while True:
        # the command itself, not only its invocations: those that were never reached are not among them
        (state,) = ssm.list_commands(CommandId=command)["Commands"]
        found = ssm.list_command_invocations(CommandId=command, Details=True)["CommandInvocations"]
        if state["Status"] in ENDED:
            break
        if time.monotonic() > limit:
            raise DeliveryProblem(f"command {command} has not ended within {COMMAND_SECONDS} s")
        time.sleep(POLL_SECONDS)
    if not found:
        raise DeliveryProblem(f"no instance took the command: is one running, tagged Service={environment.name}?")
    for one in found:
        output = " ".join(plugin.get("Output", "") for plugin in one.get("CommandPlugins", []))
        _say(f"{one['InstanceId']}: {one['Status']} {output.strip()[-1000:]}")
    if state["Status"] != "Success":
        raise DeliveryProblem(f"command {command} ended as {state['Status']}; its output is above and in the log group")


def _address(environment: Environment) -> str:
    """Where the one instance answers; with a load balancer, --url is where."""
    filters = [
        {"Name": "tag:Service", "Values": [environment.name]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    found = boto3.client("ec2").describe_instances(Filters=filters)["Reservations"]
    addresses = [one["PublicIpAddress"] for group in found for one in group["Instances"] if "PublicIpAddress" in one]
    if len(addresses) != 1:
        raise DeliveryProblem(
            f"{environment.name} has {len(addresses)} public addresses, not 1; say where it is by URL="
        )
    return f"http://{addresses[0]}"


@contextmanager
def _let_in(environment: Environment, port: int) -> Iterator[None]:
    """Admit this machine's address, and nobody else, while the block runs: the service is closed to a CI runner."""
    ec2 = boto3.client("ec2")
    name = f"{environment.name}-clients"
    groups = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}])["SecurityGroups"]
    if len(groups) != 1:
        raise DeliveryProblem(f"expected one security group {name}; found {len(groups)}")
    group = groups[0]["GroupId"]
    try:
        address = requests.get(MY_ADDRESS, timeout=10).text.strip()
    except requests.RequestException as error:
        raise DeliveryProblem(f"{MY_ADDRESS} did not tell this machine's address: {error}") from error
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    mine = rule | {"IpRanges": [{"CidrIp": f"{address}/32", "Description": LET_IN}]}
    _let_nobody_in(ec2, group)  # a deployment that was killed could not close behind itself
    try:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[mine])
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidPermission.Duplicate":  # admitted anyway
            raise
    try:
        yield
    finally:
        _let_nobody_in(ec2, group)


def _let_nobody_in(ec2: Any, group: str) -> None:
    """Close what deployments have opened, and nothing else."""
    (found,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    for rule in found["IpPermissions"]:
        opened = [entry for entry in rule["IpRanges"] if entry.get("Description") == LET_IN]
        if opened:
            ports = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
            ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[ports | {"IpRanges": opened}])


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())

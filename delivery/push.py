"""Pushing a built image, the same bytes to every registry: `make push TAG=2026-11-24.1`.

A tag is given once: where it exists with another digest, nothing is pushed anywhere. Needs skopeo, which copies image,
provenance and list of contents together and unchanged, and does without a container engine.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from delivery.problems import DeliveryProblem


def main(arguments: list[str] | None = None) -> int:
    """Push one archive; prints the references by digest, and gives them to a workflow's next steps."""
    parser = argparse.ArgumentParser(prog="make push", description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, help="the image as an OCI archive, as make archive makes it")
    parser.add_argument("--tag", required=True, help="a name that was never given before")
    parser.add_argument("--ecr", help="name of the repository in ECR; its tags must be immutable")
    parser.add_argument("--also", action="append", default=[], help="another repository, such as docker.io/me/prices")
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="replace")  # a terminal may lack a letter or a sign
    try:
        repositories = ([ecr_repository(options.ecr)] if options.ecr else []) + options.also
        references = push(options.archive, repositories, options.tag)
    except DeliveryProblem as problem:
        print(f"make push: {problem}", file=sys.stderr)
        return 1
    print("\n".join(references))
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a", encoding="utf-8") as file:
            file.write(f"image={references[0]}\n")
    return 0


def ecr_repository(name: str) -> str:
    """Log in to ECR and give the repository's address.

    Raises DeliveryProblem if there is none, or if its tags could be moved to another image.
    """
    ecr = boto3.client("ecr")
    try:
        (repository,) = ecr.describe_repositories(repositoryNames=[name])["repositories"]
        if repository["imageTagMutability"] != "IMMUTABLE":
            raise DeliveryProblem(
                f"tags of {name} can be moved to other images; terraform/account makes them immutable"
            )
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    except (BotoCoreError, ClientError) as error:
        raise DeliveryProblem(f"ECR: {error}") from error
    user, _, password = base64.b64decode(token).decode().partition(":")
    address = repository["repositoryUri"]
    # the password on the standard input: arguments can be read by others
    _require(_skopeo("login", "--username", user, "--password-stdin", address.partition("/")[0], text=password))
    return address


def push(archive: Path, repositories: list[str], tag: str) -> list[str]:
    """Copy an archive to every repository under one tag; returns the references by digest.

    Raises DeliveryProblem before anything is pushed if a repository has the tag with another digest, and if what
    arrived is not what was sent.
    """
    if not repositories:
        raise DeliveryProblem("nowhere to push to: set ECR= to the name of a repository, or ALSO=docker.io/...")
    if not archive.is_file():
        raise DeliveryProblem(f"{archive} does not exist; make archive makes it")
    digest = _digest(f"oci-archive:{archive}")
    there = {repository: _digest(f"docker://{repository}:{tag}", missing_ok=True) for repository in repositories}
    for repository, found in there.items():
        if found and found != digest:
            raise DeliveryProblem(f"{repository}:{tag} is {found} already; this image is {digest}. Take another tag")
    for repository in [name for name, found in there.items() if not found]:
        copy = ["copy", "--all", "--preserve-digests", f"oci-archive:{archive}", f"docker://{repository}:{tag}"]
        _require(_skopeo(*copy))
        arrived = _digest(f"docker://{repository}:{tag}")
        if arrived != digest:
            raise DeliveryProblem(f"{repository}:{tag} has digest {arrived}; {digest} was sent")
    return [f"{repository}@{digest}" for repository in repositories]


def _digest(reference: str, *, missing_ok: bool = False) -> str:
    """The digest of what a reference names, of the whole list where it names several; "" if a registry has none."""
    done = _skopeo("inspect", "--raw", reference)
    if done.returncode == 0:
        return f"sha256:{hashlib.sha256(done.stdout).hexdigest()}"
    said = done.stderr.decode(errors="replace").strip()
    if missing_ok and ("manifest unknown" in said or "name unknown" in said):
        return ""
    raise DeliveryProblem(f"skopeo inspect {reference}: {said}")


def _require(done: subprocess.CompletedProcess[bytes]) -> None:
    if done.returncode:
        raise DeliveryProblem(f"skopeo {done.args[1]}: {done.stderr.decode(errors='replace').strip()}")


def _skopeo(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[bytes]:
    data = text.encode() if text is not None else None
    try:
        return subprocess.run(["skopeo", *arguments], input=data, capture_output=True, check=False)
    except FileNotFoundError:
        raise DeliveryProblem("skopeo is not installed; on Debian and Ubuntu: apt install skopeo") from None


if __name__ == "__main__":
    sys.exit(main())

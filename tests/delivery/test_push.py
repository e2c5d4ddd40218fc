"""An image arrives in every registry as the same bytes, under a tag that is given once."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.ecr import models as ecr_models

from delivery import push
from tests.delivery.conftest import registry, require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def archive(path: Path, content: str) -> str:
    """Write an OCI archive as a build with provenance makes it: a list of an image and what attests it."""
    blobs: dict[str, bytes] = {}

    def blob(media_type: str, data: bytes, **more: Any) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {
            "mediaType": f"application/vnd.oci.image.{media_type}",
            "digest": f"sha256:{digest}",
            "size": len(data),
            **more,
        }

    def manifest(text: str, **more: Any) -> dict[str, Any]:
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as layer:
            entry = tarfile.TarInfo("file")
            entry.size = len(text)
            layer.addfile(entry, io.BytesIO(text.encode()))
        unpacked = f"sha256:{hashlib.sha256(plain.getvalue()).hexdigest()}"
        system = {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [unpacked]},
        }
        config = blob("config.v1+json", json.dumps(system).encode())
        layers = [blob("layer.v1.tar+gzip", gzip.compress(plain.getvalue(), mtime=0))]
        body = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
        return blob("manifest.v1+json", json.dumps(body | {"config": config, "layers": layers}).encode(), **more)

    image = manifest(content, platform={"architecture": "amd64", "os": "linux"})
    note = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]}
    attestation = manifest(f"about {content}", platform={"architecture": "unknown", "os": "unknown"}, annotations=note)
    both = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [image, attestation],
    }
    whole = blob("index.v1+json", json.dumps(both).encode())
    blobs["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [whole]}).encode()
    blobs["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    with tarfile.open(path, "w") as file:
        for name, data in blobs.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return whole["digest"]


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Two registries on this machine."""
    require("skopeo", "skopeo")
    with registry(tmp_path_factory.mktemp("one")) as one, registry(tmp_path_factory.mktemp("other")) as other:
        yield [one, other]


@pytest.fixture
def repositories(
    registries: list[str], tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """A repository of the test's own in each registry; they speak plain HTTP, which skopeo has to be told."""
    settings = tmp_path / ".config/containers/registries.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text("".join(f'[[registry]]\nlocation = "{address}"\ninsecure = true\n' for address in registries))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    return [f"{address}/{name}" for address in registries]


def there(reference: str) -> dict[str, Any]:
    """The manifest that a registry has, or nothing."""
    done = subprocess.run(["skopeo", "inspect", "--raw", f"docker://{reference}"], capture_output=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def test_every_registry_gets_the_same_bytes_with_what_attests_them(
    repositories: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    digest = archive(tmp_path / "image.tar", "first")
    also = [word for name in repositories for word in ("--also", name)]

    assert push.main([str(tmp_path / "image.tar"), "--tag", "v1", *also]) == 0
    assert capsys.readouterr().out.split() == [f"{name}@{digest}" for name in repositories]
    for name in repositories:
        assert len(there(f"{name}:v1")["manifests"]) == 2
        assert there(f"{name}:v1") == there(f"{name}@{digest}")


def test_a_push_that_is_repeated_changes_nothing(repositories: list[str], tmp_path: Path):
    archive(tmp_path / "image.tar", "first")

    once = push.push(tmp_path / "image.tar", repositories[:1], "v1")

    assert push.push(tmp_path / "image.tar", repositories, "v1")[:1] == once


def test_a_tag_that_names_another_image_is_never_moved_and_nothing_is_pushed(
    repositories: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    first, second = archive(tmp_path / "1.tar", "first"), archive(tmp_path / "2.tar", "second")
    push.push(tmp_path / "1.tar", repositories[1:], "v1")
    before = there(f"{repositories[1]}:v1")

    status = push.main([str(tmp_path / "2.tar"), "--tag", "v1", "--also", repositories[0], "--also", repositories[1]])

    assert status == 1
    said = capsys.readouterr().err
    assert f"{repositories[1]}:v1 is {first} already; this image is {second}. Take another tag" in said
    assert there(f"{repositories[1]}:v1") == before
    assert there(f"{repositories[0]}:v1") == {}


def test_the_reference_by_digest_goes_to_the_workflows_next_steps(
    repositories: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    digest = archive(tmp_path / "image.tar", "first")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))

    push.main([str(tmp_path / "image.tar"), "--tag", "v1", "--also", repositories[0]])

    assert (tmp_path / "output").read_text() == f"image={repositories[0]}@{digest}\n"


@pytest.fixture
def ecr(aws: str, repositories: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """ECR, where the repository `prices` lies in the first registry of this machine."""
    make = ecr_models.Repository.__init__

    def on_this_machine(repository: Any, *arguments: Any, **options: Any) -> None:
        make(repository, *arguments, **options)
        repository.uri = repositories[0]

    monkeypatch.setattr(ecr_models.Repository, "__init__", on_this_machine)
    return repositories


def test_ecr_is_logged_in_to_and_pushed_to_first(ecr: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    boto3.client("ecr").create_repository(repositoryName="prices", imageTagMutability="IMMUTABLE")
    digest = archive(tmp_path / "image.tar", "first")

    assert push.main([str(tmp_path / "image.tar"), "--tag", "v1", "--ecr", "prices", "--also", ecr[1]]) == 0
    assert capsys.readouterr().out.split() == [f"{name}@{digest}" for name in ecr]
    assert list(json.loads((tmp_path / "auth.json").read_text())["auths"]) == [ecr[0].partition("/")[0]]


def test_a_repository_whose_tags_can_be_moved_is_refused(
    ecr: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    boto3.client("ecr").create_repository(repositoryName="prices", imageTagMutability="MUTABLE")
    archive(tmp_path / "image.tar", "first")

    assert push.main([str(tmp_path / "image.tar"), "--tag", "v1", "--ecr", "prices"]) == 1
    assert "tags of prices can be moved to other images" in capsys.readouterr().err
    assert there(f"{ecr[0]}:v1") == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["image.tar", "--tag", "v1"], "nowhere to push to"),
        (["none.tar", "--tag", "v1", "--also", "127.0.0.1:1/x"], "none.tar does not exist; make archive makes it"),
        (["image.tar", "--tag", "v1", "--also", "127.0.0.1:1/x"], "skopeo inspect docker://127.0.0.1:1/x:v1: "),
        (["broken.tar", "--tag", "v1", "--also", "127.0.0.1:1/x"], "skopeo inspect oci-archive:broken.tar: "),
        (["image.tar", "--tag", "v1", "--ecr", "none"], "RepositoryNotFoundException"),
    ],
)
def test_what_cannot_be_pushed_is_told(
    ecr: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
):
    monkeypatch.chdir(tmp_path)
    archive(tmp_path / "image.tar", "first")
    (tmp_path / "broken.tar").write_bytes(b"no archive")

    assert push.main(arguments) == 1
    assert message in capsys.readouterr().err

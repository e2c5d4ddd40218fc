"""A registry below a prefix of an S3 bucket, at AWS or at any endpoint that AWS_ENDPOINT_URL names."""

from __future__ import annotations

import random
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from registry.problems import Missing, RegistryProblem, require_safe
from registry.refusals_s3 import boto3_settings, code_of, told_s3

_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?P<prefix>(/[^/]+)*)/?")
# Seconds before a write that met another one of the same key is tried again; S3 asks for it (409).
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
READERS = 16
PROBE = ".conditional-writes"


def open_s3(address: str) -> S3:
    """Return the store at `s3://bucket/prefix`; nothing is asked of S3 yet.

    Raises RegistryProblem if the address is another, boto3 is not installed, or its settings cannot be read.
    """
    match = _ADDRESS.fullmatch(address)
    if not match:
        raise RegistryProblem(f"{address!r} is no address of a registry on S3; give s3://bucket/prefix")
    with told_s3(address):
        try:
            import boto3
        except ImportError as error:
            raise RegistryProblem(f"{address} needs boto3, which is not installed here; pip install boto3") from error
        client = boto3.session.Session().client("s3", config=boto3_settings(READERS))
    prefix = match["prefix"].lstrip("/")
    return S3(match["bucket"], f"{prefix}/" if prefix else "", client)


@dataclass(frozen=True)
class S3:
    """A registry on S3. A file is written by one request, so that it is whole or not there."""

    bucket: str
    prefix: str  # empty, or with a / at its end
    client: Any = field(repr=False, compare=False)
    probed: list[bool] = field(default_factory=list, repr=False, compare=False)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def begin(self) -> None:
        """Nothing is made here: a bucket is its owner's to make, and a prefix needs no making."""

    def create(self, key: str, data: bytes) -> bool:
        """Write a file only if it is not there; returns whether it was this call that did."""
        full = self._key(key)
        with told_s3(f"{self}/{key}"):
            self._require_conditions()
            return self._created(full, data)

    def replace(self, key: str, data: bytes) -> None:
        """Write a file, whether it is there or not."""
        with told_s3(f"{self}/{key}"):
            self.client.put_object(Bucket=self.bucket, Key=self._key(key), Body=data)

    def read(self, key: str) -> bytes:
        """Return a file's content. Raises Missing if it is not there."""
        with told_s3(f"{self}/{key}"):
            try:
                return self.client.get_object(Bucket=self.bucket, Key=self._key(key))["Body"].read()
            except self.client.exceptions.NoSuchKey:
                raise Missing(f"{self}/{key} does not exist") from None

    def read_all(self, keys: list[str]) -> list[bytes]:
        """Return the contents of files, in order, several read at a time. Raises Missing if one is not there."""
        if len(keys) < 2:
            return [self.read(key) for key in keys]
        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(self.read, keys))

    def names(self, prefix: str, after: str = "") -> list[str]:
        """Names of the files at any depth below a prefix, relative to it and sorted; only those that come after one."""
        more = {"StartAfter": f"{self._key(prefix)}/{after}"} if after else {}
        return sorted(name for name, _ in self._listed(prefix, **more))

    def times(self, prefix: str) -> dict[str, float]:
        """Name as `names` gives it → when the file was written, in seconds since 1970."""
        return {name: entry["LastModified"].timestamp() for name, entry in self._listed(prefix)}

    def folders(self, prefix: str) -> list[str]:
        """Names of the folders that lie directly below a prefix, sorted."""
        top = f"{self._key(prefix)}/"
        found = [each for page in self._pages(Prefix=top, Delimiter="/") for each in page.get("CommonPrefixes", [])]
        return sorted(each["Prefix"].removeprefix(top).rstrip("/") for each in found)

    def delete(self, key: str) -> None:
        """Remove a file; one that is not there is no problem."""
        with told_s3(f"{self}/{key}"):
            self.client.delete_object(Bucket=self.bucket, Key=self._key(key))

    def create_tree(self, prefix: str, files: Mapping[str, bytes], last: str) -> bool:
        """Write files below a prefix; returns whether `last`, without which they do not count, was not there yet.

        What an interrupted try left is used where it is right; where `last` is there already, nothing is written.
        """
        if last in self.names(prefix):
            return False
        for name in files.keys() - {last}:
            key = f"{prefix}/{name}"
            if not self.create(key, files[name]) and self.read(key) != files[name]:
                self.replace(key, files[name])
        return self.create(f"{prefix}/{last}", files[last])

    def delete_tree(self, prefix: str, first: str) -> None:
        """Remove all files below a prefix, first the one without which the others do not count."""
        self.delete(f"{prefix}/{first}")
        for name in self.names(prefix):
            self.delete(f"{prefix}/{name}")

    def sweep(self, seconds: float) -> None:
        """Remove what killed writers left: on S3 there is nothing of the kind, since no request leaves half a file."""

    def _key(self, key: str) -> str:
        return self.prefix + require_safe(key, self)

    def _created(self, full: str, data: bytes) -> bool:
        from botocore.exceptions import ClientError

        writer = uuid.uuid4().hex
        for pause in (*PAUSES, None):
            try:
                self._put_new(full, data, writer)
                return True
            except ClientError as error:
                if code_of(error) == "PreconditionFailed":
                    return self._is_by(full, writer)
                if code_of(error) != "ConditionalRequestConflict" or pause is None:
                    raise
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - two who met should not meet again
        raise AssertionError("the last try returns or raises")

    def _put_new(self, full: str, data: bytes, writer: str) -> None:
        metadata = {"writer": writer}
        self.client.put_object(Bucket=self.bucket, Key=full, Body=data, IfNoneMatch="*", Metadata=metadata)

    def _is_by(self, full: str, writer: str) -> bool:
        """Whether a file is our own: boto3 asks again where an answer was lost, and would lose against itself."""
        return self.client.head_object(Bucket=self.bucket, Key=full)["Metadata"].get("writer") == writer

    def _require_conditions(self) -> None:
        """An endpoint that knows no `If-None-Match` would let a promotion write over another. AWS knows it."""
        if self.probed or ".amazonaws.com" in self.client.meta.endpoint_url:
            return
        self._created(self.prefix + PROBE, b"")
        if self._created(self.prefix + PROBE, b""):
            raise RegistryProblem(
                f"{self.client.meta.endpoint_url} writes over a file in spite of If-None-Match: two promotions at once "
                f"would lose one. Keep {self} on S3 with conditional writes, or in a folder"
            )
        self.probed.append(True)

    def _listed(self, prefix: str, **more: str) -> Iterator[tuple[str, dict[str, Any]]]:
        top = f"{self._key(prefix)}/"
        for page in self._pages(Prefix=top, **more):
            for entry in page.get("Contents", []):
                name = entry["Key"].removeprefix(top)
                if not any(part in ("", "..") or part.startswith(".") for part in name.split("/")):
                    yield name, entry

    def _pages(self, **asked: str) -> Iterator[dict[str, Any]]:
        with told_s3(str(self)):
            yield from self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, **asked)

"""Digests: SHA-256, and JSON whose bytes depend on nothing but the value and the order of its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelbundle.digests import canonical_json, digest_bytes, digest_file, digest_json

if TYPE_CHECKING:
    from pathlib import Path

# from `printf abc | sha256sum`
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # pragma: allowlist secret - a digest


def test_bytes_and_files_have_their_sha256(tmp_path: Path):
    (tmp_path / "abc").write_bytes(b"abc")

    assert digest_bytes(b"abc") == digest_file(tmp_path / "abc") == ABC


def test_json_is_written_in_one_way_as_people_can_read_it():
    assert canonical_json({"ü": [1, None], "a": 0.5}) == '{\n "ü": [\n  1,\n  null\n ],\n "a": 0.5\n}\n'.encode()
    assert digest_json({"b": 1, "a": 2}) != digest_json({"a": 2, "b": 1})
    assert digest_json([1, 2]) == digest_bytes(b"[\n 1,\n 2\n]\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_json_is_refused(value: float):
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        canonical_json([value])

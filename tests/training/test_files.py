"""Writing files: whole or not at all, readable for the app's user, and a sentence where the disk refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from training.files import unwritable, write_atomically
from training.problems import RunProblem


def test_a_file_is_written_with_its_folders_and_nothing_is_left_beside_it(tmp_path: Path):
    path = tmp_path / "a/b/results.json"
    write_atomically(path, b"first")
    write_atomically(path, b"second")

    assert path.read_bytes() == b"second"
    assert [it.name for it in path.parent.iterdir()] == ["results.json"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_where_the_disk_refuses_the_file_stays_as_it_was_and_the_sentence_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "results.json"
    write_atomically(path, b"before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RunProblem, match=rf"{path} cannot be written: No space left on device\. Free some space"):
        write_atomically(path, b"after")

    assert path.read_bytes() == b"before"
    assert [it.name for it in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(13, "Permission denied", "/there"), "/there cannot be written: Permission denied. Free some space"),
        (OSError(13, "Permission denied"), "Permission denied. Free some space"),
        (OSError("odd"), "odd. Free some space"),
        (shutil.Error([("from", "to", "No space left")]), "No space left. Free some space"),
    ],
)
def test_the_sentence_tells_the_reason_and_the_place_as_far_as_they_are_known(error: OSError, message: str):
    assert str(unwritable(error)).startswith(message)


def test_the_place_that_the_caller_knows_goes_before_the_errors_own(tmp_path: Path):
    assert str(unwritable(OSError(13, "No", "/temporary"), Path("/final"))).startswith("/final cannot be written: No.")

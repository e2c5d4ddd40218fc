"""What belongs to a record is written whole, once, and by content; pages of old runs go."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from modelbundle.digests import digest_bytes
from tests.training.tracking.conftest import History
from training import files
from training.problems import RunProblem
from training.tracking import index, store


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text("<p>one</p>")
    return path


def contents(history: History) -> set[str]:
    return {path.name for path in (history.folder / "pages").iterdir()}


def test_a_page_stands_in_the_runs_folder_and_is_on_the_disk_once(history: History, page: Path):
    names = [history.add(minute, {"reports/report.html": page}) for minute in (1, 2)]
    kept = [history.folder / name / "reports/report.html" for name in names]

    assert [path.read_text() for path in kept] == ["<p>one</p>"] * 2
    assert kept[0].stat().st_ino == kept[1].stat().st_ino
    assert history.read(names[0]).kept == {"reports/report.html": digest_bytes(b"<p>one</p>")}


def test_what_is_kept_is_not_the_file_that_the_next_run_writes(history: History, page: Path):
    name = history.add(1, {"reports/report.html": page})
    page.write_text("<p>two</p>")

    assert (history.folder / name / "reports/report.html").read_text() == "<p>one</p>"


def test_where_no_links_can_be_a_page_is_copied(history: History, page: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: Any) -> None:
        raise OSError(errno.EPERM, "not permitted")

    monkeypatch.setattr(store.os, "link", refuse)

    assert (history.folder / history.add(1, {"reports/report.html": page}) / "reports/report.html").is_file()


def test_pages_of_the_newest_runs_are_kept_and_of_older_ones_where_their_bundle_is_there(
    history: History, page: Path, tmp_path: Path
):
    names = []
    for minute in range(store.RUNS_WITH_PAGES + 4):
        page.write_text(f"<p>{minute}</p>")
        names.append(history.add(minute, {"reports/report.html": page}, bundle=f"bundle{max(minute, 1)}"))
    (tmp_path / "models/bundle1").mkdir(parents=True)
    (tmp_path / "models/bundles/bundle2").mkdir(parents=True)
    store.prune_pages(history.folder, index.with_pages("smoke", tmp_path / "models"))

    left = {name for name in names if (history.folder / name / "reports").exists()}
    assert left == {*names[1:3], *names[4:]}, "the first made bundle1 too, and the second was the last that did"
    assert len(contents(history)) == len(left)
    assert history.names() == names[::-1], "the records themselves stay"


@pytest.mark.parametrize("call", range(3))
def test_a_full_disk_leaves_nothing_half_written(
    history: History, page: Path, call: int, monkeypatch: pytest.MonkeyPatch
):
    left, flush = [call], files.os.fsync

    def refuse(number: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(number)

    monkeypatch.setattr(files.os, "fsync", refuse)
    if call < 2:
        with pytest.raises(RunProblem, match="No space left"):
            history.add(1, {"reports/report.html": page})

        assert {path.name for path in history.folder.iterdir()} <= {"pages"}
    else:
        history.add(1, {"reports/report.html": page})


def test_what_a_killed_run_left_is_removed(history: History):
    (history.folder / ".new-killed").mkdir(parents=True)
    name = history.add()

    assert {path.name for path in history.folder.iterdir()} == {name}

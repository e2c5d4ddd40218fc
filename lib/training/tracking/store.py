"""Writing a record and what belongs to it: all of it or nothing, once, and by content."""

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelbundle.digests import canonical_json, digest_bytes, digest_file
from training.files import make_folder, write_atomically
from training.tracking.record import ARRAYS, FILE, KEPT, array_file, run_name

MOST_BYTES = 200_000
# What may grow with the number of candidates, trials and pages, and is then kept beside the record.
MAY_BE_LONG = ("candidates", "searches", "ranking", "configuration", "audit", "kept", "failures", "folds")
PAGES = "pages"
# Executed notebooks and reports of as many runs are kept; of older ones where a bundle came out that is still there.
RUNS_WITH_PAGES = 20


def keep_array(history: Path, data: bytes, ending: str) -> str:
    """Keep an array under the digest of its content, once; returns the digest."""
    digest = digest_bytes(data)
    path = array_file(history / ARRAYS, digest, ending)
    if not path.exists():
        write_atomically(path, gzip.compress(data, 6, mtime=0))
    return digest


def write_record(history: Path, record: dict[str, Any], pages: Mapping[str, Path]) -> Path:
    """Write a record, with the executed notebooks and pages that it names below its folder; returns the folder.

    record: as record.Record, its `kept` still empty; pages: name below the folder -> file. It appears by one rename.
    """
    make_folder(history)
    for left in history.glob(".new-*"):  # by a killed run
        shutil.rmtree(left, ignore_errors=True)
    staged = Path(tempfile.mkdtemp(dir=history, prefix=".new-"))
    try:
        kept = {name: _keep_page(history / PAGES, path, staged / name) for name, path in pages.items()}
        data = canonical_json(shortened(history, {**record, "kept": kept}))
        write_atomically(staged / FILE, data)
        (staged / FILE).chmod(0o444)  # a record is never changed
        staged.chmod(0o755)
        folder = history / run_name(record["started"], data)
        staged.rename(folder)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return folder


def shortened(history: Path, record: dict[str, Any]) -> dict[str, Any]:
    """The record with its longest tables kept as arrays, until it is short enough to be read at a glance."""
    sizes = {key: len(canonical_json(record[key])) for key in MAY_BE_LONG if record.get(key)}
    for key in sorted(sizes, key=sizes.get, reverse=True):
        if len(canonical_json(record)) <= MOST_BYTES:
            break
        record = {**record, key: {KEPT: keep_array(history, canonical_json(record[key]), "json")}}
    return record


def prune_pages(history: Path, keep: Iterable[str]) -> None:
    """Remove notebooks and pages of all runs but the named ones, and those contents that no run has any more."""
    kept = set(keep)
    for folder in history.iterdir():
        if folder.name not in kept and (folder / FILE).is_file():
            for name in ("notebooks", "reports"):
                if (folder / name).exists():
                    shutil.rmtree(folder / name)
    with suppress(FileNotFoundError):
        for content in (history / PAGES).iterdir():
            if content.stat().st_nlink == 1:
                content.unlink()


def _keep_page(contents: Path, path: Path, target: Path) -> str:
    """Put a page into a run's folder, as another name of its content, which is on the disk once; returns the digest."""
    digest = digest_file(path)
    content = contents / f"{digest}{path.suffix}"
    make_folder(target.parent)
    if not content.exists():
        write_atomically(content, path.read_bytes())
        content.chmod(0o444)
    try:
        os.link(content, target)
    except OSError:  # a file system without links, or with no more of them; a full one refuses the copy too
        shutil.copyfile(content, target)
    return digest

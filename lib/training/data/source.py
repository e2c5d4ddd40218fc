"""Where the data come from: the local file, or the configured download, kept for later runs."""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modelbundle.digests import digest_bytes
from training.headless import load
from training.paths import ROOT, from_root
from training.problems import DataProblem

if TYPE_CHECKING:
    import pooch

    from training.config.conf import Data, Download


def location(data: Data) -> Path:
    """Where the data file is, or will be once it is downloaded. Asks no network.

    Raises DataProblem if it is missing and there is nowhere to download it from.
    """
    local = from_root(data.path)
    if local.exists():
        return local
    if data.download is None:
        raise DataProblem(f"{data.path} does not exist; put the file there, or set data.download.url in conf/")
    return kept_file(data.download)


def download(source: Download) -> Path:
    """Fetch the file once, with a progress bar, retries and a time-out, and keep it for later runs.

    The file takes its name only when it is complete, has the configured digest and is not a web page.
    Raises DataProblem; nothing is kept then.
    """
    load("pooch", "requests")
    import pooch  # here, not above: most runs have the local file
    import requests

    local = kept_file(source)
    http = pooch.HTTPDownloader(timeout=source.timeout_seconds, progressbar=sys.stderr.isatty())

    def fetch(url: str, output_file: str, caller: pooch.Pooch) -> None:
        http(url, output_file, caller)
        with Path(output_file).open("rb") as file:
            start = file.read(200).lstrip()
        if not start:
            raise DataProblem(f"{url} answered with an empty file; check data.download.url in conf/")
        if start.removeprefix(BOM_UTF8).lstrip()[:1] == b"<":
            raise DataProblem(f"{url} answered with a web page, not a CSV: it begins with {start[:40]!r}")

    cache = pooch.create(
        local.parent,
        base_url="",
        registry={local.name: source.sha256},
        urls={local.name: source.url},
        retry_if_failed=source.retries,
    )
    try:
        cache.fetch(local.name, downloader=fetch)
    except (requests.RequestException, ValueError, OSError) as error:
        raise DataProblem(
            f"the data could not be fetched from {source.url} in {source.retries + 1} tries: {error}. "
            "Check the address and data.download in conf/, or put the file at data.path yourself"
        ) from error
    return local


def kept_file(source: Download) -> Path:
    """The name under which a download is kept: another address or digest is another file."""
    key = digest_bytes(f"{source.url} {source.sha256}".encode())[:12]
    return ROOT / "data" / "downloads" / f"{key}-{Path(urlsplit(source.url).path).name or 'data.csv'}"

"""Fetching newer data in place of the local file: `make fetch DATA_URL=https://...`."""

import argparse
import shutil
import sys

from pydantic import ValidationError

from training.config.conf import Download, load_conf
from training.data.source import download, kept_file
from training.paths import from_root, to_root
from training.problems import DataProblem, status_of


def main(arguments: list[str] | None = None) -> int:
    """Put a downloaded file where the configuration looks for its data; returns the exit status.

    The local file is replaced as a whole, or stays as it was.
    """
    parser = argparse.ArgumentParser(prog="make fetch", description="Replace the local data by newer ones.")
    parser.add_argument("conf", help="configuration file; its data.path is replaced, and its data.read must fit")
    parser.add_argument("url", help="where the newer data are: a CSV")
    parser.add_argument("--sha256", default="", help="digest that the file must have (default: any)")
    options = parser.parse_args(arguments)
    return status_of("make fetch", lambda: _fetch(options))


def _fetch(options: argparse.Namespace) -> None:
    local = from_root(load_conf(options.conf).data.path)
    source = _source(options.url, options.sha256)
    kept_file(source).unlink(missing_ok=True)  # the same address may hold newer data by now
    part = local.with_name(f"{local.name}.part")
    shutil.copyfile(download(source), part)
    part.replace(local)
    print(f"{to_root(local)} is now what {source.url} gave: {local.stat().st_size:,} bytes")


def _source(url: str, sha256: str) -> Download:
    try:
        return Download(url=url, sha256=sha256 or None)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataProblem(f"{first['loc'][0]} cannot be {first['input']!r}: {first['msg']}") from None


if __name__ == "__main__":
    sys.exit(main())

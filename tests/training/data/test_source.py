"""The download, for real against a server on this machine: what arrives is kept, anything else is a sentence."""

from __future__ import annotations

import gc
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from modelbundle.digests import digest_bytes
from tests.helpers.server import Server
from training import fetch
from training.config.conf import Data, load_conf
from training.data import source
from training.data.reading import load_table
from training.paths import ROOT
from training.problems import DataProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

# pooch leaves the connection of a failed answer to the garbage collector, which complains
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
CONF = load_conf("conf/house_prices.yaml")


@pytest.fixture(scope="module", autouse=True)
def _collect_connections_here() -> Iterator[None]:
    yield
    with warnings.catch_warnings(action="ignore"):
        gc.collect()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A server to download from, into the data folder of a root of the test's own."""
    monkeypatch.setattr(source, "ROOT", tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)  # between tries
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


def data(server: Server, **download: Any) -> Data:
    """The default configuration's data, to be had from the test's server only."""
    changes = {"url": server.url, "retries": 0, "timeout_seconds": 5} | download
    return Data(path="data/nowhere.csv", download=CONF.data.download.model_copy(update=changes))


def kept(folder: Path) -> dict[str, bytes]:
    """What stands in the downloads folder, by name; hidden files too."""
    return {path.name: path.read_bytes() for path in (folder / "data" / "downloads").glob("*")}


def foreign_dialect(rows: int) -> bytes:
    """Our data as the public file writes them: 81 columns, `?` for a missing cell, single quotes around strings."""
    table = pd.read_csv(ROOT / "data/house_prices.csv").head(rows)
    table = table.assign(**{f"Extra{number}": "a, b" for number in range(81 - table.shape[1])})
    table.loc[1, "BsmtFinSF2"] = table.loc[2, "Exterior1st"] = None
    cells = table.map(lambda cell: "?" if pd.isna(cell) else f"'{cell}'" if isinstance(cell, str) else str(cell))
    return "\n".join(",".join(row) for row in [list(table), *cells.to_numpy().tolist()]).encode()


def test_the_public_dialect_is_read_and_only_the_contracts_columns_are_kept(server: Server):
    server.answers = [{"body": foreign_dialect(30)}]

    table = load_table(data(server), CONF.contract)

    ours = pd.read_csv(ROOT / "data/house_prices.csv", dtype={"MSSubClass": str}).head(30)
    assert "Wd Sdng" in set(table["Exterior1st"])
    assert pd.isna(table.loc[1, "BsmtFinSF2"])
    assert pd.isna(table.loc[2, "Exterior1st"])
    assert table.isna().sum().sum() == 2
    pd.testing.assert_frame_equal(table.drop(index=[1, 2]), ours.drop(index=[1, 2]), check_dtype=False)


def test_what_was_downloaded_is_kept_for_the_next_run(server: Server, tmp_path: Path):
    server.answers = [{"body": foreign_dialect(5)}]

    tables = [load_table(data(server), CONF.contract) for _ in range(2)]

    assert server.requests == 1
    assert tables[0].equals(tables[1])
    assert [name.partition("-")[2] for name in kept(tmp_path)] == ["houses.csv"]


def test_the_local_file_is_preferred(server: Server):
    local = data(server).model_copy(update={"path": CONF.data.path})

    assert len(load_table(local, CONF.contract)) == 1460
    assert server.requests == 0


def test_another_digest_is_another_file(server: Server):
    body = foreign_dialect(5)
    server.answers = [{"body": body}]

    load_table(data(server), CONF.contract)
    load_table(data(server, sha256=digest_bytes(body)), CONF.contract)

    assert server.requests == 2


BODY = b"Id,Price\n1,2\n"
BAD = {
    "404": ({"status": 404, "body": b"not here"}, {}, "404 Client Error"),
    "500": ({"status": 500}, {}, "500 Server Error"),
    "truncated": ({"body": BODY, "length": 5000}, {}, f"{len(BODY)} bytes read, {5000 - len(BODY)} more expected"),
    "slow to begin": ({"slow": "to begin", "body": BODY}, {"timeout_seconds": 0.2}, "read timeout=0.2"),
    "slow to end": ({"slow": "to end", "body": BODY, "length": 5000}, {"timeout_seconds": 0.2}, "timed out"),
    "a web page": ({"body": b"\n <!DOCTYPE html><html>"}, {}, "answered with a web page, not a CSV"),
    "a web page behind a mark": ({"body": b"\xef\xbb\xbf<html>"}, {}, "answered with a web page, not a CSV"),
    "nothing": ({"body": b""}, {}, "empty"),
    "wrong digest: the one found": ({"body": BODY}, {"sha256": "0" * 64}, digest_bytes(BODY)),
    "wrong digest: the one expected": ({"body": BODY}, {"sha256": "0" * 64}, "0" * 64),
}


@pytest.mark.parametrize(("answer", "download", "message"), BAD.values(), ids=BAD)
def test_a_bad_answer_is_told_with_its_address_and_nothing_is_kept(
    server: Server, tmp_path: Path, answer: dict[str, Any], download: dict[str, Any], message: str
):
    server.answers = [answer]

    with pytest.raises(DataProblem) as failed:
        load_table(data(server, **download), CONF.contract)

    assert message in str(failed.value)
    assert server.url in str(failed.value)
    assert kept(tmp_path) == {}


def test_a_server_that_is_not_there_is_told(server: Server):
    with pytest.raises(DataProblem, match=r"could not be fetched from http://127.0.0.1:1/x.csv in 1 tries: "):
        load_table(data(server, url="http://127.0.0.1:1/x.csv"), CONF.contract)


@pytest.mark.parametrize("answer", [{"status": 404}, {"body": BODY, "length": 5000}, {"body": BODY}])
def test_a_file_from_before_survives_a_failed_download(server: Server, tmp_path: Path, answer: dict[str, Any]):
    body = foreign_dialect(5)
    server.answers = [{"body": body}, answer]
    load_table(data(server), CONF.contract)

    with pytest.raises(DataProblem):
        load_table(data(server, sha256="0" * 64), CONF.contract)

    assert list(kept(tmp_path).values()) == [body]


def test_a_download_is_tried_again(server: Server):
    server.answers = [{"status": 503}, {"body": BODY, "length": 5000}, {"body": foreign_dialect(5)}]

    assert len(load_table(data(server, retries=2), CONF.contract)) == 5
    assert server.requests == 3


def test_a_download_is_given_up_after_the_configured_tries(server: Server):
    server.answers = [{"status": 503}]

    with pytest.raises(DataProblem, match="in 3 tries: 503"):
        load_table(data(server, retries=2), CONF.contract)

    assert server.requests == 3


@pytest.fixture
def conf(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration whose data lie in the test's folder."""
    local = tmp_path / "data" / "houses.csv"
    local.parent.mkdir(exist_ok=True)
    local.write_bytes(b"old")
    path = tmp_path / "conf.yaml"
    path.write_text(f"extends: {ROOT}/conf/house_prices.yaml\nname: fetched\ndata: {{path: {local}}}\n")
    return path


def test_newer_data_take_the_place_of_the_local_file_every_time(
    server: Server, conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for body in (b"first", b"second"):  # the same address
        server.answers = [{"body": body}]

        assert fetch.main([str(conf), server.url]) == 0
        assert (tmp_path / "data/houses.csv").read_bytes() == body
    assert f"is now what {server.url} gave: 6 bytes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("url", "sha256", "message"),
    [
        (None, "0" * 64, "0" * 64),
        (None, "abc", "sha256 cannot be 'abc'"),
        ("ftp://127.0.0.1/x.csv", "", "url cannot be 'ftp://127.0.0.1/x.csv'"),
        ("", "", "url cannot be ''"),
    ],
)
def test_what_cannot_be_fetched_leaves_the_local_file(
    server: Server, conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, sha256: str, message: str
):
    server.answers = [{"body": BODY}]

    assert fetch.main([str(conf), server.url if url is None else url, "--sha256", sha256]) == 1
    assert message in capsys.readouterr().err
    assert (tmp_path / "data/houses.csv").read_bytes() == b"old"
    assert not list((tmp_path / "data").glob("*.part"))

"""Where no more counts can be kept, on a disk that is full for real: the service goes on, and says so."""

from __future__ import annotations

import mmap
import os
import resource
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.watching import counting
from app.watching.counting import Counts
from tests.helpers.asking import ask, counts, logged, wait_for, workers
from tests.helpers.serving import free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY = "/dev/shm"  # noqa: S108 - of a server with mounts of its own
SERIES = [f"a series with a name of some length, number {number}" for number in range(3000)]


@pytest.fixture(autouse=True)
def _nothing_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests lose is not lost to the others."""
    monkeypatch.setattr(counting, "_reason", mmap.mmap(-1, 1000))
    monkeypatch.setattr(counting, "_told", mmap.mmap(-1, 1))


def written(file: Path) -> dict[str, float]:
    """What the file holds for whoever adds up."""
    return {key: value for key, value, *_ in Counts.read_all_values_from_file(file)}


def room(file: Path) -> int:
    return file.stat().st_blocks * 512


def test_counts_are_in_the_file_however_many_series_there_are(tmp_path: Path):
    file = tmp_path / "counter_1.db"
    kept = Counts(str(file))
    for number, name in enumerate(SERIES):
        kept.write_value(name, number, 0)
    kept.close()
    again = Counts(str(file))

    read = [again.read_value(name)[0] for name in SERIES]
    again.close()

    assert read == list(range(len(SERIES)))
    assert written(file) == {name: number for number, name in enumerate(SERIES)}
    assert counting.lost() == counting.news() == ""
    assert {path.name for path in tmp_path.iterdir()} == {"counter_1.db"}


def test_a_file_has_all_its_room_from_the_start_and_after_it_grew(tmp_path: Path):
    file = tmp_path / "counter_1.db"
    kept = Counts(str(file))
    first = room(file) - file.stat().st_size
    for name in SERIES:
        kept.write_value(name, 1, 0)
    kept.close()

    assert first >= 0
    assert room(file) >= file.stat().st_size > counting.FIRST_BYTES


@pytest.mark.parametrize("size", [0, 5000, 70_000, 200_000])
def test_where_a_file_can_be_no_larger_a_process_goes_on_counting_for_itself(tmp_path: Path, size: int):
    """Too small for the first page, for the first file, for the first and the second time that it grows."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        kept = Counts(str(tmp_path / "counter_1.db"))
        for number, name in enumerate(SERIES):
            kept.write_value(name, number, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert [kept.read_value(name)[0] for name in SERIES] == list(range(len(SERIES)))
    assert counting.lost() == f"{tmp_path} takes no more counts: File too large"
    assert [counting.news(), counting.news()] == [counting.lost(), ""]
    assert not list(tmp_path.glob("*.part"))


@pytest.fixture(scope="module")
def own_mounts() -> list[str]:
    """The command under which a server may have a /dev/shm of its own."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *as_root, "--mount"]
    able = shutil.which("unshare") and not subprocess.run([*command, "mount", "-t", "tmpfs", "none", "/mnt"]).returncode
    if not able:
        message = "nothing can be mounted here; it takes Linux, and root or user namespaces"
        pytest.fail(message) if "CI" in os.environ else pytest.skip(message)
    return command


def within(own_mounts: list[str], *then: str) -> list[str]:
    """With a megabyte of /dev/shm, and after a command."""
    script = " && ".join([f"mount -t tmpfs -o size=1m none {MEMORY}", *then, 'exec "$@"'])
    return [*own_mounts, "sh", "-c", script, "sh"]


FILL = "(cat /dev/zero > {folder}/full || true) 2> /dev/null"


def shm(server: subprocess.Popen[bytes]) -> Path:
    return Path(f"/proc/{server.pid}/root{MEMORY}")


def fill(folder: Path) -> None:
    """Leave no byte."""
    with (folder / "full").open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def assert_serves_on_without_metrics(
    port: int, server: Any, records: list[dict[str, Any]], prices: list[float]
) -> None:
    before = {worker.pid for worker in workers(server)}
    for number in range(60):
        answer = ask(port, "/predict", records[number])
        assert answer.json["predictions"][0]["prediction"] == prices[number]
        assert ask(port, f"/unknown/{number}").status == 404
        assert [ask(port, path).status for path in ("/healthz", "/readyz", "/model", "/report", "/")] == [200] * 5
    refused = ask(port, "/metrics")

    assert {worker.pid for worker in workers(server)} == before
    assert refused.status == 503
    assert "takes no more counts: No space left on device; the service goes on" in refused.json["detail"]


def assert_said_once(output: Path) -> None:
    told = [line for line in logged(output) if line.get("event") == "no metrics"]

    assert len(told) == 1
    assert "No space left on device" in told[0]["reason"]
    assert "SIGBUS" not in output.read_text()


@pytest.mark.run
@pytest.mark.parametrize("operators_own", [False, True])
def test_a_server_starts_where_no_counts_can_be_kept(
    registry: Path, records: Any, prices: Any, own_mounts: list[str], tmp_path: Path, operators_own: bool
):
    port, output = free_port(), tmp_path / "output"
    then, more = [FILL.format(folder=MEMORY)], {}
    if operators_own:
        (tmp_path / "counts").mkdir()
        then = [f"mount -t tmpfs -o size=64k none '{tmp_path}/counts'", FILL.format(folder=f"'{tmp_path}/counts'")]
        more = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "counts")}
    with serving(registry, port, output=output, within=within(own_mounts, *then), WORKERS="2", **more) as server:
        wait_for(lambda: len(workers(server)) == 2)
        assert_serves_on_without_metrics(port, server, records, prices)

    assert_said_once(output)


@pytest.fixture
def filled(registry: Path, own_mounts: list[str], tmp_path: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server of two workers that had counted before there was no more room."""
    port = free_port()
    with serving(registry, port, output=tmp_path / "output", within=within(own_mounts), WORKERS="2") as server:
        wait_for(lambda: len(workers(server)) == 2)
        wait_for(lambda: len(list(shm(server).glob("metrics-*/counter_*"))) == 3)  # the parent's too
        assert counts(port)
        fill(shm(server))
        yield port, server


@pytest.mark.run
def test_workers_go_on_counting_in_what_they_have_while_the_rest_fills_up(
    filled: tuple[int, subprocess.Popen[bytes]], records: list[dict[str, Any]]
):
    port, server = filled
    before = {worker.pid for worker in workers(server)}
    for number in range(100):
        assert ask(port, "/predict?explain=true", records[number]).status == 200
        assert ask(port, f"/unknown/{number}").status == 404

    assert {worker.pid for worker in workers(server)} == before
    found = counts(port)
    assert sum(found[name] for name in found if name.startswith('prediction_records_total{outcome="priced"')) == 100


@pytest.mark.run
def test_a_worker_that_takes_a_dead_ones_place_serves_without_counting(
    filled: tuple[int, subprocess.Popen[bytes]], records: Any, prices: Any, tmp_path: Path
):
    port, server = filled
    first = workers(server)[0]
    first.kill()
    wait_for(lambda: len({*workers(server)} - {first}) == 2)
    wait_for(lambda: ask(port, "/metrics").status == 503)

    assert_serves_on_without_metrics(port, server, records, prices)
    assert_said_once(tmp_path / "output")

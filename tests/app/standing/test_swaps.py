"""Real workers follow the registry: under load no answer mixes two bundles, and none comes from a damaged one."""

from __future__ import annotations

import http.client
import threading
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.asking import alone, ask, counts, logged, wait_for, workers
from tests.helpers.registry import REQUESTS, add, alone_it_answers, damaged, headers, point
from tests.helpers.serving import free_port, serving

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.helpers.registry import Request, Seen

pytestmark = pytest.mark.run

CLIENTS, WORKERS, SWAPS = 4, 2, 200
QUICK = {"WORKERS": str(WORKERS), "FOLLOW_SECONDS": "0.05"}


@dataclass
class Tally:
    """What the clients saw."""

    answered: int = 0
    wrong: list[Any] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)
    ended: threading.Event = field(default_factory=threading.Event)


def keep_asking(port: int, expected: dict[Request, list[Seen]], tally: Tally, *, keep: bool) -> None:
    """Send the requests in turn; keep: over one connection."""
    connection, number = http.client.HTTPConnection("127.0.0.1", port, timeout=30), 0
    while not tally.ended.is_set():
        request = REQUESTS[number % len(REQUESTS)]
        number += 1
        method, path, body, _ = request
        try:
            connection.request(method, path, body, headers(request))
            reply = connection.getresponse()
            seen: Any = (reply.status, reply.headers["Model-Version"], reply.read())
        except (OSError, http.client.HTTPException) as error:
            seen = repr(error)
            connection.close()
        tally.answered += 1
        if seen not in expected[request]:
            tally.wrong.append((path, seen))
        elif seen[1]:
            tally.versions.add(seen[1])
        if not keep:
            connection.close()
    connection.close()


def tried(port: int) -> tuple[float, float]:
    """How many bundles all processes have loaded, and refused."""
    found = counts(port)
    loaded, refused = (found.get(f'model_loads_total{{outcome="{it}"}}', 0) for it in ("loaded", "refused"))
    return loaded, refused


def swap(models: Path, version: str, port: int, *, good: bool) -> None:
    """Make a version the current one, and wait until every worker has loaded it, or refused it."""
    loaded, refused = tried(port)
    point(models, version)
    expected = (loaded + WORKERS, refused) if good else (loaded, refused + WORKERS)
    wait_for(lambda: tried(port) == expected)


def everyone_says(server: subprocess.Popen[bytes], port: int) -> list[dict[str, Any]]:
    """The answers of all workers to /readyz."""
    found = []
    for worker in workers(server):
        with alone(worker, server):
            reply = ask(port, "/readyz")
            found.append(reply.json | {"status": reply.status})
    return found


def megabytes(server: subprocess.Popen[bytes]) -> int:
    """Memory of all workers."""
    return sum(worker.memory_info().rss for worker in workers(server)) // 2**20


def each_said(reply: dict[str, Any]) -> tuple[int, str, str]:
    """Status, what is served, and what was refused."""
    return reply["status"], reply["version"], reply["refused"]["version"]


@pytest.mark.slow
def test_two_hundred_swaps_under_load_lose_no_request_and_mix_no_answer(tmp_path: Path):
    models, output, port, tally = tmp_path / "models", tmp_path / "output", free_port(), Tally()
    good = [add(models, 9), add(models, 1000)]
    bad = [damaged(models, add(models, 1e6 + number)) for number in range(SWAPS // 10)]
    point(models, good[0])
    alternatives = [alone_it_answers(models, version) for version in good]
    expected = {request: [each[request] for each in alternatives] for request in REQUESTS}
    assert all(one != other for one, other in expected.values())  # or an answer would not tell who gave it
    with serving(models, port, output=output, **QUICK) as server:
        wait_for(lambda: len(workers(server)) == WORKERS)
        clients = [
            threading.Thread(target=keep_asking, args=(port, expected, tally), kwargs={"keep": number % 2 == 0})
            for number in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        try:
            served, sizes = 0, []
            for number in range(1, SWAPS + 1):
                if number % 10:
                    served = 1 - served
                    swap(models, good[served], port, good=True)
                else:
                    swap(models, version := bad[number // 10 - 1], port, good=False)
                    told = ask(port, "/readyz").json
                    assert (told["version"], told["refused"]["version"]) == (good[served], version)
                    wait_for(lambda: counts(port)["model_behind_registry"] == 1)
                    sizes.append(megabytes(server))
        finally:
            tally.ended.set()
            for client in clients:
                client.join()
        said = everyone_says(server, port)

    assert tally.wrong[:3] == []
    assert tally.answered > 10 * SWAPS
    assert tally.versions == set(good)
    assert [each_said(it) for it in said] == [(200, good[served], bad[-1])] * WORKERS
    events = [line for line in logged(output) if "event" in line]
    loaded = [line for line in events if line["event"] == "model loaded"]
    refused = [line for line in events if line["event"] == "model refused"]
    assert [len(events), len(loaded), len(refused)] == [1 + SWAPS * WORKERS, SWAPS * 9 // 10 * 2, SWAPS // 10 * 2]
    assert "Traceback" not in output.read_text()
    assert sizes[-1] - sizes[4] < 15  # measured: 3, and 38 where the old bundles are kept
    seconds = [line["seconds"] for line in loaded]
    print(f"{tally.answered} answers; a swap took {median(seconds)} s, at most {max(seconds)} s; {sizes} MB")


def test_all_workers_serve_the_first_good_bundle_as_soon_as_it_is_there(tmp_path: Path):
    models, port = tmp_path / "models", free_port()
    with serving(models, port, output=tmp_path / "output", **QUICK) as server:
        wait_for(lambda: len(workers(server)) == WORKERS)
        assert ask(port, "/readyz").status == 503
        point(models, version := add(models, 9))
        wait_for(lambda: tried(port)[0] == WORKERS)

        assert everyone_says(server, port) == [{"status": 200, "version": version}] * WORKERS
        wait_for(lambda: counts(port)["model_behind_registry"] == 0)  # no trace of the parent, which had none


def test_a_worker_that_takes_a_dead_ones_place_serves_what_the_others_serve(tmp_path: Path):
    """Its parent knows the first bundle alone, and what the registry names is damaged."""
    models, port = tmp_path / "models", free_port()
    point(models, add(models, 9))
    with serving(models, port, output=tmp_path / "output", **QUICK) as server:
        wait_for(lambda: len(workers(server)) == WORKERS)
        swap(models, second := add(models, 1000), port, good=True)
        swap(models, third := damaged(models, add(models, 2000)), port, good=False)
        first = workers(server)[0]
        first.kill()
        wait_for(lambda: len({*workers(server)} - {first}) == WORKERS)
        said = everyone_says(server, port)

    assert [each_said(it) for it in said] == [(200, second, third)] * WORKERS

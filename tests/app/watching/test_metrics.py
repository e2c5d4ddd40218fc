"""What /metrics counts: exact with several workers, also after one was killed, and no series that clients make up."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Project

from tests.helpers.asking import about_predict, alone, ask, connected, counts, wait_for, workers

pytestmark = pytest.mark.run


def send_a_mix(port: int, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Some of every kind: 3 x 200 with 1 + 1 + 3 prices and one refusal, 2 x 422 with 3 refusals, 404, 405."""
    odd = {**records[1], "MSZoning": "Zanzibar", "LotArea": 2_000_000.0, "OverallCond": None}
    faulty = records[2] | {"LotArea": "large"}
    replies = [
        ask(port, "/predict", records[0]),
        ask(port, "/predict", odd),
        ask(port, "/predict?partial=true", [*records[3:6], faulty]),
        ask(port, "/predict", [faulty, faulty]),
        ask(port, "/invocations", {"instances": [faulty]}),
        ask(port, "/absent"),
        ask(port, "/predict"),
    ]
    assert [reply.status for reply in replies] == [200, 200, 200, 422, 422, 404, 405]
    return [each for reply in replies[:3] for each in reply.json["predictions"] if "prediction" in each]


def test_the_counts_are_those_of_all_workers_whichever_answers(
    pair: tuple[subprocess.Popen[bytes], int], smoke: Project, records: list[dict[str, Any]]
):
    (server, port), priced = pair, []
    wait_for(lambda: len(workers(server)) == 2)
    before = about_predict(counts(port))
    first, second = workers(server)
    for worker in (first, second):
        with alone(worker, server):
            priced += send_a_mix(port, records)
    first.kill()
    wait_for(lambda: len({*workers(server)} - {first}) == 2)
    (third,) = {*workers(server)} - {first, second}
    with alone(third, server):
        priced += send_a_mix(port, records)
        by_third = about_predict(counts(port))
    by_any = [about_predict(counts(port)) for _ in range(20)]
    with alone(second, server):
        by_second = about_predict(counts(port))

    assert all(each == pytest.approx(by_third) for each in [*by_any, by_second])
    found = {name: value - before.get(name, 0) for name, value in by_third.items()}
    warnings = Counter(warning["kind"] for each in priced for warning in each["warnings"])
    assert set(warnings) == {"imputed", "unseen_category", "outside_training_range"}
    model = f'version="{smoke.version()}"'
    buckets = {name: value for name, value in found.items() if name.startswith("prediction_value_bucket")}
    routes = {("GET", "unknown"): {404: 1, 405: 1}, ("POST", "/predict"): {200: 3, 422: 1}}
    routes[("POST", "/invocations")] = {422: 1}
    expected = {
        f'http_requests_total{{method="{method}",route="{route}",status="{status}"}}': 3 * count
        for (method, route), statuses in routes.items()
        for status, count in statuses.items()
    }
    expected |= {
        f'http_request_duration_seconds_count{{method="{method}",route="{route}"}}': 3 * sum(statuses.values())
        for (method, route), statuses in routes.items()
    }
    expected |= {f'prediction_warnings_total{{kind="{kind}",{model}}}': count for kind, count in warnings.items()}
    expected |= {
        f'prediction_records_total{{outcome="priced",{model}}}': 15,
        f'prediction_records_total{{outcome="refused",{model}}}': 12,
        f"prediction_value_count{{{model}}}": 15,
        f"prediction_value_sum{{{model}}}": sum(each["prediction"] for each in priced),
    }
    assert {name: value for name, value in found.items() if value and name not in buckets} == pytest.approx(expected)
    assert buckets[f'prediction_value_bucket{{le="+Inf",{model}}}'] == 15
    assert (by_third["model_ready"], by_third[f'model_info{{name="smoke",version="{smoke.version()}"}}']) == (1, 1)


def test_clients_cannot_make_up_new_series(rude: int):
    for path, method in [("/absent", "GET"), ("/absent", "BREW"), ("/predict", "PUT"), ("/metrics", "GET")]:
        ask(rude, path, method=method)
    before = counts(rude)
    for number in range(50):
        ask(rude, f"/{os.urandom(8).hex()}/{number}?x={number}", method="GET" if number % 2 else f"BREW{number}")
        ask(rude, "/predict", method=f"BREW{number}")
    after = counts(rude)

    assert set(after) == set(before)
    unknown = {name: after[name] - before[name] for name in after if name.startswith("http_requests_total")}
    assert sum(unknown.values()) == 101  # with the request for `before`


def test_what_the_workers_take_of_the_machine_is_told_together(pair: tuple[subprocess.Popen[bytes], int]):
    server, port = pair
    wait_for(lambda: len(workers(server)) == 2)
    both = workers(server)
    wait_for(lambda: counts(port)["process_resident_memory_bytes"] > 1.5 * both[0].memory_info().rss)
    wait_for(lambda: counts(port)["http_requests_in_flight"] == 1)  # of the other worker it is told now and then
    before = counts(port)
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(connected(port, b"GET / HTTP/1.1\r\nHost: x\r\n"))
        wait_for(lambda: counts(port)["http_requests_in_flight"] == 31)
        wait_for(lambda: counts(port)["process_open_fds"] > before["process_open_fds"] + 20)
        after = counts(port)

    assert before["process_resident_memory_bytes"] == pytest.approx(sum(it.memory_info().rss for it in both), rel=0.2)
    assert 0 < before["process_cpu_seconds_total"] <= after["process_cpu_seconds_total"]

"""What the service counts, for Prometheus; with several workers each answer adds up all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from app.problems import Problem
from app.watching import counting

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from app.programs.answers import Answer
    from app.programs.service import Service

# As far as REQUEST_SECONDS may go.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 90, 300, 900, 3600)
# 1, 1.6, 2.5 ... times powers of ten: five buckets for every factor of ten, whatever the target and its unit are.
VALUES = tuple(round(step * 10**power, 6) for power in range(-2, 7) for step in (1, 1.6, 2.5, 4, 6.3))
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST"})

_requests = Counter("http_requests", "Requests that were answered or cut off.", ["method", "route", "status"])
_seconds = Histogram("http_request_duration_seconds", "Time to answer a request.", ["method", "route"], buckets=SECONDS)
_seconds.labels("GET", "/metrics")  # so that each process makes its file of histograms when it begins
_cut_off = Counter("http_requests_cut_off", "Requests that the server or the client gave up.", ["method", "route"])
_in_flight = Gauge("http_requests_in_flight", "Requests under way.", multiprocess_mode="livesum")
# The library tells these of one process, and only where there is one. Here they are those of all workers together.
_process, _summed = ProcessCollector(registry=None), {"registry": None, "multiprocess_mode": "livesum"}
_memory = Gauge("process_resident_memory_bytes", "Memory, that which workers share counted for each.", **_summed)
_files = Gauge("process_open_fds", "Open files and connections.", **_summed)
_cpu = Counter("process_cpu_seconds", "Processor time.", registry=None)
_told: dict[str, float] = {}  # of the processor time, what was counted
_records = Counter("prediction_records", "Records sent, by what became of them.", ["outcome", "version"])
_warnings = Counter("prediction_warnings", "Warnings that went with predictions.", ["kind", "version"])
_values = Histogram("prediction_value", "Predictions, in the target's unit.", ["version"], buckets=VALUES)
_loads = Counter("model_loads", "Bundles that the server's processes tried, by what became of them.", ["outcome"])
# Of several workers the worst is told; what a worker that died has told is forgotten.
_behind = Gauge(
    "model_behind_registry",
    "1 if a worker refused the version that the registry names, and serves another or none.",
    multiprocess_mode="livemax",
)


def count_request(method: str, route: str, status: str, seconds: float, *, is_cut_off: bool) -> None:
    """Count one request that has ended; route: its rule, not its path, so that clients cannot make up new series."""
    method = method if method in METHODS else "other"
    _requests.labels(method, route, status).inc()
    _seconds.labels(method, route).observe(seconds)
    if is_cut_off:
        _cut_off.labels(method, route).inc()


def tell_in_flight(requests: int) -> None:
    """Tell how many requests this process is at."""
    _in_flight.set(requests)


def tell_process() -> None:
    """Tell what this process takes of the machine; called now and then, where the system tells it."""
    found = {metric.name: metric.samples[0].value for metric in _process.collect()}
    if found:
        _memory.set(found["process_resident_memory_bytes"])
        _files.set(found["process_open_fds"])
        _cpu.inc(found["process_cpu_seconds"] - _told.get("cpu", 0))
        _told["cpu"] = found["process_cpu_seconds"]


@lru_cache(maxsize=10)
def _series(version: str) -> tuple[Counter, Counter, Histogram]:
    """What counts the records that a model priced or refused, and its predictions; each is told as 0 at first."""
    return _records.labels("priced", version), _records.labels("refused", version), _values.labels(version)


def count_answers(answers: Sequence[Answer], version: str) -> None:
    """Count the answers to one request; version: the model's."""
    priced, refused, values = _series(version)
    sound = [each for each in answers if "prediction" in each]
    priced.inc(len(sound))
    if len(sound) < len(answers):
        refused.inc(len(answers) - len(sound))
    for each in sound:
        values.observe(each["prediction"])
        for warning in each["warnings"]:
            _warnings.labels(warning["kind"], version).inc()


def count_refused(records: int, version: str) -> None:
    """Count records that got no prediction."""
    _series(version)[1].inc(records)


def count_load(outcome: str) -> None:
    """Count a bundle that one process tried to load: loaded or refused."""
    _loads.labels(outcome).inc()


def tell_behind(behind: bool) -> None:
    """Tell whether this worker refuses the version that the registry names."""
    _behind.set(behind)


def exposition(service: Service | None) -> bytes:
    """Write all metrics in Prometheus' text format; service: what is served, None if there is no verified bundle.

    Raises Problem where some counts are lost: what is left would add up to less than there was.
    """
    registry = CollectorRegistry()
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        if not Path(folder).is_dir():
            counting.lose(FileNotFoundError("the folder is gone"), Path(folder))
        if reason := counting.lost():
            raise Problem(503, "There are no metrics", f"{reason}; the service goes on. Mend it, then start it anew")
        MultiProcessCollector(registry)
        registry.register(_ServedModel(service))
        return generate_latest(registry)
    registry.register(_ServedModel(service))
    return generate_latest(REGISTRY) + generate_latest(registry)


class _ServedModel:
    """Tells what this worker serves when it is asked, in the form of a collector as prometheus_client has them."""

    def __init__(self, service: Service | None):
        self.service = service

    def collect(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily("model_ready", "1 if a verified bundle is served, 0 if there is none.")
        ready.add_metric([], float(self.service is not None))
        yield ready
        info = GaugeMetricFamily("model_info", "1, with what is served as labels.", labels=["name", "version"])
        if self.service:
            info.add_metric([self.service.bundle.manifest["name"], self.service.bundle.version], 1)
        yield info

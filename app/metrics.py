"""What the service counts, for Prometheus; with several workers each answer adds up all of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from app import counting
from app.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.metrics_core import Metric

    from app.answers import Answer
    from app.service import Service

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# 1, 1.6, 2.5 ... times powers of ten: five buckets for every factor of ten, whatever the target and its unit are.
VALUES = tuple(round(step * 10**power, 6) for power in range(-2, 7) for step in (1, 1.6, 2.5, 4, 6.3))
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST"})

_requests = Counter("http_requests", "Requests that were answered.", ["method", "route", "status"])
_seconds = Histogram("http_request_duration_seconds", "Time to answer a request.", ["method", "route"], buckets=SECONDS)
_records = Counter("prediction_records", "Records that clients sent, by what became of them.", ["outcome"])
_warnings = Counter("prediction_warnings", "Warnings that went with predictions.", ["kind"])
_values = Histogram("prediction_value", "Predictions, in the target's unit.", buckets=VALUES)
# looked up once, for every request needs them; and told from the start, as 0
_priced, _refused = _records.labels("priced"), _records.labels("refused")
_loads = Counter("model_loads", "Bundles that the server's processes tried, by what became of them.", ["outcome"])
# Of several workers the worst is told; what a worker that died has told is forgotten.
_behind = Gauge(
    "model_behind_registry",
    "1 if a worker refused the version that the registry names, and serves another or none.",
    multiprocess_mode="livemax",
)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request; route: its rule, not its path, so that clients cannot make up new series."""
    method = method if method in METHODS else "other"
    _requests.labels(method, route, str(status)).inc()
    _seconds.labels(method, route).observe(seconds)


def count_answers(answers: Sequence[Answer]) -> None:
    """Count the answers to one request: what was priced, with which warnings, and what was refused."""
    priced = [each for each in answers if "prediction" in each]
    _priced.inc(len(priced))
    if len(priced) < len(answers):
        count_refused(len(answers) - len(priced))
    for each in priced:
        _values.observe(each["prediction"])
        for warning in each["warnings"]:
            _warnings.labels(warning["kind"]).inc()


def count_refused(records: int) -> None:
    """Count records that got no prediction."""
    _refused.inc(records)


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

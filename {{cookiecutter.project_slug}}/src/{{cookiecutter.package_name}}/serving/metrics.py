"""GET /metrics: what Prometheus scrapes, over all workers."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from flask import Blueprint, Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily

from ..deployment import Deployment
from ..monitoring.store import Answered

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of the environment that names the folder in which the workers keep their counts."""

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

REQUESTS = Counter("http_requests", "Answered requests", ["endpoint", "status"])
SECONDS = Histogram("http_request_seconds", "From arrival in the worker to the answer", ["endpoint"], buckets=BUCKETS)
ROWS = Counter("predicted_rows", "Rows answered, and logged", ["arm", "model_version"])
MISSING = Counter("missing_inputs", "Missing values among the inputs", ["column"])
OUTPUTS = Counter("non_null_outputs", "Answers that hold a value", ["field"])
SHADOW_SKIPPED = Counter("shadow_skipped_requests", "Requests that found the shadow too busy")
MODEL = Gauge(
    "deployed_model", "1 for each model that is deployed", ["arm", "model_version"], multiprocess_mode="livemax"
)


def predicted(given: Answered) -> None:
    _of(ROWS, given.arm, given.model_version).inc(len(given.scores))
    for name, values in given.inputs.items():
        if None in values:
            _of(MISSING, name).inc(values.count(None))
    for name, values in given.answers.items():
        _of(OUTPUTS, name).inc(len(values) - values.count(None))


def ended(endpoint: str, status: int, began: float) -> None:
    """A request that arrived at `began`, in seconds of the performance counter, has its answer."""
    _of(REQUESTS, endpoint, status).inc()
    _of(SECONDS, endpoint).observe(time.perf_counter() - began)


@functools.cache
def _of(metric: Any, *labels: Any) -> Any:
    """The child of a metric; to look it up each time would take longer than to count."""
    return metric.labels(*labels)


def deployed(now: Deployment, before: Deployment | None) -> None:
    for arm, model in before.arms.items() if before else ():
        MODEL.labels(arm, model.version).set(0)
    for arm, model in now.arms.items():
        MODEL.labels(arm, model.version).set(1)


def register(app: Flask) -> None:
    """Count and time every request by its endpoint, never by its path, of which there are endless ones."""

    @app.before_request
    def began() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def counted(response: Response) -> Response:
        ended(request.endpoint or "none", response.status_code, g.began)
        return response


def blueprint() -> Blueprint:
    pages = Blueprint("metrics", __name__)

    @pages.get("/metrics")
    def metrics() -> Response:
        """What Prometheus scrapes, over all workers."""
        return Response(exposed(), content_type=CONTENT_TYPE_LATEST)

    return pages


def exposed() -> bytes:
    return bytes(generate_latest(registry()))


def registry() -> CollectorRegistry:
    """The counts of every worker that has lived since the start, processor time and memory of those that live now."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return REGISTRY
    pids = {int(path.stem.rpartition("_")[2]) for path in Path(folder).glob("*.db")}
    alive = {pid for pid in pids if psutil.pid_exists(pid)}
    for pid in pids - alive:
        multiprocess.mark_process_dead(pid, folder)
    found = CollectorRegistry()
    multiprocess.MultiProcessCollector(found, folder)
    found.register(_Workers(alive))  # type: ignore[arg-type]
    return found


class _Workers:
    def __init__(self, pids: set[int]) -> None:
        self._pids = pids

    def collect(self) -> Iterator[GaugeMetricFamily]:
        cpu = GaugeMetricFamily("worker_cpu_seconds", "Processor time since the start of the worker", labels=["pid"])
        memory = GaugeMetricFamily("worker_resident_bytes", "Resident memory of the worker", labels=["pid"])
        for pid in sorted(self._pids):
            try:
                process = psutil.Process(pid)
                cpu.add_metric([str(pid)], sum(process.cpu_times()[:2]))
                memory.add_metric([str(pid)], process.memory_info().rss)
            except psutil.NoSuchProcess:
                continue
        yield cpu
        yield memory

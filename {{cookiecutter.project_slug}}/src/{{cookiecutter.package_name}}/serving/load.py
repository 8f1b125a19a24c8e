"""How busy the API is: samples of its own counts, kept for an hour, and drawn for /monitoring."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from ..monitoring import charts
from ..monitoring.charts import Line
from . import metrics

SAMPLE_SECONDS, SAMPLES = 10.0, 360


@dataclass(frozen=True)
class Sample:
    """Counts since the start of the server, over all workers; `buckets` of requests by their upper limit in seconds."""

    at: float
    requests: float
    failed: float
    rows: float
    buckets: Mapping[float, float]
    cpu_seconds: float
    resident_bytes: float


class Load:
    """The samples of the last hour, oldest first."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=SAMPLES)

    def sample(self) -> None:
        self._samples.append(now())

    def pictures(self) -> list[Markup]:
        """Requests a second and the time that they took, between each two samples."""
        pairs = list(pairwise(self._samples))
        if not pairs:
            return []
        names = [time.strftime("%H:%M:%S", time.gmtime(after.at)) for _, after in pairs]
        rates = [(after.requests - before.requests) / (after.at - before.at) for before, after in pairs]
        halves, tails = ([quantile(*pair, share) for pair in pairs] for share in (0.5, 0.99))
        return [
            charts.lines("Requests a second, the last hour", [Line("requests", rates)], names),
            charts.lines(
                "Milliseconds of a request, the last hour", [Line("median", halves), Line("99 %", tails)], names
            ),
        ]


def table() -> dict[str, str]:
    """The counts since the start of the server, in words."""
    one = now()
    return {
        "Requests": f"{one.requests:,.0f}, refused or failed {one.failed:,.0f}",
        "Rows answered": f"{one.rows:,.0f}",
        "Processor time of the workers": f"{one.cpu_seconds:,.1f} s",
        "Memory of the workers": f"{one.resident_bytes / 1e6:,.0f} MB",
    }


def now() -> Sample:
    requests = failed = rows = cpu = memory = 0.0
    buckets: dict[float, float] = {}
    for family in metrics.registry().collect():
        for one in family.samples:
            if one.name == "http_requests_total":
                requests += one.value
                failed += one.value * (one.labels["status"] >= "400")
            elif one.name == "predicted_rows_total":
                rows += one.value
            elif one.name == "http_request_seconds_bucket":
                limit = float(one.labels["le"])
                buckets[limit] = buckets.get(limit, 0.0) + one.value
            elif one.name == "worker_cpu_seconds":
                cpu += one.value
            elif one.name == "worker_resident_bytes":
                memory += one.value
    return Sample(time.time(), requests, failed, rows, buckets, cpu, memory)


def quantile(before: Sample, after: Sample, share: float) -> float | None:
    """Milliseconds below which that share of the requests between two samples took: the limit of its bucket."""
    counts = {limit: count - before.buckets.get(limit, 0.0) for limit, count in sorted(after.buckets.items())}
    total = max(counts.values(), default=0.0)
    if not total:
        return None
    limit = next(limit for limit, count in counts.items() if count >= share * total)
    return 1000 * min(limit, 2 * metrics.BUCKETS[-1])

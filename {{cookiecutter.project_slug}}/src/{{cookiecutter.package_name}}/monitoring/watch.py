"""The prediction log and its truth in; what drifted, how right the model is and who was told out: `make monitor`.

Nothing is remembered but since when something is open and what was sent, so that a run that was killed is run again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pandas as pd

from .. import deployment, kinds
from ..config import Config
from ..kinds.supervised import Supervised
from ..layout import Layout, read_json, write_json
from ..models import bundle
from ..models.bundle import ACTUAL, REFERENCE, Bundle
from . import alerts, drift, page, performance, quality
from .alerts import Alert
from .findings import Finding
from .performance import Measured, Performance
from .store import PredictionLog
from .windows import Window, read, reference_of

PATIENCE_SECONDS = 120
"""How long the prediction log may be away."""

EARLIER = 200
"""Windows of earlier versions that the report goes on showing."""


@dataclass(frozen=True)
class Judged:
    """What all windows of one version say. `performances` are empty where the task has no truth."""

    windows: list[Window]
    drift: drift.Drift
    performances: list[Performance]
    reference: Measured | None
    findings: list[Finding]
    slices: list[performance.Slice]
    changes: Mapping[str, list[str]]


@dataclass(frozen=True)
class Watched:
    """`sentence` says how it stands; `alerts` are open, `report` is what monitoring.json holds."""

    version: str
    judged: Judged
    compared_with: Window
    alerts: list[Alert]
    report: dict[str, Any]
    sentence: str

    @property
    def critical(self) -> bool:
        return any(one.finding.severity == "critical" for one in self.alerts)


def run(config: Config, layout: Layout, *, now: datetime | None = None) -> Watched:
    """Writes results/monitoring/: monitoring.json and index.html, and sends the alerts."""
    now = now or datetime.now(timezone.utc)
    current = deployment.required(layout)
    policy, version = config.monitoring, current.champion.version
    model = bundle.load(layout.deploy / current.champion.bundle)
    reference = reference_of(model, pd.read_parquet(layout.deploy / current.champion.bundle / REFERENCE))
    log = PredictionLog(policy.prediction_log, layout)
    log.wait(PATIENCE_SECONDS)
    windows = read(log, version, model.schema, policy.window, policy.windows, policy.min_rows)
    before = previous(layout)
    judged = Judge(config, model, reference).judge(windows, known_from(before, version))
    hour = now.replace(minute=0, second=0, microsecond=0)
    week = timedelta(days=7)
    this, usual = (log.rows_between(end - timedelta(hours=1), end) for end in (hour, hour - week))
    found = [*judged.findings, *quality.volume(this or 0, usual, policy)]
    opened = alerts.opened(found, before.get("alerts", []), version, now)
    report = reported(config, model, judged, opened, before, version, now)
    layout.monitoring.mkdir(parents=True, exist_ok=True)
    write_json(layout.monitoring / page.REPORT, report)
    page.write(report, layout)
    for line in alerts.send(opened, config.alerts, layout, now):
        print(f"monitor   {line}", flush=True)
    return Watched(version, judged, reference, opened, report, told(report))


def draw(config: Config, layout: Layout, watched: Watched) -> None:
    """Evidently's drift report of the newest window, drift.html; nothing without one."""
    if watched.judged.windows:
        threshold = config.monitoring.thresholds.get("psi", 0.25)
        drift.write_page(watched.judged.windows[-1], watched.compared_with, threshold, layout.monitoring / "drift.html")


class Judge:
    """Knows the reference of one model. Reads and writes nothing."""

    def __init__(self, config: Config, model: Bundle, reference: Window) -> None:
        self._policy, self._seed = config.monitoring, config.seed
        self._reference, self._schema = reference, model.schema
        kind = kinds.of(config.task)
        self._kind = kind if isinstance(kind, Supervised) and reference.rows[ACTUAL].notna().any() else None
        if self._kind:
            self._tested = performance.measured(reference, self._kind, model.schema.classes, config.seed)
            self._estimator = performance.Estimator(reference, self._kind, model.schema.classes, config.seed)

    def judge(self, windows: list[Window], known: Mapping[tuple[str, int], Performance] | None = None) -> Judged:
        """`known` are performances by the first prediction of a window and its known rows."""
        policy, kind, classes, known = self._policy, self._kind, self._schema.classes, known or {}
        found = drift.judge(windows, self._reference, policy, self._seed)
        findings = drift.findings(found, policy)
        if windows:
            findings += quality.findings(windows[-1], self._reference, self._schema, policy)
        if not kind:
            return Judged(windows, found, [], None, findings, [], {})
        if not windows:
            return Judged(windows, found, [], self._tested, findings, [], {})
        performances = []
        for window in windows:
            one = known.get((window.ids[0], int(window.known.sum())))
            if one is None or one.rows != len(window.rows):
                one = performance.measure(window, kind, classes, policy, self._estimator, self._seed)
            performances.append(one)
        findings += performance.findings(performances, self._tested, kind.measure, policy)
        weak = performance.slices(windows[-policy.of :], kind, classes, policy)
        changes = performance.stream_changes(windows, kind, classes)
        return Judged(windows, found, performances, self._tested, findings, weak, changes)


def reported(
    config: Config,
    model: Bundle,
    judged: Judged,
    opened: list[Alert],
    before: Mapping[str, Any],
    version: str,
    now: datetime,
) -> dict[str, Any]:
    """What monitoring.json holds, for the page and for other programs."""
    earlier = [*before.get("earlier", []), *before.get("windows", [])]
    measure = kinds.of(config.task).measure
    return {
        "made": now.isoformat(timespec="seconds"),
        "version": version,
        "target": model.schema.target,
        "measure": measure,
        "reference": asdict(judged.reference) if judged.reference else None,
        "alerts": [one.values() for one in opened],
        "drifted": list(judged.drift.drifted),
        "suspected": list(judged.drift.suspected),
        "drifted_share": judged.drift.share,
        "together": asdict(judged.drift.together) if judged.drift.together else None,
        "slices": [asdict(one) for one in judged.slices],
        "stream_changes": dict(judged.changes),
        "windows": [described(judged, place, model) for place in range(len(judged.windows))],
        "earlier": [one for one in earlier if one["version"] != version][-EARLIER:],
    }


def described(judged: Judged, place: int, model: Bundle) -> dict[str, Any]:
    window = judged.windows[place]
    described = {
        "version": window.version,
        "prediction": window.ids[0],
        "first": window.first.isoformat(timespec="seconds"),
        "last": window.last.isoformat(timespec="seconds"),
        "rows": len(window.rows),
        "missing": float(window.rows[[column.name for column in model.schema.columns]].isna().to_numpy().mean()),
        "answered": float(window.rows[bundle.SCORE].notna().mean()),
        "columns": [asdict(one) for one in judged.drift.windows[place]],
    }
    if judged.performances:
        one = judged.performances[place]
        described |= {
            "known": one.known,
            "coverage": one.coverage,
            "lag_hours": window.lag_hours,
            "estimate": one.estimate,
            "missed": one.missed,
        }
        described["actual"] = asdict(one.actual) if one.actual else None
    return described


def previous(layout: Layout) -> dict[str, Any]:
    """The last report; empty before the first, and where it is of an older form."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        found = read_json(layout.monitoring / page.REPORT)
        return dict(found)
    return {}


def known_from(before: Mapping[str, Any], version: str) -> dict[tuple[str, int], Performance]:
    """What the last report says of windows of that version, which need not be measured again."""
    return {
        (one["prediction"], one["known"]): Performance(
            one["rows"], one["known"], Measured(**one["actual"]) if one["actual"] else None, one["estimate"]
        )
        for one in before.get("windows", [])
        if one["version"] == version and "known" in one
    }


def told(report: Mapping[str, Any]) -> str:
    """One line about a report."""
    rows = sum(one["rows"] for one in report["windows"])
    if not rows:
        return f"monitor   version {report['version']}: too few predictions in the log for a verdict"
    line = f"monitor   version {report['version']}, {rows:,} predictions in {len(report['windows'])} windows"
    line += f": drifted {drift.shown(report['drifted'])}"
    actual = [one["actual"] for one in report["windows"] if one.get("actual")]
    if actual and report["reference"]:
        line += f"; {report['measure']} {actual[-1]['value']:.4f}, {report['reference']['value']:.4f} when tested"
    return f"{line}; {len(report['alerts'])} alert(s) open"

"""Monitor, decide and, where decided: ingest, pipeline, gate, deploy. Unattended, `make retrain`."""

from __future__ import annotations

from dataclasses import dataclass

from .. import compose, deploy, deployment, dvc, sources
from ..config import Config
from ..layout import Layout
from ..monitoring import drift
from ..monitoring.store import PredictionLog
from ..pipeline import ingest
from . import promote
from .triggers import Decision, State, decide


@dataclass(frozen=True)
class Round:
    """What one round found and did; `deployed` is the version that answers afterwards."""

    report: drift.DriftReport
    decision: Decision
    deployed: str


def run(config: Config, layout: Layout) -> Round:
    """One round. Raises ProjectError when a step fails; the deployed model then goes on."""
    current = deployment.required(layout)
    report = drift.run(config, layout)
    print(report.sentence)
    decision = decide(state_of(config, layout, current.champion.version, report), config.retraining)
    for alert in decision.alerts:
        print(f"alert     {alert}")
    print(f"retrain   {'yes' if decision.retrain else 'no'}: {'; '.join(decision.reasons)}", flush=True)
    deployed = current.champion.version
    if decision.retrain:
        deployed = retrain(config, layout, deployed)
    return Round(report, decision, deployed)


def state_of(config: Config, layout: Layout, version: str, report: drift.DriftReport) -> State:
    return State(
        new_predictions=PredictionLog(config.monitoring.prediction_log, layout).count(version),
        drifted_share=report.drifted_share,
        waiting_periods=tuple(sources.waiting_periods(config.sources, layout)),
    )


def retrain(config: Config, layout: Layout, deployed: str) -> str:
    """One period more of data through pipeline and gate; the version that answers afterwards."""
    ingest.run(config, layout, further=True)
    compose.write(layout)
    dvc.run("repro")
    promotion = promote.run(config, layout)
    print(promotion.sentence)
    if promotion.promoted:
        deployed = deploy.run(config, layout).champion.version
        print(f"deploy    version {deployed} answers now", flush=True)
    return deployed

"""Monitor, decide and, where decided: ingest, pipeline, gate, deploy. Unattended, `make retrain`.

A round that was killed goes on where it was: `unfinished.json` names the period that it had begun to learn from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from .. import compose, deploy, deployment, dvc, governance, sources
from ..config import Config
from ..errors import ProjectError
from ..layout import Layout, read_json, write_json
from ..locks import exclusive
from ..monitoring import alerts, arms, watch
from ..monitoring.findings import Finding
from ..monitoring.store import PredictionLog
from ..monitoring.watch import Watched
from ..pipeline import ingest
from . import continuation, gate, intake, promote, shadow
from .triggers import Decision, State, decide

WORSE = ("performance", "concept_drift")
"""Keys of findings that say that the model is less right than it was."""

RETRAIN = "Retrain"


@dataclass(frozen=True)
class Round:
    """What one round found and did; `deployed` is the version that answers afterwards, `challenger` one beside it.

    `failed` says why retraining did not come to its end, if it did not; that was told, and the champion goes on.
    """

    watched: Watched
    decision: Decision
    deployed: str
    challenger: str | None
    failed: str | None


def run(config: Config, layout: Layout, *, now: datetime | None = None) -> Round:
    """One round. Raises ProjectError when another one is at work, or the log does not answer."""
    now = now or datetime.now(timezone.utc)
    with exclusive("retrain", layout):
        PredictionLog(config.monitoring.prediction_log, layout).wait(watch.PATIENCE_SECONDS)
        judge_challenger(config, layout)
        watched = watch.run(config, layout, now=now)
        print(watched.sentence)
        begun = unfinished(layout)
        if begun:
            decision = Decision(True, (f"the last round was interrupted while it learnt from {begun}",))
        else:
            decision = decide(state_of(config, layout, watched, now), config.retraining)
        print(decision.sentence, flush=True)
        why = "; ".join(decision.reasons)
        governance.decided(layout, RETRAIN if decision.retrain else "No retraining", version=watched.version, why=why)
        failed = None
        if decision.retrain:
            try:
                retrain(config, layout, watched)
            except ProjectError as error:
                do = "Mend that and run make retrain again, it goes on where it was; the champion answers."
                failed = str(error)
                told = Finding("retraining", "critical", f"retraining failed: {error}", do)
                tell(config, layout, watched.version, told, now)
        current = deployment.required(layout)
        challenger = current.challenger.version if current.challenger else None
        return Round(watched, decision, current.champion.version, challenger, failed)


def state_of(config: Config, layout: Layout, watched: Watched, now: datetime) -> State:
    current = deployment.required(layout)
    retrained = [one["when"] for one in governance.decisions(layout) if one["decision"] == RETRAIN]
    return State(
        now=now,
        deployed=current.deployed,
        rows=PredictionLog(config.monitoring.prediction_log, layout).count(watched.version),
        drifted_share=watched.judged.drift.share,
        worse=[one.what for one in watched.judged.findings if one.key in WORSE],
        waiting_periods=sources.waiting_periods(config.sources, layout),
        retrained=datetime.fromisoformat(retrained[-1]) if retrained else None,
    )


def judge_challenger(config: Config, layout: Layout) -> None:
    """A challenger that runs beside the champion takes its place, or goes, if what came back says so: a shadow by the
    measure of the task on the same rows, another one by the outcomes of its users.
    """
    current = deployment.required(layout)
    verdict: gate.Verdict | arms.Verdict | None
    if current.strategy == "shadow":
        verdict = shadow.judge(config, layout)
        told = f"{verdict.outcome}: {verdict.sentence}"
    else:
        verdict = arms.run(config, layout)
        if verdict is None:
            return
        told = arms.told(verdict)
    print(f"rollout   {told}", flush=True)
    if verdict.outcome in promote.BETTER:
        promote.succeeded(layout, verdict)
        print(f"deploy    {deploy.told(deploy.run(config, layout, config.retraining.strategy))}", flush=True)
    elif verdict.outcome in ("Failed", "Rejected"):
        print(f"deploy    {deploy.told(deploy.back(layout, told))}", flush=True)


def retrain(config: Config, layout: Layout, watched: Watched) -> None:
    """One period more of data through pipeline and gate, and its model to where it is to answer.

    Raises ProjectError before anything is learnt from data that does not fit what production has said.
    """
    period = begin(config, layout)
    compose.write(layout)
    dvc.run("repro", "split")
    why = intake.suspicious(config, layout, period, watched) if period else None
    if why:
        governance.decided(layout, "Refused", version=None, why=why)
        raise ProjectError(f"{why}. Remove what was landed last from data/landing/ when its source is mended")
    dvc.run("repro")
    if config.retraining.learning == "champion":
        print(continuation.run(config, layout, use=True), flush=True)
    promotion = promote.run(config, layout)
    print(promotion.sentence, flush=True)
    policy = config.retraining
    deployed = deployment.required(layout).champion.version
    if promotion.outcome == "Promoted" and promotion.version != deployed:
        print(f"deploy    {deploy.told(deploy.run(config, layout, policy.strategy))}", flush=True)
    elif promotion.outcome == "Inconclusive" and policy.challenger:
        print(f"deploy    {deploy.told(deploy.run(config, layout, policy.challenger))}", flush=True)
    elif promotion.outcome in ("Refused", "Rejected"):
        do = "Look at the data that came in last (results/quality.json) and at the model card; the champion answers."
        tell(config, layout, deployed, Finding("gate", "warning", promotion.sentence, do), datetime.now(timezone.utc))
    _mark(layout).unlink(missing_ok=True)


def begin(config: Config, layout: Layout) -> str | None:
    """Land the next period, or nothing where an interrupted round has landed it already; which period it is."""
    waiting, begun = sources.waiting_periods(config.sources, layout), unfinished(layout)
    if not begun and waiting:
        begun = waiting[0]
        write_json(_mark(layout), {"period": begun, "began": datetime.now(timezone.utc).isoformat(timespec="seconds")})
    if begun in waiting:
        ingest.run(config, layout, further=True)
    else:
        dvc.run("add", "--quiet", "data/landing")  # a round that was killed may have landed without it
    return begun


def unfinished(layout: Layout) -> str | None:
    """The period that an interrupted round has begun to learn from."""
    mark = _mark(layout)
    return str(read_json(mark)["period"]) if mark.is_file() else None


def tell(config: Config, layout: Layout, version: str, finding: Finding, now: datetime) -> None:
    """Alert to something that happened, beside what monitoring has found."""
    for line in alerts.send(alerts.opened([finding], [], version, now), config.alerts, layout, now):
        print(f"retrain   {line}", flush=True)


def _mark(layout: Layout) -> Path:
    return layout.governance / "unfinished.json"

"""The exported bundle in, a registered version out: champion if it is better, else challenger; and the way back."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .. import deployment, governance, kinds, registry
from ..config import Config
from ..errors import ProjectError
from ..layout import Layout, read_json
from ..models import bundle
from ..models.bundle import Bundle, Columns
from ..monitoring import arms
from ..pipeline import export, split
from . import gate

BETTER = ("Successful", "Promoted")
"""Outcomes by which a challenger that runs beside the champion takes its place."""


@dataclass(frozen=True)
class Promotion:
    """`promoted` is False when the champion stays, also when it is this very version already.

    `version` is None when the gate did not let the model in, so that nothing was registered: the outcome is Refused.
    """

    version: str | None
    promoted: bool
    sentence: str
    outcome: Literal["Refused"] | gate.Outcome


def run(config: Config, layout: Layout) -> Promotion:
    """Raises ProjectError when there is no whole bundle to judge. Each decision is a line of the audit trail."""
    if not (layout.trained / "run.json").is_file():
        raise ProjectError("There is no trained model to promote: run `make pipeline` first.")
    run_id = read_json(layout.trained / "run.json")["run_id"]
    champion = registry.with_alias(layout, registry.CHAMPION)
    if champion and champion.run_id == run_id:
        return Promotion(
            champion.number, False, f"promote   version {champion.number} is the champion already", "Promoted"
        )
    challenger = bundle.load(layout.bundle)
    parts, kind = split.read_all(config, layout), kinds.of(config.task)
    asked = kind.hold_out(parts, challenger.schema.classes, config.seed)
    rows = export.as_columns(asked.rows)
    failed = [check for check in checked(config, layout, challenger, rows) if not check.passes]
    if failed:
        why = "; ".join(f"{check.name} ({check.told})" for check in failed)
        _note(layout, "Refused", run_id, version=None, why=why)
        return Promotion(None, False, f"promote   the gate refuses the model, nothing is registered: {why}", "Refused")
    verdict = judged(config, layout, challenger, champion, rows, asked.actual)
    version = registry.register(layout, run_id)
    defended = champion.number if champion else None
    _note(
        layout,
        verdict.outcome,
        run_id,
        version=version.number,
        champion=defended,
        why=verdict.sentence,
        **verdict.numbers(),
    )
    registry.tag(layout, version, {"decision": verdict.outcome, "why": verdict.sentence})
    if verdict.outcome != "Promoted":
        registry.set_alias(layout, registry.CHALLENGER, version.number)
        told = f"promote   {verdict.outcome}: version {version.number} stays challenger: {verdict.sentence}"
        return Promotion(version.number, False, told, verdict.outcome)
    registry.promote(layout, version)
    told = f"promote   {verdict.outcome}: version {version.number} is champion: {verdict.sentence}"
    return Promotion(version.number, True, told, verdict.outcome)


def rollback(layout: Layout) -> str:
    """The previous champion in charge again, and the present one the previous; the number of the former.

    Raises ProjectError when there is no previous one.
    """
    champion, previous = (registry.with_alias(layout, alias) for alias in (registry.CHAMPION, registry.PREVIOUS))
    if previous is None:
        raise ProjectError("There is no previous champion to go back to: `make promote` has not replaced one yet.")
    registry.promote(layout, previous)
    replaced = champion.number if champion else None
    governance.decided(layout, "Rolled back", version=previous.number, champion=replaced, why="asked for")
    return previous.number


def succeeded(layout: Layout, verdict: arms.Verdict | gate.Verdict) -> str:
    """The challenger that runs beside the champion takes its place, since the feedback says so; its number.

    Raises ProjectError when the feedback does not.
    """
    current = deployment.required(layout)
    if current.challenger is None or verdict.outcome not in BETTER:
        raise ProjectError(
            f"The rollout is {verdict.outcome}, so that the champion stays: `make status` says what is still needed, "
            "`make rollback` withdraws the challenger."
        )
    version = registry.numbered(layout, current.challenger.version)
    registry.promote(layout, version)
    governance.decided(
        layout,
        "Promoted",
        version=version.number,
        champion=current.champion.version,
        why=f"the feedback on a rollout ({current.strategy})",
        difference=verdict.difference,
        low=verdict.low,
        high=verdict.high,
    )
    return version.number


def checked(config: Config, layout: Layout, challenger: Bundle, rows: Columns) -> list[gate.Check]:
    """The conditions of the gate, by the reports of the last pipeline and the `rows` of the test part."""
    if not _fits(challenger, config, rows):
        raise ProjectError("The bundle does not fit the present splits: run `make pipeline` first.")
    leaks = [leak["column"] for leak in read_json(layout.results / "leakage" / "leakage.json")["leaks"]]
    return gate.checks(
        config.gate,
        kinds.of(config.task),
        read_json(layout.results / "evaluation.json"),
        read_json(layout.results / "parity.json"),
        leaks if config.leakage.action == "stop" else [],
        read_json(layout.results / "behaviour.json"),
        gate.latency(challenger, bundle.columns_of([challenger.schema.example])),
    )


def judged(
    config: Config,
    layout: Layout,
    challenger: Bundle,
    champion: registry.Version | None,
    rows: Columns,
    actual: np.ndarray,
) -> gate.Verdict:
    """The exported bundle against the champion's, on the `rows` of the hold-out and what is `actual` there."""
    kind = kinds.of(config.task)
    if not kind.by_row:
        found = read_json(layout.results / "evaluation.json")[kind.measure]
        return gate.Verdict("Promoted", f"{kind.measure} {found['value']:.4f} on the hold-out, and it is the newest")
    defending = None
    if champion:
        with tempfile.TemporaryDirectory() as folder:
            defender = bundle.load(registry.download_bundle(layout, champion, Path(folder)))
        same_classes = defender.schema.classes == challenger.schema.classes
        if _fits(defender, config, rows) and (config.task.target is None or same_classes):
            defending = defender.outputs(rows)
    return gate.judge(
        config.gate,
        kind,
        actual,
        challenger.outputs(rows),
        defending,
        challenger.schema.classes,
        config.seed,
    )


def _note(layout: Layout, decision: str, run_id: str, **facts: Any) -> None:
    """A line of the audit trail, unless a run that was killed has written it."""
    if not any(one["decision"] == decision and one.get("run_id") == run_id for one in governance.decisions(layout)):
        governance.decided(layout, decision, run_id=run_id, **facts)


def _fits(model: Bundle, config: Config, rows: Columns) -> bool:
    """Whether a model answers the present question from the columns of the present rows."""
    question = kinds.of(config.task).asks_for()
    asked = model.schema.kind == config.task.kind and model.schema.target == question
    return asked and all(column.name in rows for column in model.schema.columns)

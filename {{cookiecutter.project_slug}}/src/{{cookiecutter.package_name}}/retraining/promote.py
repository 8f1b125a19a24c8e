"""The exported bundle in, a registered version out: champion if it passes the gate, else challenger."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .. import kinds, registry
from ..config import Config
from ..errors import ProjectError
from ..layout import Layout
from ..models import bundle
from ..pipeline import export, split
from . import gate


@dataclass(frozen=True)
class Promotion:
    """`promoted` is False when the champion stays, also when it is this very version already."""

    version: str
    promoted: bool
    sentence: str


def run(config: Config, layout: Layout) -> Promotion:
    """Raises ProjectError when there is no whole bundle to judge."""
    if not (layout.trained / "run.json").is_file():
        raise ProjectError("There is no trained model to promote: run `make pipeline` first.")
    run_id = json.loads((layout.trained / "run.json").read_text(encoding="utf-8"))["run_id"]
    champion = registry.with_alias(layout, registry.CHAMPION)
    if champion and champion.run_id == run_id:
        return Promotion(champion.number, False, f"promote   version {champion.number} is the champion already")
    verdict = judge(config, layout, champion)
    version = registry.register(layout, run_id)
    if not verdict.passes:
        registry.set_alias(layout, registry.CHALLENGER, version.number)
        return Promotion(
            version.number, False, f"promote   version {version.number} stays challenger: {verdict.sentence}"
        )
    registry.promote(layout, version)
    return Promotion(version.number, True, f"promote   version {version.number} is champion: {verdict.sentence}")


def judge(config: Config, layout: Layout, champion: registry.Version | None) -> gate.Verdict:
    """The exported bundle against the champion's, on the test part."""
    test = split.read(config, layout, "test")
    rows = export.as_rows(test.drop(columns=config.task.target))
    actual = test[config.task.target].to_numpy()
    kind = config.task.kind
    challenger = gate.hold_out_score(bundle.load(layout.bundle), kind, rows, actual)
    if challenger is None:
        raise ProjectError("The bundle does not fit the present splits: run `make pipeline` first.")
    defender = None
    if champion:
        with tempfile.TemporaryDirectory() as folder:
            defended = bundle.load(registry.download_bundle(layout, champion, Path(folder)))
        defender = gate.hold_out_score(defended, kind, rows, actual)
    return gate.judge(kinds.of(kind).measure, challenger, defender, config.retraining.min_improvement)

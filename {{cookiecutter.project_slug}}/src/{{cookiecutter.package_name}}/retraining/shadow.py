"""What champion and shadow have answered, and what turned out to be true, in; whether the shadow is better out."""

from __future__ import annotations

import numpy as np

from .. import deployment, kinds
from ..config import Config
from ..layout import Layout
from ..models import bundle
from ..monitoring import windows
from ..monitoring.performance import typed
from ..monitoring.store import PredictionLog, first_id, split_id
from . import gate


def judge(config: Config, layout: Layout) -> gate.Verdict:
    """By the measure of the task, on the rows since the deployment that both have answered and whose truth is known.

    As at the gate: a paired bootstrap. Inconclusive without such rows.
    """
    current = deployment.required(layout)
    assert current.challenger
    log = PredictionLog(config.monitoring.prediction_log, layout)
    feedback = {id: one for id, one in log.feedback(first_id(current.deployed)).items() if one.truth is not None}
    requests = {found[0] for id in feedback if (found := split_id(id))}
    rows = [one for one in log.of_requests(requests) if one.prediction_id in feedback]
    arms = {
        str(arm): {one.prediction_id: one for one in rows if one.model_version == model.version}
        for arm, model in current.arms.items()
    }
    both: list[str] = sorted(arms["champion"].keys() & arms["challenger"].keys())
    if not both:
        return gate.Verdict("Inconclusive", "no truth is known yet of what both have answered")
    schema = bundle.load(layout.deploy / current.champion.bundle).schema
    outputs = {arm: windows.of([of[id] for id in both], schema, feedback).outputs for arm, of in arms.items()}
    actual = typed(np.array([feedback[id].truth for id in both], dtype=object), schema.classes)
    return gate.judge(
        config.gate,
        kinds.of(config.task),
        actual,
        outputs["challenger"],
        outputs["champion"],
        schema.classes,
        config.seed,
    )

"""What was landed last in, whether it says of the champion what production has said out, before anything learns of it.

A batch that was spoilt on its way fits no rule of a schema, but the champion is suddenly wrong about it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .. import deployment, kinds
from ..config import Config
from ..kinds.supervised import Supervised
from ..layout import Layout
from ..models import bundle
from ..models.bundle import ACTUAL, SCORE
from ..monitoring import performance
from ..monitoring.performance import Measured
from ..monitoring.watch import Watched
from ..monitoring.windows import Window, reference_of
from ..pipeline import split


def suspicious(config: Config, layout: Layout, period: str, watched: Watched) -> str | None:
    """Why nothing should be learnt from the rows of `period` (YYYY-MM) on; None if nothing speaks against it.

    The champion's measure on them must not be surely, and by `gate.max_fall`, below that on the answers whose truth is
    known. Nothing is said without enough of either, or where the task has no time or target.
    """
    kind, model = kinds.of(config.task), _champion(layout)
    known = [one for one in watched.judged.windows if one.known.any()]
    if not (isinstance(kind, Supervised) and config.task.time and known):
        return None
    lived = _measured(together(known), kind, model.schema.classes, config)
    landed = _measured(newest(config, layout, period, model), kind, model.schema.classes, config)
    if lived is None or landed is None:
        return None
    if not performance.worse(landed, lived.value, lived.error) or lived.value - landed.value <= config.gate.max_fall:
        return None
    return (
        f"the rows landed for {period} and later do not fit what production has said: {kind.measure} of the champion "
        f"is {landed.value:.4f} ({landed.low:.4f} to {landed.high:.4f}) on them, {lived.value:.4f} on its own answers"
    )


def newest(config: Config, layout: Layout, period: str, model: bundle.Bundle) -> Window:
    """The rows of every part from the begin of `period` on, as the champion answers them."""
    parts = []
    time, target = str(config.task.time), str(config.task.target)
    for part in split.PARTS:
        times = pd.to_datetime(split.beside(config, layout, part, (time,)).iloc[:, 0])
        wanted = (times >= pd.Timestamp(f"{period}-01")).to_numpy()
        parts.append(split.read(config, layout, part)[wanted])
    rows = pd.concat(parts, ignore_index=True)
    return reference_of(model, rows.rename(columns={target: ACTUAL}).assign(**{SCORE: 0.0}))


def together(windows: list[Window]) -> Window:
    """Several windows as one."""
    rows = pd.concat([one.rows for one in windows], ignore_index=True)
    outputs = np.concatenate([one.outputs for one in windows])
    return Window([id for one in windows for id in one.ids], windows[0].version, rows, outputs)


def _measured(window: Window, kind: Supervised, classes: tuple[str, ...], config: Config) -> Measured | None:
    if window.known.sum() < config.monitoring.min_rows:
        return None
    return performance.measured(window, kind, classes, config.seed)


def _champion(layout: Layout) -> bundle.Bundle:
    return bundle.load(layout.deploy / deployment.required(layout).champion.bundle)

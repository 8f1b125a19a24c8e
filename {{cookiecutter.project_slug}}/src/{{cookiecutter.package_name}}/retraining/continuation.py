"""Stateful training beside stateless: the champion goes on learning from the rows that are new since it was trained.

Compared on the same hold-out with the champion as it is, with the model that `make pipeline` trained from scratch, and
with a linear model that has learnt from every row once, in the order of time.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from .. import governance, kinds, registry
from ..config import Config
from ..errors import ProjectError
from ..kinds.kind import features
from ..kinds.supervised import Supervised
from ..layout import Layout, write_json
from ..models import automl
from ..models.automl import Model, Search
from ..models.stream import StreamLearner
from ..pipeline import evaluate, export, split, train
from . import gate


@dataclass(frozen=True)
class Contender:
    """A way to train, the rows that it learnt from now, how long it took, and its measure on the hold-out."""

    name: str
    rows: int
    seconds: float | None
    value: float
    low: float
    high: float


def run(config: Config, layout: Layout, *, use: bool) -> str:
    """Writes results/continuation.json. With `use` the continued model is evaluated and exported, ready to promote.

    Raises ProjectError where the task has no time, where nothing is new, and for a champion that cannot go on.
    """
    kind = kinds.of(config.task)
    if not (config.task.time and isinstance(kind, Supervised)):
        raise ProjectError("To go on learning needs task.time, which says what is new, and a target (conf/task/).")
    champion = registry.with_alias(layout, registry.CHAMPION)
    if champion is None:
        raise ProjectError("There is no champion to go on from: run `make promote` first.")
    parts = split.read_all(config, layout)
    with tempfile.TemporaryDirectory() as folder:
        model = _trained(layout, champion, Path(folder))
    rows = _new_rows(config, layout, champion, parts)
    began = time.monotonic()
    continued = automl.continued(model, rows)
    seconds = round(time.monotonic() - began, 2)
    trained = automl.load(layout.trained / "model.joblib")
    together = pd.concat([parts["train"], parts["validation"]], ignore_index=True)
    began = time.monotonic()
    stream = StreamLearner(kind.stream_estimator(model.classes), len(model.classes))
    stream.learn(features(together, config.task), kind.encoded(together[config.task.target], model.classes))
    streamed = round(time.monotonic() - began, 2)
    asked = kind.hold_out(parts, model.classes, config.seed)
    contenders, outputs = [], {}
    for name, one, learnt, took in (
        ("champion", model, 0, None),
        ("continued", continued, len(rows), seconds),
        ("trained", trained, len(together), None),
        ("stream", stream, len(together), streamed),
    ):
        outputs[name] = one.outputs(asked.rows)
        report = evaluate.judged(kind, asked.actual, outputs[name], asked.naive, model.classes, config.seed)
        found = report[kind.measure]
        contenders.append(Contender(name, learnt, took, found["value"], found["low"], found["high"]))
        print(
            f"continue  {name:<9} {kind.measure} {found['value']:.4f} ({found['low']:.4f} to {found['high']:.4f}), "
            f"learnt from {learnt:,} rows now"
        )
    verdict = gate.judge(
        config.gate, kind, asked.actual, outputs["continued"], outputs["trained"], model.classes, config.seed
    )
    told = {"champion": champion.number, "contenders": [asdict(one) for one in contenders], **verdict.numbers()}
    write_json(layout.results / "continuation.json", told)
    if use:
        _put_in_place(config, layout, continued, rows, seconds)
    return (
        f"continue  continued minus trained {verdict.difference:+.4f} ({verdict.low:+.4f} to {verdict.high:+.4f})"
        + ("; it takes the place of the trained model, next: make promote" if use else "")
    )


def _trained(layout: Layout, champion: registry.Version, folder: Path) -> Model:
    found = registry.download(layout, champion.run_id, registry.TRAINED, folder)
    if found is None:
        raise ProjectError(f"Version {champion.number} was logged without its trained model: train and promote again.")
    return automl.load(found / "model.joblib")


def _new_rows(
    config: Config, layout: Layout, champion: registry.Version, parts: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """Training and validation rows that are later than the last one that the champion has learnt from."""
    known = registry.run_of(layout, champion.number).tags.get("trained_until", "")
    time_column = (str(config.task.time),)
    new = [
        parts[part][split.beside(config, layout, part, time_column).iloc[:, 0].astype(str) > known]
        for part in ("train", "validation")
    ]
    rows = pd.concat(new, ignore_index=True)
    if rows.empty:
        raise ProjectError(f"No row is later than {known}, until when version {champion.number} has learnt: land more.")
    return rows


def _put_in_place(config: Config, layout: Layout, model: Model, rows: pd.DataFrame, seconds: float) -> None:
    """As the stages train, evaluate and export leave it; the next `make pipeline` trains from scratch again."""
    leaderboard = pd.DataFrame([{"id": "continued", "name": type(model.estimator).__name__, "rows": len(rows)}])
    run_id = train.keep(config, layout, Search(model, leaderboard, seconds), rows)
    governance.decided(layout, "Continued", version=None, run_id=run_id, why=f"{len(rows):,} new rows")
    evaluate.run(config, layout)
    export.run(config, layout)

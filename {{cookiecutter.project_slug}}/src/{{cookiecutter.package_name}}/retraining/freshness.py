"""All labelled rows in, what fresh data is worth out: how models age, and what retraining more often would have won.

By one quick model throughout (models/quick.py), so that only the rows differ. Writes results/freshness/.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from .. import governance, kinds
from ..config import Config
from ..errors import ProjectError
from ..kinds.supervised import Supervised
from ..layout import Layout, replacing, write_json
from ..models import quick
from ..monitoring import charts
from ..monitoring.charts import Line
from ..monitoring.performance import CONFIDENCE, Measured
from ..pipeline import split
from ..progress import progress
from ..resampling import interval, resamples

AGES = (0, 7, 14, 30, 61, 92)
"""Days between the newest row that a model has learnt from and the rows that it is asked."""

EVERY = {"never": None, "every month": 30, "every week": 7, "every day": 1}
"""Days between two trainings."""

FEWEST = 300


@dataclass(frozen=True)
class Point:
    """A model from rows of that age, or trained that often: what it is worth on the newest rows, with its interval."""

    name: str
    rows: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Rows:
    """All labelled rows in the order of time; the last `newest` days are asked."""

    table: pd.DataFrame
    times: pd.Series
    kind: Supervised
    classes: tuple[str, ...]
    features: list[str]
    seed: int

    def learnt(self, begin: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        inside = (self.times >= begin) & (self.times < end)
        return self.table.loc[inside, [*self.features, str(self.kind.task.target)]]

    def outputs(self, rows: pd.DataFrame, asked: pd.DataFrame) -> np.ndarray | None:
        """Of a model that has learnt from `rows`; None when they are too few, or lack a class."""
        target = rows[str(self.kind.task.target)]
        if len(rows) < FEWEST or (self.classes and target.astype(str).nunique() < len(self.classes)):
            return None
        return quick.learn(rows, self.kind, self.classes, self.seed).outputs(asked[self.features])

    def measured(self, asked: pd.DataFrame, outputs: np.ndarray) -> Measured:
        truth = asked[str(self.kind.task.target)].to_numpy()

        def of(taken: Any = slice(None), weights: np.ndarray | None = None) -> float:
            return self.kind.score(truth[taken], outputs[taken], self.classes, weights)

        low, high = interval([of(taken, weights) for taken, weights in resamples(len(truth), self.seed)], CONFIDENCE)
        return Measured(of(), low, high)


def run(config: Config, layout: Layout) -> str:
    """Raises ProjectError where the task has no time or target, or the rows span too short a time."""
    kind = kinds.of(config.task)
    if not (config.task.time and isinstance(kind, Supervised)):
        raise ProjectError("freshness needs task.time, which says how old a row is, and a target (conf/task/).")
    rows = read(config, layout, kind)
    with governance.recorded("freshness", layout, layout.splits):
        aged, often = ages(rows), schedules(rows)
    won = often[-1].value - often[0].value
    found = {
        "measure": kind.measure,
        "ages": [asdict(one) for one in aged],
        "schedules": [asdict(one) for one in often],
    }
    write_json(layout.results / "freshness" / "freshness.json", found)
    with replacing(layout.results / "freshness" / "freshness.html") as page:
        page.write_text(drawn(aged, often, kind.measure), encoding="utf-8")
    lines = [
        f"freshness {one.name:<14} {kind.measure} {one.value:.4f} ({one.low:.4f} to {one.high:.4f})"
        for one in (*aged, *often)
    ]
    lines.append(f"freshness retraining {often[-1].name} instead of never would have won {won:+.4f}")
    lines.append("freshness results/freshness/freshness.html shows it")
    return "\n".join(lines)


def read(config: Config, layout: Layout, kind: Supervised) -> Rows:
    """Every part together: what is asked is newer than what is learnt from, whatever part it was in."""
    time = str(config.task.time)
    parts = []
    for part in split.PARTS:
        times = split.beside(config, layout, part, (time,)).iloc[:, 0]
        parts.append(split.read(config, layout, part).assign(_time=pd.to_datetime(times).to_numpy()))
    table = pd.concat(parts, ignore_index=True).sort_values("_time", kind="stable", ignore_index=True)
    classes = kind.classes(table[str(config.task.target)])
    return Rows(table.drop(columns="_time"), table["_time"], kind, classes, split.read_features(layout), config.seed)


def ages(rows: Rows) -> list[Point]:
    """Models from as many days of rows, which end earlier and earlier, on the newest tenth of the time."""
    first, last = rows.times.min(), rows.times.max()
    asked_from = last - (last - first) / 10
    asked = rows.table[rows.times >= asked_from]
    span = (asked_from - first) / 2
    found = []
    for days in progress_over("freshness", AGES):
        end = asked_from - pd.Timedelta(days=days)
        learnt = rows.learnt(end - span, end)
        outputs = rows.outputs(learnt, asked) if end - span >= first - pd.Timedelta(days=1) else None
        if outputs is not None:
            found.append(Point(f"{days} days old", len(learnt), **asdict(rows.measured(asked, outputs))))
    if len(found) < 2:
        raise ProjectError("The rows span too short a time to tell how models age: land more, make ingest ARGS=--next.")
    return found


def schedules(rows: Rows) -> list[Point]:
    """Models trained again every so often, from all rows so far, over the newest third of the time."""
    first, last = rows.times.min(), rows.times.max()
    asked_from = last - (last - first) / 3
    asked = rows.table[rows.times >= asked_from]
    times = rows.times[rows.times >= asked_from]
    found = []
    for name, days in EVERY.items():
        step = pd.Timedelta(days=days) if days else last - asked_from + pd.Timedelta(seconds=1)
        outputs: list[np.ndarray] = []
        trained = 0
        for begin in progress_over(f"freshness {name}", list(pd.date_range(asked_from, last, freq=step))):
            part = asked[(times >= begin) & (times < begin + step)]
            if part.empty:
                continue
            learnt = rows.learnt(first, begin)
            told = rows.outputs(learnt, part)
            if told is None:
                raise ProjectError("There are too few rows before the newest third of the time to learn from.")
            outputs.append(told)
            trained = len(learnt)
        found.append(Point(name, trained, **asdict(rows.measured(asked, np.concatenate(outputs)))))
    return found


T = TypeVar("T")


def progress_over(what: str, values: Sequence[T]) -> Iterator[T]:
    with progress(what, len(values), " models") as bar:
        for value in values:
            yield value
            bar.update()


def drawn(aged: list[Point], often: list[Point], measure: str) -> str:
    """A page of two curves."""
    pictures = "".join(
        charts.lines(
            title,
            [Line(measure, [one.value for one in points], [(one.low, one.high) for one in points])],
            [one.name for one in points],
        )
        for title, points in (
            (f"{measure} on the newest rows, by the age of what was learnt from", aged),
            (f"{measure} over the newest third of the time, by how often a model is trained again", often),
        )
    )
    return charts.page("Freshness", pictures)

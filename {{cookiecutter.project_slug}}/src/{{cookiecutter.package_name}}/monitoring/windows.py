"""The prediction log in, windows of as many rows out, oldest first: what drift, quality and performance are judged by.

The windows of a version begin with its first prediction in the log, so that each run sees the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from ..models import answers
from ..models.bundle import ACTUAL, SCORE, TEXTS, Bundle, Schema
from .store import Feedback, Prediction, PredictionLog, answered_at


@dataclass(frozen=True)
class Window:
    """Answered rows: the features and SCORE, and ACTUAL where the truth is known; `outputs` are rows by outputs.

    `lag_hours` is the median of the time from an answer to its truth.
    """

    ids: Sequence[str]
    version: str
    rows: pd.DataFrame
    outputs: np.ndarray
    users: Sequence[str | None] = ()
    whole: bool = True
    lag_hours: float | None = None

    @property
    def first(self) -> datetime:
        return answered_at(self.ids[0])

    @property
    def last(self) -> datetime:
        return answered_at(self.ids[-1])

    @property
    def known(self) -> np.ndarray:
        """Which rows have their truth."""
        return self.rows[ACTUAL].notna().to_numpy()


def read(log: PredictionLog, version: str, schema: Schema, rows: int, most: int, fewest: int) -> list[Window]:
    """The newest `most` windows of `rows` predictions of a version, and the unfinished one if it has `fewest` rows."""
    total = log.count(version)
    predictions = log.newest(version, most * rows + total % rows)
    feedback = log.feedback(predictions[0].prediction_id.split("-")[0][:-1]) if predictions else {}
    starts = range(0, len(predictions), rows)
    cut = [predictions[start : start + rows] for start in starts]
    return [of(part, schema, feedback, whole=len(part) == rows) for part in cut if len(part) >= min(rows, fewest)]


def of(
    predictions: Sequence[Prediction], schema: Schema, feedback: Mapping[str, Feedback], *, whole: bool = True
) -> Window:
    """Predictions, oldest first, with what became known of them."""
    kind = answers.of(schema.kind)
    frame = pd.DataFrame([one.inputs for one in predictions], columns=[column.name for column in schema.columns])
    about = [feedback.get(one.prediction_id) for one in predictions]
    frame = typed(frame, schema).assign(
        **{
            SCORE: [one.score for one in predictions],
            ACTUAL: pd.Series([one.truth if one else None for one in about], dtype=object),
        }
    )
    outputs = np.array([kind.outputs(schema, one.answer) for one in predictions])
    users = [one.user for one in predictions]
    ids = [one.prediction_id for one in predictions]
    lags = [
        (one.received - answered_at(id)).total_seconds() / 3600
        for id, one in zip(ids, about, strict=True)
        if one and one.received
    ]
    lag = float(np.median(lags)) if lags else None
    return Window(ids, predictions[0].model_version, frame, outputs, users, whole, lag)


def reference_of(model: Bundle, rows: pd.DataFrame) -> Window:
    """The rows that the model was tested on, as a window; `rows` as the bundle keeps them."""
    names = [column.name for column in model.schema.columns]
    frame = typed(rows[names], model.schema)
    given: dict[str, Any] = {SCORE: rows[SCORE], ACTUAL: rows.get(ACTUAL)}
    columns = {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in names}
    return Window([], "reference", frame.assign(**given), model.outputs(columns))


def typed(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Numbers as float64 and all else as objects, None where missing."""
    texts = {column.name for column in schema.columns if column.type in TEXTS}
    return pd.DataFrame(
        {
            name: values.astype(object).where(values.notna(), None) if name in texts else values.astype(float)
            for name, values in frame.items()
        }
    )

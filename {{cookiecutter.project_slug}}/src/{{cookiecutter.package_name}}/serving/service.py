"""Rows in, answers out, every answer in the prediction log. Knows the model, not HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..models.bundle import Bundle, Schema
from ..monitoring.store import Prediction, PredictionLog


@dataclass(frozen=True)
class Answer:
    """`probability` belongs to `label`; `warnings` name inputs that the model has not seen in training."""

    prediction_id: str
    label: str
    probability: float
    probabilities: dict[str, float]
    warnings: list[str]


class Service:
    """One loaded model with the log that it writes to."""

    def __init__(self, bundle: Bundle, version: str, log: PredictionLog) -> None:
        self.version = version
        self._bundle = bundle
        self._log = log

    @property
    def schema(self) -> Schema:
        return self._bundle.schema

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """One answer a row, in the order of `rows`. They are in the prediction log when this returns."""
        probabilities = self._bundle.probabilities(rows)
        answers = [self._answer(row, values) for row, values in zip(rows, probabilities.tolist(), strict=True)]
        self._log.append(
            [
                Prediction(
                    prediction_id=answer.prediction_id,
                    model_version=self.version,
                    inputs=dict(row),
                    label=answer.label,
                    probability=answer.probabilities[self.schema.positive],
                )
                for row, answer in zip(rows, answers, strict=True)
            ]
        )
        return answers

    def _answer(self, row: Mapping[str, Any], probabilities: list[float]) -> Answer:
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        return Answer(
            prediction_id=uuid.uuid4().hex,
            label=self.schema.classes[best],
            probability=probabilities[best],
            probabilities=dict(zip(self.schema.classes, probabilities, strict=True)),
            warnings=[f"{name}: {row[name]!r} did not occur in training" for name in self._bundle.unseen(row)],
        )

"""Rows in, answers out, every answer in the prediction log. Knows the model, not HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ..models import answers
from ..models.answers import Answers
from ..models.bundle import Bundle, Schema
from ..monitoring.store import Prediction, PredictionLog


class Service:
    """One loaded model with the log that it writes to."""

    def __init__(self, bundle: Bundle, version: str, log: PredictionLog) -> None:
        self.version = version
        self._bundle = bundle
        self._log = log

    @property
    def schema(self) -> Schema:
        return self._bundle.schema

    @property
    def answers(self) -> Answers:
        """What an answer of this kind of model holds."""
        return answers.of(self.schema.kind)

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """One answer a row, in the order of `rows`. They are in the prediction log when this returns.

        Each has `prediction_id`, the fields of `answers`, and `warnings`, which name what the model has not seen in
        training.
        """
        outputs = self._bundle.outputs(rows).tolist()
        predictions = [
            Prediction(
                prediction_id=uuid.uuid4().hex,
                model_version=self.version,
                inputs=dict(row),
                answer=self.answers.answer(self.schema, given),
                score=self.answers.score(given),
            )
            for row, given in zip(rows, outputs, strict=True)
        ]
        self._log.append(predictions)
        return [
            {"prediction_id": made.prediction_id, **made.answer, "warnings": self._warnings(made.inputs)}
            for made in predictions
        ]

    def _warnings(self, row: Mapping[str, Any]) -> list[str]:
        return [f"{name}: {row[name]!r} did not occur in training" for name in self._bundle.unseen(row)]

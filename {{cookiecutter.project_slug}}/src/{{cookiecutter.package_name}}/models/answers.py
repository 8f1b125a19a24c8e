"""What a model's outputs for one row mean to those who ask, and which number of them is watched."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from .bundle import Schema


class Answers(ABC):
    """`outputs` are what the model gives for one row."""

    fields: ClassVar[dict[str, Any]]
    """Name to type of what an answer holds."""

    @abstractmethod
    def answer(self, schema: Schema, outputs: Sequence[float]) -> dict[str, Any]:
        """The fields of one answer."""

    @abstractmethod
    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        """The outputs that an answer was made of."""

    @abstractmethod
    def estimated(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        """The outputs of a fitted estimator for prepared rows."""

    @abstractmethod
    def score(self, outputs: Sequence[float]) -> float:
        """The number that is logged and watched for drift."""


class Classes(Answers):
    """`probability` is the one of `label`, the most probable class or, where there are costs, the cheapest answer."""

    fields: ClassVar[dict[str, Any]] = {"label": str, "probability": float, "probabilities": dict[str, float]}

    def answer(self, schema: Schema, outputs: Sequence[float]) -> dict[str, Any]:
        worth = [-sum(map(operator.mul, outputs, costs)) for costs in zip(*schema.costs, strict=True)] or outputs
        best = max(range(len(outputs)), key=worth.__getitem__)
        return {
            "label": schema.classes[best],
            "probability": outputs[best],
            "probabilities": dict(zip(schema.classes, outputs, strict=True)),
        }

    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        return [answer["probabilities"][label] for label in schema.classes]

    def estimated(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        return np.asarray(estimator.predict_proba(rows), dtype=np.float64)

    def score(self, outputs: Sequence[float]) -> float:
        return outputs[-1]


class Number(Answers):
    """`value` is in the unit of the target."""

    fields: ClassVar[dict[str, Any]] = {"value": float}

    def answer(self, schema: Schema, outputs: Sequence[float]) -> dict[str, Any]:
        return {"value": outputs[0]}

    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        return [answer["value"]]

    def estimated(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        return np.asarray(estimator.predict(rows), dtype=np.float64).reshape(-1, 1)

    def score(self, outputs: Sequence[float]) -> float:
        return outputs[0]


class Cluster(Answers):
    """`cluster` counts from 0."""

    fields: ClassVar[dict[str, Any]] = {"cluster": int}

    def answer(self, schema: Schema, outputs: Sequence[float]) -> dict[str, Any]:
        return {"cluster": max(range(len(outputs)), key=outputs.__getitem__)}

    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        return [float(number == answer["cluster"]) for number in range(len(schema.classes))]

    def estimated(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        members = np.eye(int(np.max(estimator.labels_)) + 1)
        return np.asarray(members[np.asarray(estimator.predict(rows), dtype=int)])

    def score(self, outputs: Sequence[float]) -> float:
        return float(max(range(len(outputs)), key=outputs.__getitem__))


class Unusual(Answers):
    """`score` says how far a row is beyond the threshold; it is `unusual` above 0."""

    fields: ClassVar[dict[str, Any]] = {"unusual": bool, "score": float}

    def answer(self, schema: Schema, outputs: Sequence[float]) -> dict[str, Any]:
        return {"unusual": outputs[0] > 0, "score": outputs[0]}

    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        return [answer["score"]]

    def estimated(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        scores = estimator.decision_function(rows) - estimator.threshold_
        return np.asarray(scores, dtype=np.float64).reshape(-1, 1)

    def score(self, outputs: Sequence[float]) -> float:
        return outputs[0]


class Forecast(Answers):
    """`value` is in the unit of the target; nine times in ten the true one is to lie between `low` and `high`."""

    fields: ClassVar[dict[str, Any]] = {"value": float, "low": float, "high": float}

    def answer(self, schema: Schema, outputs: Sequence[float]) -> dict[str, Any]:
        return dict(zip(self.fields, outputs, strict=True))

    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        return [answer[name] for name in self.fields]

    def estimated(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        raise NotImplementedError("every forecaster has a portable form")

    def score(self, outputs: Sequence[float]) -> float:
        return outputs[0]


ANSWERS: dict[str, Answers] = {
    "classification": Classes(),
    "regression": Number(),
    "clustering": Cluster(),
    "anomaly": Unusual(),
    "forecasting": Forecast(),
}


def of(kind: str) -> Answers:
    return ANSWERS[kind]

"""What a model's outputs mean to those who ask, and which number of them is watched."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

import numpy as np
from pydantic import Field

if TYPE_CHECKING:
    from .bundle import Schema

Answered: TypeAlias = "np.ndarray | dict[str, np.ndarray]"


class Answers(ABC):
    """`outputs` are what the model gives: rows by classes, or by numbers."""

    fields: ClassVar[dict[str, Any]]
    """Name to type of what an answer holds."""

    confidence: ClassVar[str | None] = None
    """The field that says how sure an answer is (0 to 1), if there is one."""

    @abstractmethod
    def arrays(self, schema: Schema, outputs: np.ndarray) -> dict[str, Answered]:
        """The answers: for each of `fields` an array with one value a row, or one array for each of its keys."""

    def columns(self, schema: Schema, outputs: np.ndarray) -> dict[str, list[Any]]:
        """The answers: for each of `fields`, one value a row."""
        return {name: _values(found) for name, found in self.arrays(schema, outputs).items()}

    @abstractmethod
    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        """The outputs that one answer was made of."""

    @abstractmethod
    def estimated(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        """The outputs of a fitted estimator for prepared rows."""

    @abstractmethod
    def truth(self, schema: Schema) -> Any:
        """The type of what turns out to be true."""

    @abstractmethod
    def merit(self, answer: Mapping[str, Any], truth: Any, wrong: bool | None) -> float | None:
        """How right an answer was, the more the better; None when what is known does not say."""

    def watched(self, schema: Schema) -> str | None:
        """What `scores` are, in words; None where more or less of them means nothing."""
        return schema.target

    def gain(self, schema: Schema, truth: Any) -> float:
        """How much good is in a row, whose rows of highest score are to come first."""
        return float(truth)

    def scores(self, outputs: np.ndarray) -> np.ndarray:
        """One number a row, which is logged and watched for drift."""
        return np.asarray(outputs[:, 0])


def _values(found: Answered) -> list[Any]:
    if isinstance(found, np.ndarray):
        return list(found.tolist())
    rows = zip(*(values.tolist() for values in found.values()), strict=True)
    return [dict(zip(found, row, strict=True)) for row in rows]


def _right(told: Any, truth: Any, wrong: bool | None) -> float | None:
    if truth is not None:
        return float(told == truth)
    return None if wrong is None else float(not wrong)


Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Classes(Answers):
    """`probability` is the one of `label`, the most probable class or, where there are costs, the cheapest answer."""

    fields: ClassVar[dict[str, Any]] = {"label": str, "probability": float, "probabilities": dict[str, float]}
    confidence: ClassVar[str | None] = "probability"

    def arrays(self, schema: Schema, outputs: np.ndarray) -> dict[str, Answered]:
        worth = -outputs @ np.array(schema.costs) if schema.costs else outputs
        best = worth.argmax(axis=1)
        return {
            "label": np.array(schema.classes, dtype=object)[best],
            "probability": outputs[np.arange(len(outputs)), best],
            "probabilities": dict(zip(schema.classes, outputs.T, strict=True)),
        }

    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        return [answer["probabilities"][label] for label in schema.classes]

    def truth(self, schema: Schema) -> Any:
        return Literal[schema.classes]

    def merit(self, answer: Mapping[str, Any], truth: Any, wrong: bool | None) -> float | None:
        return _right(answer["label"], truth, wrong)

    def watched(self, schema: Schema) -> str | None:
        return f"probability of {schema.classes[-1]}"

    def gain(self, schema: Schema, truth: Any) -> float:
        return float(truth == schema.classes[-1])

    def estimated(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        return np.asarray(estimator.predict_proba(rows), dtype=np.float64)

    def scores(self, outputs: np.ndarray) -> np.ndarray:
        return np.asarray(outputs[:, -1])


class Number(Answers):
    """`value` is in the unit of the target."""

    fields: ClassVar[dict[str, Any]] = {"value": float}

    def arrays(self, schema: Schema, outputs: np.ndarray) -> dict[str, Answered]:
        return {"value": outputs[:, 0]}

    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        return [answer["value"]]

    def truth(self, schema: Schema) -> Any:
        return Finite

    def merit(self, answer: Mapping[str, Any], truth: Any, wrong: bool | None) -> float | None:
        return None if truth is None else -abs(answer["value"] - truth)

    def estimated(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        return np.asarray(estimator.predict(rows), dtype=np.float64).reshape(-1, 1)


class Cluster(Answers):
    """`cluster` counts from 0."""

    fields: ClassVar[dict[str, Any]] = {"cluster": int}

    def arrays(self, schema: Schema, outputs: np.ndarray) -> dict[str, Answered]:
        return {"cluster": outputs.argmax(axis=1)}

    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        return [float(number == answer["cluster"]) for number in range(len(schema.classes))]

    def truth(self, schema: Schema) -> Any:
        return Annotated[int, Field(strict=True, ge=0, lt=len(schema.classes))]

    def merit(self, answer: Mapping[str, Any], truth: Any, wrong: bool | None) -> float | None:
        return _right(answer["cluster"], truth, wrong)

    def watched(self, schema: Schema) -> str | None:
        return None

    def estimated(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        members = np.eye(int(np.max(estimator.labels_)) + 1)
        return np.asarray(members[np.asarray(estimator.predict(rows), dtype=int)])

    def scores(self, outputs: np.ndarray) -> np.ndarray:
        return np.asarray(outputs.argmax(axis=1), dtype=np.float64)


class Unusual(Answers):
    """`score` says how far a row is beyond the threshold; it is `unusual` above 0."""

    fields: ClassVar[dict[str, Any]] = {"unusual": bool, "score": float}

    def arrays(self, schema: Schema, outputs: np.ndarray) -> dict[str, Answered]:
        return {"unusual": outputs[:, 0] > 0, "score": outputs[:, 0]}

    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        return [answer["score"]]

    def truth(self, schema: Schema) -> Any:
        return Annotated[bool, Field(strict=True)]

    def merit(self, answer: Mapping[str, Any], truth: Any, wrong: bool | None) -> float | None:
        return _right(answer["unusual"], truth, wrong)

    def watched(self, schema: Schema) -> str | None:
        return "score"

    def estimated(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        scores = estimator.decision_function(rows) - estimator.threshold_
        return np.asarray(scores, dtype=np.float64).reshape(-1, 1)


class Forecast(Answers):
    """`value` is in the unit of the target; nine times in ten the true one is to lie between `low` and `high`."""

    fields: ClassVar[dict[str, Any]] = {"value": float, "low": float, "high": float}

    def arrays(self, schema: Schema, outputs: np.ndarray) -> dict[str, Answered]:
        return dict(zip(self.fields, outputs.T, strict=True))

    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        return [answer[name] for name in self.fields]

    def truth(self, schema: Schema) -> Any:
        return Finite

    def merit(self, answer: Mapping[str, Any], truth: Any, wrong: bool | None) -> float | None:
        return None if truth is None else -abs(answer["value"] - truth)

    def estimated(self, estimator: Any, rows: np.ndarray) -> np.ndarray:
        raise NotImplementedError("every forecaster has a portable form")


ANSWERS: dict[str, Answers] = {
    "classification": Classes(),
    "regression": Number(),
    "clustering": Cluster(),
    "anomaly": Unusual(),
    "forecasting": Forecast(),
}


def of(kind: str) -> Answers:
    return ANSWERS[kind]

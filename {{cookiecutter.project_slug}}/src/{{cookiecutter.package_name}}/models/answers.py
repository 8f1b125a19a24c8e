"""What a model's outputs for one row mean to those who ask, and which number of them is watched."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

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
    def score(self, outputs: Sequence[float]) -> float:
        """The number that is logged and watched for drift."""


class Classes(Answers):
    """`probability` is the one of `label`; the one of the positive class is watched."""

    fields: ClassVar[dict[str, Any]] = {"label": str, "probability": float, "probabilities": dict[str, float]}

    def answer(self, schema: Schema, outputs: Sequence[float]) -> dict[str, Any]:
        best = max(range(len(outputs)), key=outputs.__getitem__)
        return {
            "label": schema.classes[best],
            "probability": outputs[best],
            "probabilities": dict(zip(schema.classes, outputs, strict=True)),
        }

    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        return [answer["probabilities"][label] for label in schema.classes]

    def score(self, outputs: Sequence[float]) -> float:
        return outputs[-1]


class Number(Answers):
    """`value` is in the unit of the target."""

    fields: ClassVar[dict[str, Any]] = {"value": float}

    def answer(self, schema: Schema, outputs: Sequence[float]) -> dict[str, Any]:
        return {"value": outputs[0]}

    def outputs(self, schema: Schema, answer: Mapping[str, Any]) -> list[float]:
        return [answer["value"]]

    def score(self, outputs: Sequence[float]) -> float:
        return outputs[0]


ANSWERS: dict[str, Answers] = {"classification": Classes(), "regression": Number()}


def of(kind: str) -> Answers:
    return ANSWERS[kind]

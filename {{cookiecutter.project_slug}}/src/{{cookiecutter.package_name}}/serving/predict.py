"""POST /v1/predict and /v1/explain: rows in JSON or CSV, checked against the schema of the deployed model."""

from __future__ import annotations

from typing import Any, Literal

from flask import Blueprint, g, request
from pydantic import BaseModel, Field, create_model

from ..config import Serving
from .errors import FieldError, RefusedError
from .openapi import CSV, JSON, Operation, documented
from .rows import Asked, Parser, as_csv, content_type
from .service import Reason, Service

TAG = "prediction"


def blueprint(service: Service, parser: Parser, serving: Serving) -> Blueprint:
    api = Blueprint("predict", __name__, url_prefix="/v1")
    example = dict(service.schema.example)

    @api.post("/predict")
    @documented(
        Operation(
            "Predict one or many rows",
            TAG,
            takes={JSON: parser.request, CSV: {"type": "string", "minLength": 1}},
            gives={JSON: response_of(service, serving)},
            problems=(400, 413, 415, 422, 501),
            query={"strict": (bool, "false: answer the rows that are right, and say what is wrong with the others")},
            examples={CSV: as_csv([example])},
        )
    )
    def predict() -> dict[str, Any]:
        strict = is_strict()
        body = request.get_data(cache=False)
        asked = parser.csv(body, strict=strict) if content_type(JSON, CSV) == CSV else parser.json(body, strict=strict)
        return answered(service, asked, g.request_id)

    @api.post("/explain")
    @documented(
        Operation(
            "What each value of a row adds to its answer",
            TAG,
            takes={JSON: parser.request},
            gives={
                JSON: create_model(
                    "Explanations", of=(str, ...), base=(float, ...), explanations=(list[list[Reason]], ...)
                )
            },
            problems=(400, 413, 415, 422, 501),
        )
    )
    def explain() -> dict[str, Any]:
        content_type(JSON)
        asked = parser.json(request.get_data(cache=False))
        service.check_explained(asked.count)
        explained = service.explain(asked.columns, asked.reasons or None)
        return {"of": explained.of, "base": explained.base, "explanations": explained.reasons}

    return api


def answered(service: Service, asked: Asked, id: str) -> dict[str, Any]:
    """The rows of a request answered and logged, as a response."""
    if asked.reasons:
        service.check_explained(asked.count)
    answer = service.predict(asked.columns, asked.user, id)
    fields: dict[str, Any] = {"prediction_id": answer.prediction_ids, **answer.fields, "warnings": answer.warnings}
    if asked.reasons:
        fields["reasons"] = service.reasons(asked.columns, asked.reasons, answer)
    names = tuple(fields)
    predictions: list[dict[str, Any] | None] = [None] * asked.count
    for place, values in zip(asked.places, zip(*fields.values(), strict=True), strict=True):
        predictions[place] = dict(zip(names, values, strict=True))
    told = {
        "request_id": answer.id,
        "model_version": answer.model_version,
        "arm": answer.arm,
        "predictions": predictions,
    }
    return told | {"errors": asked.errors} if asked.errors else told


def response_of(service: Service, serving: Serving) -> type[BaseModel]:
    """The pydantic model of an answer: what the kind of model answers, for each row of the request."""
    fields: dict[str, Any] = {name: (kind, ...) for name, kind in service.answers.fields.items()}
    if serving.min_confidence:
        fields["confident"] = (bool, Field(description=f"At least {serving.min_confidence:g} sure"))
        fields["fallback"] = (Any, Field(description="What is to be done where it is not"))
    if service.deployment.strategy == "interleaved":
        fields["rank"] = (int, Field(description="The place of the row in the order of both models, from 1 on"))
        fields["arm"] = (Literal["champion", "challenger"], Field(description="The model that brought the row there"))
    prediction = create_model(
        "Prediction",
        __doc__=f"{service.answers.__doc__} `warnings` name inputs that did not occur in training.",
        prediction_id=(str, ...),
        **fields,
        warnings=(list[str], ...),
        reasons=(list[Reason], Field(default=[], description="The ones that add or take most, if asked for")),
    )
    answer: dict[str, Any] = {
        "request_id": (str, ...),
        "model_version": (str, ...),
        "arm": (Literal["champion", "challenger", "interleaved"], ...),
        "predictions": (list[prediction | None], Field(description="null for a row that is wrong")),  # type: ignore[valid-type]
        "errors": (list[FieldError], []),
    }
    return create_model("Predictions", **answer)


def is_strict() -> bool:
    """Whether one wrong row refuses them all. Raises RefusedError when the query says neither."""
    given = request.args.get("strict", "true") if request.query_string else "true"
    if given not in ("true", "false"):
        raise RefusedError(
            422, errors=[FieldError(field="strict", message=f"Input should be true or false, got {given!r}.")]
        )
    return given == "true"

"""POST /v1/predict, validated against the schema of the deployed model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask_openapi3 import APIBlueprint, Tag
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, create_model

from ..models.answers import Answers
from ..models.bundle import TEXTS, Column, Schema
from . import errors
from .service import Service


def blueprint(service: Service, max_rows: int) -> APIBlueprint:
    api = APIBlueprint(
        "predict",
        __name__,
        url_prefix="/v1",
        abp_tags=[Tag(name="prediction")],
        abp_responses={422: errors.Problem},
    )
    request_model = request_of(service.schema, max_rows)

    def predict(body: Any) -> dict[str, Any]:
        answers = service.predict([row.__dict__ for row in body.rows])
        return {"model_version": service.version, "predictions": answers}

    predict.__annotations__["body"] = request_model
    api.post(
        "/predict",
        summary="Predict one or many rows",
        responses={200: response_of(service.answers), 400: errors.Problem, 413: errors.Problem},
    )(predict)
    return api


def response_of(answers: Answers) -> type[BaseModel]:
    """The pydantic model of an answer: what the kind of model answers, for each row of the request."""
    fields: dict[str, Any] = {name: (kind, ...) for name, kind in answers.fields.items()}
    prediction = create_model(
        "Prediction",
        __doc__=f"{answers.__doc__} `warnings` name inputs that did not occur in training.",
        prediction_id=(str, ...),
        **fields,
        warnings=(list[str], ...),
    )
    return create_model("Predictions", model_version=(str, ...), predictions=(list[prediction], ...))  # type: ignore[valid-type]


def request_of(schema: Schema, max_rows: int) -> type[BaseModel]:
    """The pydantic model of a request: every column must be named, null stands for a missing value."""
    fields: dict[str, Any] = {
        column.name: (_type_of(column), Field(description=_describe(column))) for column in schema.columns
    }
    row = create_model("Row", __config__=ConfigDict(extra="forbid"), **fields)
    example: Any = {"rows": [dict(schema.example)]}
    return create_model(
        "PredictRequest",
        __config__=ConfigDict(extra="forbid", json_schema_extra={"example": example}),
        rows=(Annotated[list[row], Field(min_length=1, max_length=max_rows)], ...),  # type: ignore[valid-type]
    )


def _type_of(column: Column) -> Any:
    if column.type == "choice":
        return Literal[column.categories]
    number = BeforeValidator(_not_text)
    types: dict[str, Any] = {
        "number": Annotated[FiniteFloat, number],
        "integer": Annotated[int, number, AfterValidator(_exact)],
        "boolean": bool,
        "category": str,
    }
    return types[column.type] | None


def _not_text(value: Any) -> Any:
    """Pydantic would turn "3" and true into numbers; a client that sends them has mixed up its columns."""
    if isinstance(value, str | bool):
        raise ValueError("Input should be a number")
    return value


def _exact(value: int) -> int:
    """Doubles hold whole numbers up to 2**53 only."""
    if abs(value) > 2**53:
        raise ValueError("Input should be between -2**53 and 2**53")
    return value


def _describe(column: Column) -> str:
    if column.type in TEXTS:
        shown = ", ".join(column.categories[:10])
        return f"One of {shown}" + (", …" if len(column.categories) > 10 else "")
    return f"In training {column.minimum:g} to {column.maximum:g}"

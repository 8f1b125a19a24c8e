"""POST /invocations: the protocol of MLflow's scoring server, so that its clients need no change."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, request
from pydantic import BaseModel, ConfigDict, Field, create_model

from .errors import RefusedError
from .openapi import CSV, JSON, Operation, documented, given
from .predict import answered
from .rows import Asked, Parser, as_csv, content_type, parsed, whole
from .service import Service

FORMS = ("dataframe_split", "dataframe_records", "inputs", "instances")


class Split(BaseModel):
    """A table as pandas splits it."""

    columns: list[str] = Field(min_length=1)
    data: list[list[Any]] = Field(min_length=1)


def blueprint(service: Service, parser: Parser) -> Blueprint:
    api = Blueprint("mlflow", __name__)
    example = dict(service.schema.example)
    fields: dict[str, Any] = {
        "dataframe_split": (Split | None, None),
        "dataframe_records": (parser.rows_type | None, None),
        "inputs": (parser.table_type | parser.rows_type | None, None),
        "instances": (parser.rows_type | None, None),
    }
    takes = create_model(
        "Invocation",
        __doc__="One of the four; columns that the model has not are passed over.",
        __config__=ConfigDict(json_schema_extra=given("oneOf", *FORMS)),
        **fields,
    )

    @api.post("/invocations")
    @documented(
        Operation(
            "Predict, in the way of MLflow's scoring server",
            "MLflow",
            takes={JSON: takes, CSV: {"type": "string", "minLength": 1}},
            gives={JSON: create_model("Invoked", predictions=(list[dict[str, Any]], ...))},
            problems=(400, 413, 415, 422),
            examples={JSON: {"dataframe_records": [example]}, CSV: as_csv([example])},
        )
    )
    def invocations() -> dict[str, Any]:
        body = request.get_data(cache=False)
        asked = parser.csv(body) if content_type(JSON, CSV) == CSV else of_json(body)
        return {"predictions": answered(service, asked, g.request_id)["predictions"]}

    def of_json(body: bytes) -> Asked:
        asked = parsed(takes, body)
        forms = [value for form in FORMS if (value := getattr(asked, form)) is not None]
        if len(forms) != 1:
            raise RefusedError(422, f"The body must hold one of {', '.join(FORMS)}.")
        (form,) = forms
        if isinstance(form, Split):
            return parser.columns(_columns(form))
        return parser.table(form) if isinstance(form, dict) else whole(form)

    @api.get("/ping")
    @documented(
        Operation("Health, in the way of MLflow's scoring server", "MLflow", gives={"text/plain": {"type": "string"}})
    )
    def ping() -> Response:
        return Response("\n", mimetype="text/plain")

    return api


def _columns(split: Split) -> dict[str, list[Any]]:
    try:
        return {name: list(values) for name, values in zip(split.columns, zip(*split.data, strict=True), strict=True)}
    except ValueError as error:
        raise RefusedError(422, "dataframe_split needs in each row of data one value a column.") from error

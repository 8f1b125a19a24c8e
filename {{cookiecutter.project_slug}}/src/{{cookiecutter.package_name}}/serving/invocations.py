"""POST /invocations: the protocol of MLflow's scoring server, so that its clients need no change."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request
from pydantic_core import from_json

from ..models.bundle import Columns
from .errors import RefusedError, not_json
from .openapi import CSV, JSON, Operation, documented
from .predict import answered
from .rows import Parser, as_csv, content_type
from .service import Service

FORMS = ("dataframe_split", "dataframe_records", "inputs", "instances")


def blueprint(service: Service, parser: Parser) -> Blueprint:
    api = Blueprint("mlflow", __name__)
    example = dict(service.schema.example)
    takes = {
        "type": "object",
        "properties": {
            "dataframe_split": {
                "type": "object",
                "properties": {
                    "columns": {"type": "array", "items": {"type": "string"}},
                    "data": {"type": "array", "items": {"type": "array"}},
                },
                "required": ["columns", "data"],
            },
            "dataframe_records": {"type": "array", "items": {"type": "object"}},
            "inputs": {"type": ["array", "object"]},
            "instances": {"type": "array", "items": {"type": "object"}},
        },
        "minProperties": 1,
    }

    @api.post("/invocations")
    @documented(
        Operation(
            "Predict, in the way of MLflow's scoring server",
            "MLflow",
            takes={JSON: takes, CSV: {"type": "string"}},
            gives={
                JSON: {
                    "type": "object",
                    "properties": {"predictions": {"type": "array", "items": {"type": "object"}}},
                    "required": ["predictions"],
                }
            },
            problems=(400, 413, 415, 422),
            examples={JSON: {"dataframe_records": [example]}, CSV: as_csv([example])},
        )
    )
    def invocations() -> dict[str, Any]:
        body = request.get_data(cache=False)
        if content_type(JSON, CSV) == CSV:
            asked = parser.csv(body)
        else:
            given = _json(body)
            rows = _columns(given)
            asked = parser.table(rows) if isinstance(rows, dict) else parser.rows(rows)
        return {"predictions": answered(service, asked)["predictions"]}

    @api.get("/ping")
    @documented(Operation("Health, in the way of MLflow's scoring server", "MLflow"))
    def ping() -> Response:
        return Response("\n", mimetype="text/plain")

    return api


def _json(body: bytes) -> dict[str, Any]:
    try:
        given = from_json(body)
    except ValueError as error:
        raise not_json(str(error)) from error
    named = [form for form in FORMS if isinstance(given, dict) and form in given]
    if len(named) != 1:
        raise RefusedError(422, f"The body must hold one of {', '.join(FORMS)}, as MLflow's /invocations has it.")
    return given  # type: ignore[no-any-return]


def _columns(given: dict[str, Any]) -> Columns | list[dict[str, Any]]:
    """A list of rows, or the values of each column, which is the faster form."""
    if "dataframe_split" in given:
        split = given["dataframe_split"]
        try:
            columns, data = split["columns"], split["data"]
            return {name: list(values) for name, values in zip(columns, zip(*data, strict=True), strict=True)}
        except (KeyError, TypeError, ValueError) as error:
            raise RefusedError(
                422, "dataframe_split needs columns, and data with one value a column in each row."
            ) from error
    return next(given[form] for form in FORMS if form in given)  # type: ignore[no-any-return]

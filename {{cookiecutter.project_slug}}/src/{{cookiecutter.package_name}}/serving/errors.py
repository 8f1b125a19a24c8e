"""Every error as application/problem+json (RFC 9457), with the field that is wrong."""

from __future__ import annotations

import difflib
import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)


class FieldError(BaseModel):
    field: str = Field(description="Path of the value, for example rows.0.distance")
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


def problem(status: int, detail: str, errors: list[FieldError] | None = None) -> Response:
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or [])
    return Response(body.model_dump_json(), status, mimetype="application/problem+json")


def register(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def invalid_request(error: ValidationError) -> Response:
    """What pydantic found, each with its path; a body that is no JSON is said as such."""
    if request.get_json(silent=True) is None:
        return problem(400, 'The body is not JSON. Send {"rows": [{...}]} with Content-Type: application/json.')
    errors = [
        FieldError(field=".".join(map(str, found["loc"])), message=_message(found, error)) for found in error.errors()
    ]
    return problem(422, f"{len(errors)} value(s) of the request are wrong.", errors)


def no_model() -> Response:
    return problem(503, "No model is deployed. Run `make deploy`; this API takes it up by itself.")


def _message(found: Any, error: ValidationError) -> str:
    match found["type"]:
        case "missing":
            return "This field is missing; send null if the value is not known."
        case "extra_forbidden":
            known = [str(other["loc"][-1]) for other in error.errors() if other["type"] == "missing"]
            close = difflib.get_close_matches(str(found["loc"][-1]), known, n=1)
            return "The model has no such field." + (f" Did you mean {close[0]}?" if close else "")
    return f"{found['msg']}, got {str(found['input'])[:80]!r}."


def _http_error(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    return problem(error.code or 500, error.description or "")


def _unexpected(error: Exception) -> Response:
    log.exception("request failed", exc_info=error)
    return problem(500, "The request failed inside the API; its log has the reason.")

"""Every error as application/problem+json (RFC 9457), with the field that is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

from . import logs


class FieldError(BaseModel):
    field: str = Field(description="Path of the value, for example rows.0.distance")
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


class RefusedError(Exception):
    """A request that is not answered, and why."""

    def __init__(self, status: int, detail: str | None = None, errors: Sequence[FieldError] = ()) -> None:
        self.status = status
        self.detail = detail or f"{len(errors)} value(s) of the request are wrong."
        self.errors = list(errors)
        super().__init__(self.detail)


def problem(status: int, detail: str, errors: Sequence[FieldError] = ()) -> Response:
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(errors))
    return Response(body.model_dump_json(), status, mimetype="application/problem+json")


def register(app: Flask) -> None:
    app.register_error_handler(RefusedError, lambda error: problem(error.status, error.detail, error.errors))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def not_json(what: str) -> RefusedError:
    return RefusedError(400, f"The body is not JSON: {what}. Send an object with Content-Type: application/json.")


def no_model() -> Response:
    return problem(503, "No model is deployed. Run `make deploy`; this API takes it up by itself.")


def field_errors(error: ValidationError, within: tuple[str | int, ...] = ()) -> list[FieldError]:
    """What is wrong, each with its path; `within` is where the value was that did not hold."""
    return [
        FieldError(field=".".join(map(str, (*within, *found["loc"]))), message=_message(found, error))
        for found in error.errors(include_url=False)
    ]


def _message(found: Any, error: ValidationError) -> str:
    match found["type"]:
        case "missing":
            return "This field is missing; send null if the value is not known."
        case "extra_forbidden":
            known = [str(other["loc"][-1]) for other in error.errors() if other["type"] == "missing"]
            close = difflib.get_close_matches(str(found["loc"][-1]), known, n=1)
            return "There is no such field." + (f" Did you mean {close[0]}?" if close else "")
    return f"{found['msg']}, got {str(found['input'])[:80]!r}."


def _http_error(error: HTTPException) -> Response:
    answer = problem(error.code or 500, error.description or "")
    answer.headers.extend((name, value) for name, value in error.get_headers() if name != "Content-Type")
    return answer


def _unexpected(error: Exception) -> Response:
    logs.log.exception("the request failed", request_id=g.request_id, exc_info=error)
    return problem(500, "The request failed inside the API; its log has the reason.")

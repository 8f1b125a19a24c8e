"""POST /v1/feedback: what became known of predictions that were answered."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from pydantic import ConfigDict, Field, create_model, model_validator

from ..monitoring.store import Feedback
from .errors import FieldError, RefusedError
from .openapi import JSON, Operation, documented, given
from .rows import content_type, parsed
from .service import Service


def blueprint(service: Service, max_items: int) -> Blueprint:
    api = Blueprint("feedback", __name__, url_prefix="/v1")
    closed = ConfigDict(extra="forbid")
    fields: dict[str, Any] = {
        "prediction_id": (str, Field(max_length=48)),
        "truth": (service.answers.truth(service.schema) | None, Field(None, description="What really was")),
        "wrong": (bool | None, Field(None, strict=True, description="Whether the prediction was wrong")),
        "comment": (str | None, Field(None, max_length=1000)),
    }
    checks: dict[str, Any] = {"something": model_validator(mode="after")(_something)}
    described = ConfigDict(extra="forbid", json_schema_extra=given("anyOf", "truth", "wrong"))
    item: Any = create_model("FeedbackItem", __config__=described, __validators__=checks, **fields)
    items: dict[str, Any] = {"feedback": (list[item], Field(min_length=1, max_length=max_items))}
    takes = create_model("FeedbackRequest", __config__=closed, **items)

    @api.post("/feedback")
    @documented(
        Operation(
            "Tell the truth about predictions, or that they were wrong",
            "feedback",
            takes={JSON: takes},
            gives={JSON: create_model("FeedbackTaken", taken=(int, ...), errors=(list[FieldError], []))},
            problems=(400, 404, 413, 415, 422),
        )
    )
    def feedback() -> dict[str, Any]:
        content_type(JSON)
        asked = parsed(takes, request.get_data(cache=False))
        taken = service.log.add_feedback([Feedback(**vars(one)) for one in asked.feedback])
        unknown = [
            FieldError(field=f"feedback.{place}.prediction_id", message="The prediction log has no such prediction.")
            for place, known in enumerate(taken)
            if not known
        ]
        if not any(taken):
            raise RefusedError(404, "None of these predictions is in the prediction log.", unknown)
        return {"taken": sum(taken), "errors": unknown}

    return api


def _something(item: Any) -> Any:
    if item.truth is None and item.wrong is None:
        raise ValueError("Give the truth, or say whether the prediction was wrong")
    return item

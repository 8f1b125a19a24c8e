"""GET /v1/model: what answers here, what it takes, and how it was made."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint
from pydantic import Field, create_model

from .openapi import JSON, Operation, documented
from .service import Service


def blueprint(service: Service) -> Blueprint:
    api = Blueprint("model", __name__, url_prefix="/v1")
    arm = create_model("Arm", version=(str, ...), metadata=(dict[str, Any], ...))
    gives = create_model(
        "Model",
        strategy=(str, Field(description="How a new version takes over")),
        deployed=(str, ...),
        arms=(dict[str, arm], Field(description="The versions that answer, by the name of their arm")),  # type: ignore[valid-type]
        model_schema=(dict[str, Any], Field(alias="schema", description="Columns, classes, and one real row")),
        card=(str, Field(description="The model card of the champion, in Markdown")),
    )

    @api.get("/model")
    @documented(Operation("The model, its schema, its card and its versions", "model", gives={JSON: gives}))
    def model() -> dict[str, Any]:
        deployment = service.deployment
        return {
            "strategy": deployment.strategy,
            "deployed": deployment.deployed.isoformat(),
            "arms": {
                name: {"version": one.version, "metadata": service.bundles[name].metadata}
                for name, one in deployment.arms.items()
            },
            "schema": asdict(service.schema),
            "card": service.bundles["champion"].card,
        }

    return api

"""GET /healthz: the process lives. GET /readyz: a model is loaded."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from . import errors
from .service import Service


def blueprint(service: Service | None) -> APIBlueprint:
    health = APIBlueprint("health", __name__, abp_tags=[Tag(name="health")], abp_responses={422: errors.Problem})

    @health.get("/healthz", summary="The process lives")
    def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @health.get("/readyz", summary="A model is loaded", responses={503: errors.Problem})
    def readyz() -> dict[str, str] | Response:
        if service is None:
            return errors.no_model()
        return {"status": "ready", "model_version": service.version}

    return health

"""GET /healthz: the process lives. GET /readyz: a model is loaded."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response
from pydantic import create_model

from . import errors
from .openapi import JSON, Operation, documented
from .service import Service


def blueprint(service: Service | None) -> Blueprint:
    health = Blueprint("health", __name__)
    alive, ready = create_model("Alive", status=(str, ...)), create_model("Ready", status=(str, ...), model_version=str)

    @health.get("/healthz")
    @documented(Operation("The process lives", "health", gives={JSON: alive}))
    def healthz() -> dict[str, Any]:
        return {"status": "alive"}

    @health.get("/readyz")
    @documented(Operation("A model is loaded", "health", gives={JSON: ready}, problems=(503,)))
    def readyz() -> dict[str, Any] | Response:
        if service is None:
            return errors.no_model()
        return {"status": "ready", "model_version": service.version}

    return health

"""A service in, a Flask application out."""

from __future__ import annotations

from flask import Flask, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_openapi3 import Info, OpenAPI

from ..config import Serving
from . import errors, health, pages, predict
from .service import Service


def create_app(serving: Serving, service: Service | None, title: str) -> Flask:
    """The API of one deployed model; without a service only health answers, and all else says why not."""
    app = OpenAPI(
        __name__,
        info=Info(title=title, version=service.version if service else "none"),
        doc_prefix="/docs",
        validation_error_callback=errors.invalid_request,
    )
    app.config["MAX_CONTENT_LENGTH"] = serving.max_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    errors.register(app)
    app.register_api(health.blueprint(service))
    if service:
        app.register_api(predict.blueprint(service, serving.max_rows))
        app.register_blueprint(pages.blueprint(service, title))
    else:
        app.before_request(_only_health)
    app.add_url_rule("/docs", "docs", _docs)
    return app


def _only_health() -> ResponseReturnValue | None:
    return None if request.path in ("/healthz", "/readyz") else errors.no_model()


def _docs() -> ResponseReturnValue:
    return redirect(url_for("swagger.swagger"))

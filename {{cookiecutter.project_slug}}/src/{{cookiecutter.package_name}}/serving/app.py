"""A service in, a Flask application out."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, request
from flask.json.provider import JSONProvider
from flask.typing import ResponseReturnValue
from pydantic_core import from_json, to_json

from ..config import Serving
from ..layout import Layout
from ..monitoring.store import new_id
from . import (
    auth,
    dashboard,
    errors,
    feedback,
    headers,
    health,
    inference,
    invocations,
    limits,
    logs,
    metrics,
    model,
    openapi,
    pages,
    predict,
)
from .load import Load
from .rows import Parser
from .service import Service
from .short import Short

PROJECT = Layout()
"""The project in the working folder."""

SHORT = "short"
"""The extension of the application that answers what Flask is not needed for."""


def create_app(
    serving: Serving,
    service: Service | None,
    title: str,
    keys: auth.Keys | None = None,
    layout: Layout = PROJECT,
    load: Load | None = None,
) -> Flask:
    """The API of one deployment; without a service only health answers, and all else says why not.

    `layout` and `load` are what /monitoring shows.
    """
    keys = keys or {}
    app = Flask(__name__, static_folder=None)
    app.json = _Json(app)
    app.config["MAX_CONTENT_LENGTH"] = serving.max_bytes
    errors.register(app)
    app.before_request(_arrived)
    metrics.register(app)
    auth.register(app, keys)
    limits.register(app, serving)
    if serving.log_requests:
        logs.register(app)
    app.after_request(_leaving)
    app.wsgi_app = headers.secured(app.wsgi_app)  # type: ignore[assignment,method-assign]
    app.register_blueprint(health.blueprint(service))
    app.register_blueprint(metrics.blueprint())
    if service is None:
        app.before_request(_only_health)
        return app
    parser = Parser(service.schema, serving.max_rows)
    app.register_blueprint(predict.blueprint(service, parser, serving))
    app.register_blueprint(feedback.blueprint(service, serving.max_rows))
    app.register_blueprint(model.blueprint(service))
    app.register_blueprint(invocations.blueprint(service, parser))
    app.register_blueprint(inference.blueprint(service, parser))
    app.register_blueprint(openapi.blueprint(title, service.version, keys=bool(keys)))
    app.register_blueprint(pages.blueprint(service, title))
    app.register_blueprint(dashboard.blueprint(layout, load or Load()))
    if not serving.rate_limit and not serving.log_requests:
        app.extensions[SHORT] = Short(service, parser, keys)
    return app


class _Json(JSONProvider):
    """What pydantic can write, in the order given."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return to_json(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return from_json(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return Response(to_json(self._prepare_response_obj(args, kwargs)), mimetype="application/json")


def _arrived() -> None:
    g.request_id = new_id()


def _leaving(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    return response


def _only_health() -> ResponseReturnValue | None:
    return None if request.endpoint in ("health.healthz", "health.readyz", "metrics.metrics") else errors.no_model()

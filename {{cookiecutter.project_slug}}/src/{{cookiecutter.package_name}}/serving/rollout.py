"""Which model answers. A WSGI application that takes up a new deployment without a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from .. import config as configuration
from .. import deployment
from ..config import Config
from ..errors import ProjectError
from ..layout import PACKAGE, Layout
from ..models import bundle
from ..monitoring.store import PredictionLog
from .app import create_app
from .service import Service

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)


class Rollout:
    """Hands each request to the application of the current deployment.

    When deployment.json changes, an application for the new bundle is built and takes the place of the
    old one between two requests. A bundle that does not load is refused, and the old one goes on.
    """

    def __init__(self, config: Config, layout: Layout) -> None:
        self._serving = config.serving
        self._title = PACKAGE.replace("_", " ")
        self._layout = layout
        self._log = PredictionLog(config.monitoring.prediction_log, layout)
        self._lock = threading.Lock()
        self._seen = self._stamp()
        self._app = self._build()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.app(environ, start_response)

    @property
    def app(self) -> Flask:
        """The application that answers now."""
        if self._stamp() != self._seen:
            with self._lock:
                stamp = self._stamp()
                if stamp != self._seen:
                    self._take_up()
                    self._seen = stamp
        return self._app

    def _take_up(self) -> None:
        try:
            self._app = self._build()
        except ProjectError as error:
            log.error("the new deployment is refused, the old one goes on: %s", error)

    def _build(self) -> Flask:
        current = deployment.read(self._layout)
        service = None
        if current:
            loaded = bundle.load(self._layout.deploy / current.bundle)
            service = Service(loaded, current.version, self._log)
        return create_app(self._serving, service, self._title)

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._layout.deployment.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns


def wsgi() -> Rollout:
    """What the server calls in each of its workers, in the project's folder."""
    layout = Layout(Path.cwd())
    return Rollout(configuration.load(layout), layout)

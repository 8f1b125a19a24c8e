"""The application of the current deployment, which takes up a new one without a restart."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from .. import deployment as deployments
from ..config import Config
from ..deployment import Deployment
from ..errors import ProjectError
from ..layout import PACKAGE, Layout
from ..models import bundle
from ..models.bundle import Bundle, columns_of
from ..monitoring.store import PredictionLog
from . import auth, house, logs, metrics
from .app import SHORT, create_app
from .errors import RefusedError
from .load import SAMPLE_SECONDS, Load
from .service import Service
from .short import Short

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LOOK_SECONDS = 0.5
"""How often deployment.json and the keys are looked at, and the journal is left for the server to collect."""


class Live:
    """Hands each request to the application of the current deployment.

    When deployment.json or the keys change, an application is built beside the old one and takes its place between
    two requests. A bundle that does not load is refused, and the old one goes on.
    """

    def __init__(self, config: Config, layout: Layout) -> None:
        self._config = config
        self._layout = layout
        self._log = PredictionLog(config.monitoring.prediction_log, layout)
        self._service: Service | None = None
        self._bundles: dict[str, Bundle] = {}
        self._busy = Load()
        self._seen = self._stamps()
        self.app = self._build()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.app(environ, start_response)

    @property
    def service(self) -> Service | None:
        """The models of the current deployment, if there is one."""
        return self._service

    @property
    def short(self) -> Short | None:
        """The short way of the current deployment, if it has one."""
        return self.app.extensions.get(SHORT)

    def look(self) -> None:
        """Take up what has changed."""
        stamps = self._stamps()
        if stamps == self._seen:
            return
        self._seen = stamps
        before = self._service
        try:
            self.app = self._build()
        except ProjectError as error:
            logs.log.error("the new deployment is refused, the old one goes on", why=str(error))
            return
        if before:
            before.close()

    @property
    def turns(self) -> list[house.Turn]:
        """What a worker has to do beside its requests."""
        return [
            house.Turn(LOOK_SECONDS, self.look),
            house.Turn(LOOK_SECONDS, self._log.rotate),
            house.Turn(SAMPLE_SECONDS, self._busy.sample),
        ]

    def warm(self) -> None:
        """Explain one row, where it is asked for, so that nobody waits for the library to be imported."""
        if self._service and self._config.serving.warm_explanations:
            with contextlib.suppress(RefusedError):
                self._service.explain(columns_of([self._service.schema.example]))

    def _build(self) -> Flask:
        current = deployments.read(self._layout)
        service = None
        if current:
            loaded = self._load(current)
            bundles = {arm: loaded[model.bundle] for arm, model in current.arms.items()}
            service = Service(current, bundles, self._log, self._config.serving)
            self._bundles = loaded
        title, keys = PACKAGE.replace("_", " "), auth.read(self._layout)
        app = create_app(self._config.serving, service, title, keys, self._layout, self._busy)
        before, self._service = self._service, service
        if service:
            metrics.deployed(service.deployment, before.deployment if before else None)
        return app

    def _load(self, current: Deployment) -> dict[str, Bundle]:
        """The bundles of a deployment, the one on standby too; what is loaded already stays."""
        models = [*current.arms.values(), *([current.standby] if current.standby else [])]
        return {
            model.bundle: self._bundles.get(model.bundle) or bundle.load(self._layout.deploy / model.bundle)
            for model in models
        }

    def _stamps(self) -> tuple[object, ...]:
        return tuple(_stamp(path) for path in (self._layout.deployment, self._layout.keys))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns

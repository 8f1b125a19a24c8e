"""The short way: a prediction in JSON with nothing wrong about it, answered without Flask, which takes longer than the
model. Everything else, an error above all, goes the long way and is told there. Both give the same answers.
"""

from __future__ import annotations

import time
from typing import Any

import orjson

from ..monitoring.store import new_id
from . import auth, metrics
from .headers import HEADERS
from .openapi import JSON
from .predict import answered
from .rows import Parser
from .service import Service

PATH, ENDPOINT = "/v1/predict", "predict.predict"


class Short:
    """Called with what granian knows of a request; None sends it the long way, and then nothing has been logged."""

    def __init__(self, service: Service, parser: Parser, keys: auth.Keys) -> None:
        self._service = service
        self._parser = parser
        self._keys = keys

    def __call__(self, scope: Any, body: bytes) -> tuple[int, list[tuple[str, str]], bytes] | None:
        began = time.perf_counter()
        headers = scope.headers
        if scope.path != PATH or scope.method != "POST" or scope.query_string:
            return None
        if headers.get("content-type") != JSON or headers.get("content-encoding"):
            return None
        if self._keys and not auth.may(auth.owner_of(headers, self._keys), "predict", self._keys):
            return None
        asked = self._parser.right(body)
        if asked is None or asked.reasons:
            return None
        id = new_id()
        try:
            told = answered(self._service, asked, id)
        except Exception:  # noqa: BLE001 the journal, which comes last, has nothing of it; Flask says what was wrong
            return None
        metrics.ended(ENDPOINT, 200, began)
        return 200, [("Content-Type", JSON), ("X-Request-ID", id), *HEADERS], orjson.dumps(told)

"""Logs as one JSON object a line on standard error, each with the id of its request."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import structlog
from flask import Flask, Response, g, request
from pydantic_core import to_json

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def configure() -> None:
    """Once in each worker. What libraries log by the standard library comes out in the same form."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    render = structlog.processors.JSONRenderer(serializer=_as_json)
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render]
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def register(app: Flask) -> None:
    """A line for each request; what was sent, and by which key, is nothing for a log."""

    @app.after_request
    def answered(response: Response) -> Response:
        log.info(
            "request",
            request_id=g.request_id,
            method=request.method,
            path=request.path,
            status=response.status_code,
            milliseconds=round(1000 * (time.perf_counter() - g.began), 2),
            client=g.get("client"),
        )
        return response


def _as_json(entry: dict[str, Any], **_: Any) -> str:
    return to_json(entry, fallback=str).decode()

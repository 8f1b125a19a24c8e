"""How often one client may ask."""

from __future__ import annotations

from flask import Flask, g, request
from flask_limiter import Limiter
from limits import parse_many
from limits.errors import ConfigurationError

from ..config import Serving
from ..errors import ProjectError
from .auth import NEEDED


def register(app: Flask, serving: Serving) -> None:
    """`serving.rate_limit` for each key, or each address where there are no keys; what needs no key has no limit.

    Counted in each worker, or in Redis for all of them where `serving.rate_limit_storage` names one; while that is
    away, in each worker. Raises ProjectError for a limit or a storage that is none.
    """
    if not serving.rate_limit:
        return
    try:
        parse_many(serving.rate_limit)
    except ValueError as error:
        raise ProjectError(
            f"serving.rate_limit is {serving.rate_limit!r}: write a number and a unit of time, such as 600/minute."
        ) from error
    try:
        limiter = Limiter(
            _client,
            app=app,
            default_limits=[serving.rate_limit],
            storage_uri=serving.rate_limit_storage,
            in_memory_fallback_enabled=True,
            headers_enabled=True,
        )
    except ConfigurationError as error:
        raise ProjectError(
            f"serving.rate_limit_storage: {error}. Redis needs its client: poetry install --with redis."
        ) from error
    limiter.request_filter(lambda: NEEDED.get(request.endpoint or "", "predict") is None)


def _client() -> str:
    return str(g.get("client") or request.remote_addr)

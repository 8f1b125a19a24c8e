"""How often one client may ask."""

from __future__ import annotations

from flask import Flask, g, request
from flask_limiter import Limiter

from ..config import Serving
from .auth import NEEDED


def register(app: Flask, serving: Serving) -> None:
    """`serving.rate_limit` for each key, or each address where there are no keys; what needs no key has no limit.

    Counted in each worker, or in Redis for all of them where `serving.rate_limit_storage` names one.
    """
    if not serving.rate_limit:
        return
    limiter = Limiter(
        _client,
        app=app,
        default_limits=[serving.rate_limit],
        storage_uri=serving.rate_limit_storage,
        headers_enabled=True,
    )
    limiter.request_filter(lambda: NEEDED.get(request.endpoint or "", "predict") is None)


def _client() -> str:
    return str(g.get("client") or request.remote_addr)

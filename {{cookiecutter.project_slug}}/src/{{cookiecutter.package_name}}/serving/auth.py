"""API keys. Who may do what is asked before anything else of a request is read."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from typing import Any, Literal

from flask import Flask, Response, g, request
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from werkzeug.datastructures import Authorization

from ..errors import ProjectError
from ..layout import Layout, replacing
from . import errors

Role = Literal["predict", "feedback", "operate"]

NEEDED: Mapping[str, Role | None] = {
    "feedback.feedback": "feedback",
    "dashboard.monitoring": "operate",
    "metrics.metrics": "operate",
    "health.healthz": None,
    "health.readyz": None,
    "mlflow.ping": None,
    "v2.live": None,
    "v2.ready": None,
    "pages.static": None,
}
"""The role that an endpoint needs; predict where it is not named, and no key at all where it is None."""


class Key(BaseModel):
    """`sha256` is of 256 random bits, which no dictionary holds, so that a slow hash would add nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    roles: tuple[Role, ...]


Keys = dict[str, Key]
_KEYS: TypeAdapter[Keys] = TypeAdapter(Keys)


def read(layout: Layout) -> Keys:
    """The keys by the name of their owner, none where there is no file. Raises ProjectError when it is damaged."""
    try:
        return _KEYS.validate_json(layout.keys.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise ProjectError(f"{layout.keys} is damaged: {error}") from error


def add(layout: Layout, owner: str, roles: tuple[Role, ...]) -> str:
    """A new key for `owner`, in place of an old one; it is kept as a hash, so this is the only time it is seen."""
    key = secrets.token_urlsafe(32)
    _write(layout, {**read(layout), owner: Key(sha256=_hash(key), roles=roles)})
    return key


def remove(layout: Layout, owner: str) -> None:
    """Raises ProjectError when `owner` has none."""
    keys = read(layout)
    if owner not in keys:
        raise ProjectError(f"{owner} has no key; there are keys of {', '.join(sorted(keys)) or 'nobody'}.")
    _write(layout, {name: key for name, key in keys.items() if name != owner})


def check_address(host: str, keys: Keys) -> None:
    """Raises ProjectError when others than this machine could ask without a key."""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not keys and not loopback:
        raise ProjectError(
            f"{host} can be reached from other machines, and there are no API keys: make one with "
            "`python -m PACKAGE keys add NAME`, or serve on 127.0.0.1.".replace("PACKAGE", __name__.split(".")[0])
        )


def owner_of(headers: Any, keys: Keys) -> str | None:
    """Whose key a request brings: as a bearer's, of its own, or as the password of Basic, which browsers ask for.

    Every hash is compared, in constant time, so that the time taken tells nothing.
    """
    given = Authorization.from_header(headers.get("authorization"))
    key = (given.token or given.password) if given else headers.get("x-api-key")
    asked, found = _hash(key or ""), None
    for owner, known in keys.items():
        if hmac.compare_digest(asked, known.sha256):
            found = owner
    return found


def register(app: Flask, keys: Keys) -> None:
    """Without keys everybody who reaches the API may do everything."""
    if not keys:
        return

    @app.before_request
    def check() -> Response | None:
        needed = NEEDED.get(request.endpoint or "", "predict")
        if needed is None:
            return None
        g.client = owner_of(request.headers, keys)
        if may(g.client, needed, keys):
            return None
        if g.client:
            return errors.problem(403, f"The key of {g.client} has not the role {needed}.")
        refused = errors.problem(401, "Send an API key: Authorization: Bearer <key>, or as the password of Basic.")
        refused.headers["WWW-Authenticate"] = 'Basic realm="API key as the password", charset="UTF-8"'
        return refused


def may(owner: str | None, role: Role, keys: Keys) -> bool:
    """Whether the key of `owner` has the role; without keys everybody may do everything."""
    return not keys or (owner is not None and role in keys[owner].roles)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _write(layout: Layout, keys: Keys) -> None:
    with replacing(layout.keys) as temporary:
        temporary.write_bytes(_KEYS.dump_json(keys, indent=2) + b"\n")

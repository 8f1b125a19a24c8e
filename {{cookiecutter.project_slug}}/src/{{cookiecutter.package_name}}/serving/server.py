"""The API in granian, a server that runs on Linux, macOS and Windows."""

from __future__ import annotations

import socket

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from ..config import Config
from ..errors import ProjectError
from ..layout import Layout
from .rollout import Rollout


def serve(config: Config, layout: Layout, *, host: str | None, port: int | None) -> None:
    """Serve until SIGINT or SIGTERM. Raises ProjectError when the address is taken or the model does not load."""
    serving = config.serving
    address, number = host or serving.host, serving.port if port is None else port
    _check_free(address, number)
    Rollout(config, layout)  # a model that does not load is said here, before a worker starts
    print(f"serve     http://{address}:{number}  (form; /docs: API; Ctrl-C stops)", flush=True)
    Granian(
        f"{__package__}.rollout:wsgi",
        address=address,
        port=number,
        interface=Interfaces.WSGI,
        workers=serving.workers,
        blocking_threads=serving.threads,
        factory=True,
        websockets=False,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
    ).serve()


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ProjectError(
                f"{host}:{port} cannot be listened on ({error.strerror}): stop what uses it, or choose another "
                "with `make serve PORT=8001`."
            ) from error

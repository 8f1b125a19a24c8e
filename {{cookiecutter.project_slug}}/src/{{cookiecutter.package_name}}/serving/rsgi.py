"""What granian calls in each worker: the Flask application, behind an event loop that waits for whole requests.

A thread of a WSGI server is busy as long as a slow client sends its body, so that a few of them hold up everybody.
"""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from pathlib import Path
from typing import Any

from granian.rsgi import ProtocolClosed

from .. import config as configuration
from ..config import Serving
from ..layout import Layout
from . import house, logs
from .errors import Problem
from .live import Live

QUICK_BYTES = 65_536
"""A prediction of at most that size is answered at once; what takes longer, in a thread beside."""

OF_THE_CONNECTION = ("content-length", "transfer-encoding")
"""Headers that say how the body came; here it is whole."""

QUICK = ("/v1/predict", "/invocations", "/v2/", "/healthz", "/readyz")


class Application:
    """Granian's protocol (RSGI) on one side, WSGI on the other."""

    def __init__(self, live: Live, serving: Serving) -> None:
        self._live = live
        self._serving = serving

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            return
        try:
            body = await self._body(scope, protocol)
        except ProtocolClosed:
            return  # whoever asked has gone
        if body is None:
            problem = Problem(title="Request Timeout", status=408, detail="The request did not arrive in time.")
            headers = [("Content-Type", "application/problem+json")]
            protocol.response_bytes(408, headers, problem.model_dump_json().encode())
            return
        if len(body) <= QUICK_BYTES and scope.path.startswith(QUICK):
            protocol.response_bytes(*self._answer(scope, body))
        else:
            protocol.response_bytes(*await asyncio.get_running_loop().run_in_executor(None, self._answer, scope, body))

    def _answer(self, scope: Any, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        short = self._live.short if len(body) <= self._serving.max_bytes else None
        return (short and short(scope, body)) or self._by_flask(_environ(scope, body))

    def _by_flask(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        started: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            started[:] = int(status[:3]), headers

        body = b"".join(self._live(environ, start))
        return started[0], started[1], body

    async def _body(self, scope: Any, protocol: Any) -> bytes | None:
        """The whole body; of one that is too large so much that this shows; None when it does not come in time."""
        if scope.method in ("GET", "HEAD"):
            return b""
        most = self._serving.max_bytes
        task = asyncio.current_task()
        assert task
        alarm = asyncio.get_running_loop().call_later(self._serving.max_seconds, task.cancel)
        try:
            announced = scope.headers.get("content-length")
            if announced is not None:
                return bytes(await protocol()) if int(announced) <= most else bytes(most + 1)
            body = bytearray()
            async for part in protocol:
                body += part
                if len(body) > most:
                    break
            return bytes(body)
        except asyncio.CancelledError:
            return None
        finally:
            alarm.cancel()


def _environ(scope: Any, body: bytes) -> dict[str, Any]:
    """What WSGI wants to know of a request (PEP 3333)."""
    host, _, port = scope.server.rpartition(":")
    environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if name == "content-type":
            environ["CONTENT_TYPE"] = value
        elif name not in OF_THE_CONNECTION:
            key = "HTTP_" + name.upper().replace("-", "_")
            environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def application() -> Application:
    """What the server calls in each of its workers, in the project's folder."""
    logs.configure()
    layout = Layout(Path.cwd())
    config = configuration.load(layout)
    live = Live(config, layout)
    house.keep(live.turns)
    threading.Thread(target=live.warm, name="warming", daemon=True).start()
    return Application(live, config.serving)

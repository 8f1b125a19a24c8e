"""The API in granian, a server that runs on Linux, macOS and Windows."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import tempfile
from functools import partial

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from .. import deployment
from ..config import Config
from ..errors import ProjectError
from ..layout import Layout
from ..models.bundle import columns_of
from ..monitoring.store import PredictionLog
from . import auth, house, logs, metrics
from .live import Live

DRAIN_SECONDS, COLLECT_SECONDS, TRIM_SECONDS = 30, 0.5, 3600
CONNECTIONS, OTHER_FILES = 65_536, 100


def serve(config: Config, layout: Layout, *, host: str | None, port: int | None) -> None:
    """Serve until SIGINT or SIGTERM; requests that have come in are answered first. The workers write the journal, and
    this process takes it into the prediction log.

    Raises ProjectError when the address is taken or open to others without keys, or the model does not load.
    """
    serving = config.serving
    address, number = host or serving.host, serving.port if port is None else port
    auth.check_address(address, auth.read(layout))
    _check_free(address, number)
    Live(config, layout)  # a model that does not load is said here, before a worker starts
    connections = _connections()
    logs.configure()
    log = PredictionLog(config.monitoring.prediction_log, layout)
    trim, collect = partial(log.trim, config.monitoring.retention_days), partial(log.collect, living=False)
    collecting = house.Turn(COLLECT_SECONDS, collect)
    house.keep([collecting, house.Turn(TRIM_SECONDS, trim)])
    multiprocessing.set_start_method("spawn", force=True)  # a fork would copy this process in the midst of its work
    print(f"serve     http://{address}:{number}  (form; /docs: API; Ctrl-C stops)", flush=True)
    with tempfile.TemporaryDirectory(prefix="metrics-") as folder:
        os.environ[metrics.FOLDER] = folder  # for the workers; in this process nothing is counted
        Granian(
            f"{__package__}.rsgi:application",
            address=address,
            port=number,
            interface=Interfaces.RSGI,
            workers=serving.workers,
            factory=True,
            websockets=False,
            backpressure=connections,
            respawn_failed_workers=True,
            respawn_interval=0.1,
            workers_kill_timeout=DRAIN_SECONDS,
            log_level=LogLevels.warning,
        ).serve()
    collecting.do()


def check(config: Config, layout: Layout) -> list[str]:
    """A line about each model that is deployed, with what it answers to its example; nobody is listened to.

    Raises ProjectError when none is deployed, or one does not load.
    """
    deployment.required(layout)
    service = Live(config, layout).service
    assert service is not None
    lines = []
    for arm, loaded in service.bundles.items():
        outputs = loaded.outputs(columns_of([loaded.schema.example]))
        answer = {name: found[0] for name, found in service.answers.columns(loaded.schema, outputs).items()}
        lines.append(f"{arm} version {service.version_of(arm)} answers its example: {answer}")
    return lines


def _connections() -> int:
    """How many a worker may have open, idle ones too; more are not let in. As many as the system lets a process have
    files, of which many shells start it with a thousand or fewer, but for some that are needed otherwise.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return CONNECTIONS
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS if most == resource.RLIM_INFINITY else min(most, CONNECTIONS)
    with contextlib.suppress(ValueError, OSError):  # macOS has a lower limit than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        files = wanted
    return files - OTHER_FILES


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

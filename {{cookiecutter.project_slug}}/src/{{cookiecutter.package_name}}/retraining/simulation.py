"""The next months replayed as production: predictions through the live API, then monitor, decide, retrain."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from .. import deployment, kinds, landing
from ..config import Config, FolderSource
from ..errors import ProjectError
from ..kinds.supervised import Supervised
from ..layout import PACKAGE, Layout, replacing
from ..models import answers, bundle
from ..pipeline import exploit, format, trust
from ..pipeline.export import as_rows
from ..serving import client
from ..sources import files, waiting_periods
from . import loop

BATCH = 500
START_SECONDS = 60


def run(config: Config, layout: Layout, months: int) -> pd.DataFrame:
    """One row a month: what the live model was worth, what drifted, what was decided. Also results/simulation.csv."""
    if not isinstance(kinds.of(config.task), Supervised):
        raise ProjectError(
            "simulate replays rows that are answered one by one and whose truth comes later; task.kind is "
            f"{config.task.kind}. Choose a task of classification or regression in conf/config.yaml."
        )
    deployment.required(layout)
    periods = waiting_periods(config.sources, layout)[:months]
    if not periods:
        raise ProjectError(
            "No month is left to replay: a source of kind folder with {period} in its files brings them (conf/source/)."
        )
    lived = []
    measure = kinds.of(config.task).measure
    with live_api(layout) as url:
        for period in periods:
            print(f"\nsimulate  {period}", flush=True)
            version, rows, score = replay(config, layout, period, url)
            print(
                f"predict   {rows:,} rows answered by version {version}, {measure} {score:.4f} once the truth was known"
            )
            done = loop.run(config, layout)
            lived.append(
                {
                    "month": period,
                    "rows": rows,
                    "version": version,
                    f"live_{measure}": round(score, 4),
                    "drifted": ", ".join(column.name for column in done.report.columns if column.drifted) or "none",
                    "retrained": done.decision.retrain,
                    "version_after": done.deployed,
                }
            )
    table = pd.DataFrame(lived)
    with replacing(layout.results / "simulation.csv") as temporary:
        table.to_csv(temporary, index=False)
    print("\n" + table.to_string(index=False))
    return table


def replay(config: Config, layout: Layout, period: str, url: str) -> tuple[str, int, float]:
    """Send one month through the API; the version that answered, rows, and the measure of its answers."""
    rows = production_rows(config, layout, period)
    schema = bundle.load(layout.deploy / deployment.required(layout).champion.bundle).schema
    asked = as_rows(rows[[column.name for column in schema.columns]])
    batch = min(BATCH, config.serving.max_rows)
    replies = [client.predict(url, asked[start : start + batch]) for start in range(0, len(asked), batch)]
    kind, given = kinds.of(config.task), answers.of(schema.kind)
    outputs = np.array([given.outputs(schema, row) for answer in replies for row in answer["predictions"]])
    score = kind.metrics(rows[config.task.target].to_numpy(), outputs, schema.classes)[kind.measure]
    return replies[-1]["model_version"], len(rows), score


def production_rows(config: Config, layout: Layout, period: str) -> pd.DataFrame:
    """The view of one month that is not landed yet, through the same steps as training data."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        production = Layout(Path(folder))
        shutil.copytree(layout.schemas, production.schemas)
        shutil.copytree(layout.sql, production.sql)
        for name, source in config.sources.items():
            if isinstance(source, FolderSource):
                with landing.temporary(name, production) as incoming:
                    landing.land(name, files.fetch_period(source, period, incoming, layout), production)
            else:
                shutil.copytree(layout.landing / name, production.landing / name)
        for step in (format, trust, exploit):
            step.run(config, production)
        return pd.read_parquet(production.exploitation / f"{config.task.view}.parquet")


@contextlib.contextmanager
def live_api(layout: Layout) -> Iterator[str]:
    """The API of this project in a process of its own, on a free port; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", PACKAGE, "serve", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, cwd=layout.root)
    try:
        wait_until_ready(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=5) as response:
            if json.load(response)["status"] == "ready":
                return
        time.sleep(0.1)
    raise ProjectError(f"The API did not become ready within {START_SECONDS} s at {url}; its output is above.")

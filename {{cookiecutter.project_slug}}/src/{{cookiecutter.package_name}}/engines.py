"""One function over many tasks: in threads of this process, on Dask or on Spark."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, TypeVar

from .config import Engine
from .errors import ProjectError

Task = TypeVar("Task")
Result = TypeVar("Result")

QUIET: dict[str, Any] = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


def each(engine: Engine, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
    """The results in the order in which they are done. Raises ProjectError when the engine is not installed.

    Tasks go to other processes, and other machines: they name files that are there, too.
    """
    ways = {"local": _local, "dask": _dask, "spark": _spark}
    try:
        yield from ways[engine.kind](engine, function, tasks)
    except ImportError as error:
        raise ProjectError(f"engine={engine.kind} needs {error.name}: poetry install --with {engine.kind}.") from error


def _local(engine: Engine, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
    with ThreadPoolExecutor(engine.threads or os.cpu_count()) as threads:
        yield from threads.map(function, tasks)


def _dask(engine: Engine, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
    from distributed import Client, LocalCluster, as_completed

    cluster: Any = nullcontext(engine.address)
    if not engine.address:
        cluster = LocalCluster(n_workers=engine.processes, threads_per_worker=1, dashboard_address=None)
    with cluster as where, Client(where) as client:
        yield from (future.result() for future in as_completed(client.map(function, tasks, pure=False)))


def _spark(engine: Engine, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(engine.address or f"local[{engine.processes}]")
    try:
        session = builder.config(map=QUIET).getOrCreate()
    except Exception as error:
        raise ProjectError(f"Spark does not start; it needs Java (Debian: default-jre-headless): {error}") from error
    try:
        yield from session.sparkContext.parallelize(tasks, len(tasks)).map(function).toLocalIterator()
    finally:
        session.stop()

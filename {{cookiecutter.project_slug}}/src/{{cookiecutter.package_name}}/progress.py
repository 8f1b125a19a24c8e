"""A bar on standard error for what takes longer than two seconds; nothing when that is no terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    import duckdb

DELAY = 2.0
"""Seconds before a bar is shown."""


def progress(what: str, total: int | None, unit: str = " rows") -> tqdm[None]:
    """A bar that is fed by `update`; `total` None when nobody knows how much there is."""
    return tqdm(desc=what, total=total, unit=unit, unit_scale=True, delay=DELAY, disable=None, leave=False)


@contextmanager
def watching(what: str, amounts: Mapping[duckdb.DuckDBPyConnection, int], unit: str = " rows") -> Iterator[None]:
    """A bar for the queries that run meanwhile: each connection goes through its amount of rows (or bytes)."""
    bar = progress(what, sum(amounts.values()), unit)
    if bar.disable:
        yield
        return
    for connection in amounts:  # DuckDB counts only when it is told to, and would draw a bar of its own
        connection.execute("set enable_progress_bar = true")
        connection.execute("set enable_progress_bar_print = false")
    reached = dict.fromkeys(amounts, 0.0)
    done = threading.Event()

    def poll() -> None:
        while not done.wait(0.2):
            for connection in amounts:
                reached[connection] = max(reached[connection], _per_cent(connection))
            bar.update(int(sum(amount * reached[one] / 100 for one, amount in amounts.items())) - bar.n)

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        bar.close()


def _per_cent(connection: duckdb.DuckDBPyConnection) -> float:
    """How far its query is; a closed connection has done all of them."""
    import duckdb

    try:
        return connection.query_progress()
    except duckdb.ConnectionException:
        return 100.0

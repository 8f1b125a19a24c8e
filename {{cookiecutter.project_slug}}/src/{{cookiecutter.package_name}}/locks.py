"""One run of a step at a time: the second one is told, and nothing is written by both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from .errors import ProjectError
from .layout import Layout


@contextmanager
def exclusive(step: str, layout: Layout) -> Iterator[None]:
    """Hold the lock of `step`. Raises ProjectError when another process holds it; a killed one holds none."""
    layout.locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(layout.locks / step, timeout=0)
    try:
        with lock:
            yield
    except Timeout as error:
        raise ProjectError(
            f"Another `{step}` is at work in this project; nothing was changed. Wait for it to end."
        ) from error

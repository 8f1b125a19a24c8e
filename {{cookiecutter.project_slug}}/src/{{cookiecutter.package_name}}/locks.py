"""One run of a step at a time: the second one is told, and nothing is written by both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

from filelock import FileLock, Timeout

from .errors import ProjectError
from .layout import Layout


@contextmanager
def exclusive(step: str, layout: Layout) -> Iterator[None]:
    """Hold the lock of `step`. Raises ProjectError when another process holds it; a killed one holds none."""
    layout.locks.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(layout.locks / step, timeout=0), layout.locks / f"{step}.holder"
    try:
        with lock:
            now = datetime.now(timezone.utc)
            holder.write_text(f"process {os.getpid()}, since {now:%Y-%m-%d %H:%M:%S} UTC", encoding="utf-8")
            yield
    except Timeout as error:
        who = holder.read_text(encoding="utf-8") if holder.is_file() else "another process"
        raise ProjectError(
            f"Another `{step}` is at work in this project ({who}); nothing was changed. Wait for it to end."
        ) from error

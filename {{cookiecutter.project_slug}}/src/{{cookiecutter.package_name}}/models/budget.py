"""Minutes that a search may take, and the end of what takes longer."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class BudgetSpentError(BaseException):
    """Not an Exception: a library that goes on after a fold that failed must not go on after this."""


class Budget:
    """Counts from when it is made."""

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes
        self._began = time.monotonic()

    def left(self) -> float:
        """Seconds until it is spent; 0 when it is."""
        return max(0.0, self._began + 60 * self.minutes - time.monotonic())

    @contextmanager
    def enforced(self, seconds: float | None = None) -> Iterator[None]:
        """Raises BudgetSpentError in what runs meanwhile once it has taken `seconds`; None: all that is left.

        By the alarm of POSIX, which reaches the main thread between two instructions of Python: a single call of a
        compiled library is not cut. Without that alarm (Windows, other threads) nothing is cut.
        """
        if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: FrameType | None) -> None:
            raise BudgetSpentError

        before = signal.signal(signal.SIGALRM, stop)
        # again every half a second: an exception that is raised inside a callback may be lost
        signal.setitimer(signal.ITIMER_REAL, max(self.left() if seconds is None else seconds, 0.001), 0.5)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

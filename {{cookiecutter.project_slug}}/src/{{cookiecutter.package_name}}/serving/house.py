"""What is done every few seconds beside answering requests, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from . import logs

FAILED_SECONDS = 10
"""How long something is left alone that has failed."""


class Turn:
    """Something that is done every `seconds`."""

    def __init__(self, seconds: float, do: Callable[[], object]) -> None:
        self.seconds = seconds
        self._do = do
        self._next = 0.0

    def take(self) -> None:
        """Do it, if it is time."""
        if time.monotonic() >= self._next:
            self.do()

    def do(self) -> None:
        """Do it now. A failure is logged."""
        wait = self.seconds
        try:
            self._do()
        except Exception:  # noqa: BLE001 the log has it, and the next turn tries again
            logs.log.exception("housekeeping failed")
            wait = max(wait, FAILED_SECONDS)
        self._next = time.monotonic() + wait


def keep(turns: Sequence[Turn]) -> None:
    """Take the turns as long as the process lives."""

    def forever() -> None:
        while True:
            for turn in turns:
                turn.take()
            time.sleep(min(turn.seconds for turn in turns))

    threading.Thread(target=forever, name="housekeeping", daemon=True).start()

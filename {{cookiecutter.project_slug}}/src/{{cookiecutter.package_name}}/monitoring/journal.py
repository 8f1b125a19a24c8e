"""What is written before an answer leaves: lines appended to a file, which outlive the process by whatever it dies.

A writer has a segment of its own, locked as long as it lives. Whoever gets the lock of a segment may read it to its
end and remove it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

SEGMENT = "*.jsonl"


class Journal:
    """The segments in `folder`. What has been appended is with the operating system, if not yet on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segment: int | None = None
        self._lock = threading.Lock()

    def append(self, line: bytes) -> None:
        """`line` holds no end of line. Raises OSError when the disk is full; it is then not in the journal."""
        with self._lock:
            if self._segment is None:
                self._segment = self._opened()
            written = os.write(self._segment, line + b"\n")
            if written <= len(line):
                os.write(self._segment, b"\n")  # what is half there is no line of its own, so nobody takes it for one
                raise OSError("the disk is full")

    def rotate(self) -> None:
        """Give up the segment, so that others may collect it; the next line goes into a new one."""
        with self._lock:
            if self._segment is not None:
                os.close(self._segment)
                self._segment = None

    def collect(self, take: Callable[[Sequence[bytes]], None], *, living: bool = False) -> None:
        """Hand the lines of each segment to `take`, and remove it when that has returned.

        Segments that others still write to are left to them; with `living` their lines are taken, too, and stay.
        """
        self.rotate()
        for path in sorted(self._folder.glob(SEGMENT)):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as segment:
                mine = _locked(segment.fileno())
                if mine or living:
                    take([line for line in segment.read().split(b"\n")[:-1] if line])
                if mine:
                    path.unlink()

    def _opened(self) -> int:
        """A new segment, which nobody sees before it is locked."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / uuid4().hex
        segment = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(segment, fcntl.LOCK_EX)
        path.rename(path.with_suffix(".jsonl"))
        return segment


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""What is written before an answer leaves: lines appended to a file, which outlive the process by whatever it dies.

A writer has a segment of its own, and a lock beside it as long as it lives. Whoever gets the lock of a segment may
read it to its end and remove it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

SEGMENT = "*.jsonl"


class Journal:
    """The segments in `folder`. What has been appended is with the operating system, if not yet on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segment: tuple[FileIO, FileLock] | None = None
        self._lock = threading.Lock()

    def append(self, line: bytes) -> None:
        """`line` holds no end of line. Raises OSError when the disk is full; it is then not in the journal."""
        with self._lock:
            if self._segment is None:
                self._segment = self._opened()
            segment, _ = self._segment
            written = segment.write(line + b"\n")
            if written <= len(line):
                segment.write(b"\n")  # what is half there is no line of its own, so nobody takes it for one
                raise OSError("the disk is full")

    def rotate(self) -> None:
        """Give up the segment, so that others may collect it; the next line goes into a new one."""
        with self._lock:
            if self._segment is not None:
                segment, lock = self._segment
                segment.close()
                lock.release()
                self._segment = None

    def collect(self, take: Callable[[Sequence[bytes]], None], *, living: bool = False) -> None:
        """Hand the lines of each segment to `take`, and remove it when that has returned.

        Segments that others still write to are left to them; with `living` their lines are taken, too, and stay.
        """
        self.rotate()
        for path in sorted(self._folder.glob(SEGMENT)):
            with _claimed(path) as mine, contextlib.suppress(FileNotFoundError):
                if mine or living:
                    take([line for line in path.read_bytes().split(b"\n")[:-1] if line])
                if mine:
                    path.unlink()

    def _opened(self) -> tuple[FileIO, FileLock]:
        """A new segment, which is locked before anybody can see it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{uuid4().hex}.jsonl"
        lock = _lock(path)
        lock.acquire()
        return FileIO(path, "x", opener=_private), lock


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _lock(segment: Path) -> FileLock:
    """Of a thread it knows nothing: the one that gives up a segment need not be the one that has opened it."""
    return FileLock(segment.with_suffix(".lock"), timeout=0, thread_local=False)


@contextlib.contextmanager
def _claimed(segment: Path) -> Iterator[bool]:
    """Whether nobody writes to it any more; the lock is then held, and goes when its segment has gone."""
    lock = _lock(segment)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
        if not segment.exists():
            with contextlib.suppress(OSError):  # on Windows somebody else may look at it just now
                segment.with_suffix(".lock").unlink()

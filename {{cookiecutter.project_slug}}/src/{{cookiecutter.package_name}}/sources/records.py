"""Rows as they come from an API or a database, as JSON Lines: one object a line, compressed."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..landing import Landed
from ..progress import progress


def write(rows: Iterable[Mapping[str, Any]], target: Path) -> int:
    """Number of rows written. The same rows give the same bytes."""
    count = 0
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="\n") as lines,
        progress(f"fetch {target.name}", None) as bar,
    ):
        for row in rows:
            lines.write(json.dumps(row, ensure_ascii=False, default=_text) + "\n")
            bar.update()
            count += 1
    return count


def last_watermark(landed: list[Landed]) -> Any:
    """The greatest watermark landed so far, None before the first landing."""
    return max((entry.watermark for entry in landed if entry.watermark is not None), default=None)


def plain(value: Any) -> Any:
    """A watermark as JSON can keep it and as it can be compared again."""
    return value if value is None or isinstance(value, int | float | str) else _text(value)


def _text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return str(value)

"""A folder of raw files in, a dated landing with a manifest out.

A landing is `data/landing/<source>/<UTC time>/`: the files as they came, and `manifest.json` with the
name, table, period, bytes and sha256 of each. A landing is never changed after it was made.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from .config import Source
from .errors import ProjectError
from .layout import Layout, replacing, write_json

PERIOD = r"(?P<period>\d{4}-\d{2})"


@dataclass(frozen=True)
class RawFile:
    """One file of a table; `period` is the month it brings, None for a table without periods."""

    table: str
    path: Path
    period: str | None


@dataclass(frozen=True)
class Landed:
    """One line of a manifest. `bytes` counts the file as it came, compressed or not."""

    table: str
    name: str
    period: str | None
    bytes: int
    sha256: str


def ingest(source: Source, layout: Layout, *, further: bool) -> Path | None:
    """Land what is due and return the new landing, or None when nothing is new.

    Due are the first periods of `source`; with `further`, one period more than was landed so far.
    Content that was landed before is not landed again.
    """
    landed = landed_files(source, layout)
    periods = {entry.period for entry in landed if entry.period}
    due = due_files(source, offered_files(source, layout), periods, further=further)
    known = {entry.sha256 for entry in landed}
    new = [raw for raw in due if describe(raw).sha256 not in known]
    return land(source, new, layout) if new else None


def land(source: Source, files: list[RawFile], layout: Layout) -> Path:
    """Copy `files` and their manifest into a new landing, which appears whole or not at all."""
    now = datetime.now(timezone.utc)
    landing = layout.landing / source.name / now.strftime("%Y%m%dT%H%M%S%fZ")
    with replacing(landing) as temporary:
        temporary.mkdir()
        for raw in files:
            shutil.copyfile(raw.path, temporary / raw.path.name)
        entries = [asdict(describe(raw)) for raw in files]
        write_json(temporary / "manifest.json", {"source": source.name, "landed": now.isoformat(), "files": entries})
    return landing


def offered_files(source: Source, layout: Layout) -> list[RawFile]:
    """Every file in the source's folder that belongs to a table, by name."""
    folder = layout.root / source.folder
    if not folder.is_dir():
        raise ProjectError(f"The source folder {folder} is not there; correct `folder` in conf/source/.")
    found = []
    for table, spec in source.tables.items():
        pattern = re.compile(re.escape(spec.files).replace(r"\{period\}", PERIOD))
        matches = [(path, pattern.fullmatch(path.name)) for path in sorted(folder.iterdir())]
        files = [RawFile(table, path, match.groupdict().get("period")) for path, match in matches if match]
        if not files:
            raise ProjectError(f"No file in {folder} matches {spec.files!r} of table {table} (conf/source/).")
        found += files
    return found


def due_files(source: Source, offered: list[RawFile], landed_periods: set[str], *, further: bool) -> list[RawFile]:
    """The offered files whose turn it is; files without a period are always due."""
    periods = sorted({raw.period for raw in offered if raw.period})
    reached = [period for period in periods if landed_periods and period <= max(landed_periods)]
    count = max(len(reached), source.first_periods)
    if further and landed_periods:
        count = len(reached) + 1
    return [raw for raw in offered if raw.period is None or raw.period in periods[:count]]


def waiting_periods(source: Source, layout: Layout) -> list[str]:
    """The periods that the source offers and that are not landed yet, oldest first."""
    landed = {entry.period for entry in landed_files(source, layout)}
    offered = {raw.period for raw in offered_files(source, layout) if raw.period}
    return sorted(offered - landed)


def landed_files(source: Source, layout: Layout) -> list[Landed]:
    """What the manifests say, oldest landing first."""
    return [entry for _, entry in _manifests(source, layout)]


def landed_paths(source: Source, layout: Layout, table: str) -> list[Path]:
    """The landed files of one table, oldest landing first."""
    return [folder / entry.name for folder, entry in _manifests(source, layout) if entry.table == table]


def _manifests(source: Source, layout: Layout) -> Iterator[tuple[Path, Landed]]:
    for path in sorted((layout.landing / source.name).glob("*/manifest.json")):
        for entry in json.loads(path.read_text(encoding="utf-8"))["files"]:
            yield path.parent, Landed(**entry)


def describe(raw: RawFile) -> Landed:
    content = raw.path.read_bytes()
    return Landed(raw.table, raw.path.name, raw.period, len(content), hashlib.sha256(content).hexdigest())

"""The landing zone: `data/landing/<source>/<UTC time>/` with the files as they came and a manifest.

A landing is made whole or not at all and never changed afterwards. Content that was landed before is not
landed again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .layout import Layout, write_json

MANIFEST = "manifest.json"
TIME = "%Y%m%dT%H%M%S%fZ"


@dataclass(frozen=True)
class Fetched:
    """A file in the temporary landing and what the source says of it.

    `period` is the month it brings (YYYY-MM), `version` what the source calls this state of it (an ETag, a
    time and size), `watermark` the greatest value of the column by which further rows are asked for.
    """

    path: Path
    table: str
    address: str
    period: str | None = None
    rows: int | None = None
    version: str | None = None
    watermark: Any = None


@dataclass(frozen=True)
class Landed:
    """One line of a manifest. `address` has no secrets; `bytes` counts the file as it came, compressed or not."""

    table: str
    name: str
    address: str
    period: str | None
    rows: int | None
    version: str | None
    watermark: Any
    bytes: int
    sha256: str


@contextmanager
def temporary(source: str, layout: Layout) -> Iterator[Path]:
    """An empty folder outside the landing zone; what a killed fetch has left there is removed first."""
    folder = layout.incoming / source
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(layout.incoming, ignore_errors=True)


def land(source: str, fetched: list[Fetched], layout: Layout) -> Path | None:
    """Move the fetched files into a new landing; None when all of their content was landed before."""
    known = {entry.sha256 for entry in landed_files(source, layout)}
    entries = [_entry(file) for file in fetched]
    for file, entry in zip(fetched, entries, strict=True):
        if entry.sha256 in known:
            file.path.unlink()
    new = [entry for entry in entries if entry.sha256 not in known]
    if not new:
        return None
    folder = fetched[0].path.parent
    now = datetime.now(timezone.utc)
    files = [asdict(entry) for entry in new]
    write_json(folder / MANIFEST, {"source": source, "landed": now.isoformat(), "files": files})
    landing = layout.landing / source / now.strftime(TIME)
    landing.parent.mkdir(parents=True, exist_ok=True)
    return folder.rename(landing)


def landed_files(source: str, layout: Layout) -> list[Landed]:
    """What the manifests of a source say, oldest landing first."""
    return [entry for _, entry in _manifests(layout, source)]


def landed_paths(table: str, layout: Layout) -> list[Path]:
    """The landed files of one table, oldest landing first."""
    return [folder / entry.name for folder, entry in _manifests(layout) if entry.table == table]


def last_landed(source: str, layout: Layout) -> datetime | None:
    """When the newest landing of a source was made."""
    folders = sorted(path.parent.name for path in (layout.landing / source).glob(f"*/{MANIFEST}"))
    return datetime.strptime(folders[-1], TIME).replace(tzinfo=timezone.utc) if folders else None


def read_manifest(landing: Path) -> list[Landed]:
    """The files of one landing."""
    manifest = json.loads((landing / MANIFEST).read_text(encoding="utf-8"))
    return [Landed(**entry) for entry in manifest["files"]]


def _manifests(layout: Layout, source: str = "*") -> Iterator[tuple[Path, Landed]]:
    for path in sorted(layout.landing.glob(f"{source}/*/{MANIFEST}"), key=lambda path: path.parent.name):
        for entry in read_manifest(path.parent):
            yield path.parent, entry


def _entry(file: Fetched) -> Landed:
    values = {name: getattr(file, name) for name in ("table", "address", "period", "rows", "version", "watermark")}
    return Landed(name=file.path.name, bytes=file.path.stat().st_size, sha256=sha256(file.path), **values)


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    feed(digest, path)
    return digest.hexdigest()


def feed(digest: hashlib._Hash, path: Path) -> None:
    """Update `digest` with the content of a file, however large."""
    with path.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)

"""A file, or a folder of files, of this machine or of any store that fsspec or HTTP reaches.

A folder may bring its tables by periods (months): the first landing takes `first_periods` of them, each
further one that is asked for takes one more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from ..config import FileSource, FolderSource
from ..errors import ProjectError
from ..landing import Fetched, Landed
from ..layout import Layout
from . import web

PERIOD = r"(?P<period>\d{4}-\d{2})"
DRIVERS = {"s3": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "azure", "az": "azure", "sftp": "sftp", "ssh": "sftp"}


@dataclass(frozen=True)
class Offered:
    """One file that a folder holds for a table; `version` changes when the file does."""

    table: str
    path: str
    period: str | None
    version: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


def fetch(name: str, source: FileSource, landed: list[Landed], folder: Path, layout: Layout) -> Iterator[Fetched]:
    (table,) = source.tables_of(name)
    versions = {entry.version for entry in landed}
    if not source.path:
        raise ProjectError(f"Source {name} has no file yet: write its path or URL as `path` into conf/source/.")
    if web.is_http(source.path):
        yield from web.download(source.path, table, versions, folder)
        return
    store, path = _store(source.path, source.options, layout)
    if not store.isfile(path):
        raise ProjectError(
            f"Source {name}: there is no file {web.public(source.path)}; correct `path` in conf/source/."
        )
    offered = Offered(table, path, None, _version(store, path))
    if offered.version not in versions:
        yield _copy(store, offered, source.path, folder)


def fetch_folder(
    source: FolderSource, landed: list[Landed], folder: Path, layout: Layout, *, further: bool
) -> Iterator[Fetched]:
    store, _ = _store(source.path, source.options, layout)
    periods = {entry.period for entry in landed if entry.period}
    due = due_files(source, offered_files(source, layout), periods, further=further)
    versions = {entry.version for entry in landed}
    for offered in due:
        if offered.version not in versions:
            yield _copy(store, offered, f"{source.path.rstrip('/')}/{offered.name}", folder)


def fetch_period(source: FolderSource, period: str, folder: Path, layout: Layout) -> list[Fetched]:
    """The files of one period, and those that have none."""
    store, _ = _store(source.path, source.options, layout)
    offered = [file for file in offered_files(source, layout) if file.period in (None, period)]
    return [_copy(store, file, source.path, folder) for file in offered]


def offered_files(source: FolderSource, layout: Layout) -> list[Offered]:
    """Every file in the source's folder that belongs to a table, by name."""
    store, path = _store(source.path, source.options, layout)
    if not store.isdir(path):
        raise ProjectError(f"The source folder {web.public(source.path)} is not there; correct `path` in conf/source/.")
    store.invalidate_cache()
    paths = sorted(store.ls(path, detail=False))
    found = []
    for table, spec in source.tables.items():
        pattern = re.compile(re.escape(spec.files).replace(r"\{period\}", PERIOD).replace(r"\*", ".*"))
        matches = [(path, pattern.fullmatch(PurePosixPath(path).name)) for path in paths]
        files = [
            Offered(table, path, match.groupdict().get("period"), _version(store, path))
            for path, match in matches
            if match
        ]
        if not files:
            where = web.public(source.path)
            raise ProjectError(f"No file in {where} matches {spec.files!r} of table {table} (conf/source/).")
        found += files
    return found


def due_files(
    source: FolderSource, offered: list[Offered], landed_periods: set[str], *, further: bool
) -> list[Offered]:
    """The offered files whose turn it is; files without a period are always due."""
    periods = sorted({file.period for file in offered if file.period})
    reached = [period for period in periods if landed_periods and period <= max(landed_periods)]
    count = max(len(reached), len(periods) if source.first_periods is None else source.first_periods)
    if further and landed_periods:
        count = len(reached) + 1
    return [file for file in offered if file.period is None or file.period in periods[:count]]


def waiting_periods(source: FolderSource, landed: list[Landed], layout: Layout) -> list[str]:
    """The periods that the source offers and that are not landed yet, oldest first."""
    offered = {file.period for file in offered_files(source, layout) if file.period}
    return sorted(offered - {entry.period for entry in landed})


def _store(path: str, options: dict[str, Any], layout: Layout) -> tuple[Any, str]:
    """The file system of an address, and the path in it; a path without a scheme is of this project."""
    address = path if "://" in path else (layout.root.resolve() / Path(path).expanduser()).as_posix()
    try:
        store, inside = fsspec.core.url_to_fs(address, **options)
    except ImportError as error:
        scheme = path.split("://")[0]
        group = DRIVERS.get(scheme)
        driver = f'make setup ARGS="--with {group}"' if group else f"install the fsspec driver of {scheme}"
        raise ProjectError(f"{scheme}:// needs a driver that is not installed: {driver}.") from error
    except ValueError as error:
        raise ProjectError(f"{web.public(path)} is no address that can be read: {error}") from error
    return store, inside


def _version(store: Any, path: str) -> str:
    """Name, size and time of a file: when they are the same, its content is not read again."""
    about = store.info(path)
    stamp = next((about[key] for key in ("ETag", "etag", "md5Hash", "mtime", "LastModified") if about.get(key)), "")
    return f"{PurePosixPath(path).name} {about.get('size')} {stamp}"


def _copy(store: Any, offered: Offered, address: str, folder: Path) -> Fetched:
    target = folder / offered.name
    try:
        with store.open(offered.path, "rb") as content:
            web.save(iter(lambda: content.read(1 << 20), b""), target, store.info(offered.path).get("size"))
    except OSError as error:
        raise ProjectError(f"{web.public(address)} cannot be read: {error}") from error
    return Fetched(target, offered.table, web.public(address), offered.period, version=offered.version)

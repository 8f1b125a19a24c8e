"""A landed file in, a query over its raw rows out: whatever the format, columns by their snake_case names.

CSV, JSON and Excel give text; Parquet keeps its types. Rows that are no rows (too many or too few fields, text
that is not in the encoding) can be asked for afterwards.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import shutil
import statistics
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from .. import landing
from ..config import Reading
from ..errors import EmptyTableError, ProjectError
from ..layout import Layout
from ..names import column_names
from ..warehouse import among, columns, quoted, text

SAMPLE = 1 << 20
"""Bytes, unpacked, from which encoding and separator are detected."""

FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".parquet": "parquet", ".pq": "parquet", ".xlsx": "excel", ".xlsm": "excel",
}  # fmt: skip
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
LONGEST_OBJECT = 16 << 20
"""Bytes of one JSON object, at most."""


@dataclass(frozen=True)
class Raw:
    """`query` selects `columns` (name to header as it came) and `_row`, 1 for the first record.

    `as_text` is False where the columns have types already. `rejected` selects `_row` (the line), `_text` and
    `_why` of what is no row; it may be run after `query` has been run on the same connection.
    """

    query: str
    columns: dict[str, str]
    as_text: bool
    rejected: str = "select 0::bigint as _row, '' as _text, '' as _why where false"


@dataclass(frozen=True)
class File:
    """A file of the landing zone (or of an archive in it): where it came from and how to query it."""

    source: str
    landing: str
    name: str
    path: Path
    raw: Raw

    @property
    def lineage(self) -> str:
        return f"{text(self.source)} as _source, {text(self.landing)} as _landing, {text(self.name)} as _file, _row"


def landed(
    connection: duckdb.DuckDBPyConnection, table: str, reading: Reading, layout: Layout, scratch: Path
) -> list[File]:
    """The landed files of a table, those in archives too, oldest landing first.

    Raises ProjectError when nothing is landed, or a file cannot be read.
    """
    paths = landing.landed_paths(table, layout)
    if not paths:
        raise ProjectError(f"Nothing of table {table} is in {layout.landing}: run `make ingest` first.")
    files = []
    for number, path in enumerate(paths):
        inside = scratch / str(number)  # two landings may hold files of the same name
        inside.mkdir()
        for member in members(path, inside):
            raw = read(connection, member, reading, inside)
            files.append(File(path.parent.parent.name, path.parent.name, member.name, path, raw))
    return files


def headers(files: list[File]) -> dict[str, str]:
    """Name of every column to the header that it had in the first file that has it."""
    found: dict[str, str] = {}
    for file in files:
        for name, header in file.raw.columns.items():
            found.setdefault(name, header)
    return found


def empty(table: str, files: list[File]) -> ProjectError:
    """What to say of a table that has files and no row."""
    return EmptyTableError(f"Table {table} is empty: no row in {', '.join(str(file.path) for file in files)}.")


def members(path: Path, scratch: Path) -> list[Path]:
    """The files in an archive, unpacked into `scratch`; any other file as it is."""
    if path.suffix.lower() != ".zip":
        return [path]
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
            return [Path(archive.extract(name, scratch / path.stem)) for name in sorted(names)]
    except (zipfile.BadZipFile, EOFError) as error:
        raise ProjectError(
            f"{path} is no whole zip archive: {error}. Remove its landing and fetch it again."
        ) from error


def read(connection: duckdb.DuckDBPyConnection, path: Path, reading: Reading, scratch: Path) -> Raw:
    """Raises ProjectError, with the name of the file, when it cannot be read at all."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = reading.format
    if kind == "auto":
        found = next((FORMATS[suffix] for suffix in reversed(suffixes) if suffix in FORMATS), None)
        if found is None:
            raise ProjectError(f"{path.name}: no known format; set `read: {{format: …}}` in conf/source/.")
    else:
        found = kind
    readers: dict[str, Callable[[duckdb.DuckDBPyConnection, Path, Reading, Path], Raw]] = {
        "csv": read_csv, "json": read_json, "jsonl": read_jsonl, "parquet": read_parquet, "excel": read_excel,
    }  # fmt: skip
    if path.stat().st_size == 0:
        raise ProjectError(f"{path} is empty.")
    try:
        return readers[found](connection, path, reading, scratch)
    except (duckdb.Error, gzip.BadGzipFile, EOFError, OSError, UnicodeError, zipfile.BadZipFile, ValueError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> ProjectError:
    """What to say of a file that is damaged or of another format than its name says."""
    reason = str(error).strip().splitlines()[0]
    return ProjectError(f"{path} cannot be read: {reason}. If it is damaged, remove its landing and ingest again.")


def read_csv(connection: duckdb.DuckDBPyConnection, path: Path, reading: Reading, scratch: Path) -> Raw:
    encoding = encoding_of(path, reading)
    sample = _head(path).decode(encoding, errors="replace")
    delimiter = separator_of(sample, reading)
    header = next(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), [])
    if not header:
        raise ProjectError(f"{path} has no header: its first line is empty.")
    names = column_names(header)
    if encoding not in ("utf-8", "utf-8-sig"):
        path = _as_utf8(path, encoding, scratch)
    struct = ", ".join(f"{text(name)}: 'VARCHAR'" for name in names)
    nulls = ", ".join(text(mark) for mark in reading.missing)
    source = (
        f"read_csv({text(path.as_posix())}, auto_detect = false, header = true, columns = {{{struct}}}, "
        f"delim = {text(delimiter)}, quote = '\"', escape = '\"', nullstr = [{nulls}], "
        f"store_rejects = true, rejects_limit = 0)"
    )
    rejected = (
        "select line as _row, first(csv_line) as _text, first(error_message) as _why from reject_errors "
        "group by line order by line"
    )
    query = f"select *, row_number() over () as _row from {source}"
    return Raw(query, dict(zip(names, header, strict=True)), True, rejected)


def read_jsonl(connection: duckdb.DuckDBPyConnection, path: Path, reading: Reading, scratch: Path) -> Raw:
    """One object a line. A line that is no object is rejected."""
    lines = (
        f"(select line, row_number() over () as _row from read_csv({text(path.as_posix())}, auto_detect = false, "
        f"header = false, columns = {{'line': 'VARCHAR'}}, delim = '', quote = '', escape = ''))"
    )
    valid = "coalesce(case when json_valid(line) then json_type(line) end, '') = 'OBJECT'"
    objects = f"(select line::json as json, _row from {lines} where {valid})"
    rejected = f"select _row, line as _text, 'no JSON object' as _why from {lines} where not {valid}"
    return _from_objects(connection, objects, reading, rejected)


def read_json(connection: duckdb.DuckDBPyConnection, path: Path, reading: Reading, scratch: Path) -> Raw:
    """An array of objects, or objects one after the other."""
    objects = (
        f"(select json, row_number() over () as _row from read_json_objects({text(path.as_posix())}, "
        f"format = 'auto', maximum_object_size = {LONGEST_OBJECT}))"
    )
    return _from_objects(connection, objects, reading, Raw.rejected)


def _from_objects(connection: duckdb.DuckDBPyConnection, objects: str, reading: Reading, rejected: str) -> Raw:
    """The keys in the order in which they first occur; nested values stay JSON text."""
    query = (
        f"select key, min(_row) as seen from (select unnest(json_keys(json)) as key, _row from {objects}) group by key"
    )
    found = connection.execute(f"select key from ({query}) order by seen").fetchall()
    first = connection.execute(f"select json_keys(json) from {objects} limit 1").fetchone()
    order = {key: position for position, key in enumerate(first[0] if first else [])}
    headers = sorted((row[0] for row in found), key=lambda key: order.get(key, len(order)))
    names = column_names(headers)
    selected = []
    for name, header in zip(names, headers, strict=True):
        pointer = text("/" + header.replace("~", "~0").replace("/", "~1"))
        value = f"json_extract_string(json, {pointer})"
        selected.append(f"case when {among(value, reading.missing)} then null else {value} end as {quoted(name)}")
    query = f"select {', '.join([*selected, '_row'])} from {objects}"
    return Raw(query, dict(zip(names, headers, strict=True)), True, rejected)


def read_parquet(connection: duckdb.DuckDBPyConnection, path: Path, reading: Reading, scratch: Path) -> Raw:
    if path.suffix.lower() == ".gz":
        path = _unpacked(path, scratch)
    source = f"read_parquet({text(path.as_posix())}, file_row_number = true)"
    headers = [name for name in columns(connection, source) if name != "file_row_number"]
    names = column_names(headers)
    selected = [f"{quoted(header)} as {quoted(name)}" for name, header in zip(names, headers, strict=True)]
    query = f"select {', '.join(selected)}, file_row_number + 1 as _row from {source}"
    return Raw(query, dict(zip(names, headers, strict=True)), False)


def read_excel(connection: duckdb.DuckDBPyConnection, path: Path, reading: Reading, scratch: Path) -> Raw:
    """One sheet; its first row is the header."""
    import pandas as pd  # takes half a second, which only Excel is worth

    if path.suffix.lower() == ".gz":
        path = _unpacked(path, scratch)
    cells = pd.read_excel(path, sheet_name=reading.sheet, header=None, dtype=object, keep_default_na=False)
    if cells.empty:
        raise ProjectError(f"{path}: sheet {reading.sheet} is empty.")
    headers = [str(value) for value in cells.iloc[0]]
    names = column_names(headers)
    marks = set(reading.missing)
    body = cells.iloc[1:].set_axis(names, axis="columns").map(lambda value: _cell(value, marks)).astype("string")
    target = scratch / f"{path.name}.parquet"
    body.to_parquet(target, index=False)
    raw = read_parquet(connection, target, reading, scratch)
    return Raw(raw.query, dict(zip(names, headers, strict=True)), True)


def _cell(value: object, marks: set[str]) -> str | None:
    if value is None or value != value:  # NaN and NaT differ from themselves
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if str(value) in marks else str(value)


def encoding_of(path: Path, reading: Reading) -> str:
    """As configured; else by the byte order mark; else UTF-8 where that fits; else Windows-1252, which holds Latin-1.

    Raises ProjectError for a name that Python does not know.
    """
    if reading.encoding != "auto":
        try:
            return codecs.lookup(reading.encoding).name
        except LookupError as error:
            raise ProjectError(
                f"read.encoding: Python knows no encoding {reading.encoding!r} (conf/source/)."
            ) from error
    head = _head(path)
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def separator_of(sample: str, reading: Reading) -> str:
    """As configured; else of comma, semicolon, tab and bar the one by which most rows have the fields of the header."""
    if reading.separator != "auto":
        return reading.separator.replace("\\t", "\t")

    def agreement(delimiter: str) -> tuple[float, float]:
        try:
            rows = [len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row][:1000]
        except csv.Error:
            return 0.0, 0.0
        if not rows or rows[0] < 2:
            return 0.0, 0.0
        return statistics.fmean(width == rows[0] for width in rows[: -1 if len(rows) > 2 else None]), rows[0]

    best = max(",;\t|", key=agreement)
    return best if agreement(best)[0] > 0 else ","


def _head(path: Path) -> bytes:
    if path.suffix.lower() == ".gz":
        with gzip.open(path) as packed:
            return packed.read(SAMPLE)
    with path.open("rb") as plain:
        return plain.read(SAMPLE)


def _unpacked(path: Path, scratch: Path) -> Path:
    target = scratch / path.stem
    with gzip.open(path) as packed, target.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    return target


def _as_utf8(path: Path, encoding: str, scratch: Path) -> Path:
    """A copy in UTF-8. Raises UnicodeError where the file is not in `encoding`."""
    target = scratch / f"{path.name}.utf8.csv"
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rb") as packed, target.open("w", encoding="utf-8", newline="") as copy:
        for block in _blocks(io.TextIOWrapper(packed, encoding=encoding, newline="")):  # type: ignore[type-var]
            copy.write(block)
    return target


def _blocks(lines: io.TextIOBase) -> Iterator[str]:
    while block := lines.read(SAMPLE):
        yield block

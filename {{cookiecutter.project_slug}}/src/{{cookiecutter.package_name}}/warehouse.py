"""DuckDB: one way to connect, a few words of SQL, and the catalogue of all zones."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from .config import Engine
from .errors import ProjectError
from .layout import Layout, replacing
from .progress import watching

LINEAGE = ("_source", "_landing", "_file", "_row")
"""Columns of the formatted and the trusted zone that say where a row came from; `_row` 1 is the first record."""

FAILURES = "_failures"
"""Column of the quarantine: a list of {column, rule, value}, one for each rule that the row broke."""

AT_ONCE = 4
"""Queries that run side by side, at most: one that reads a file takes up to 300 MB."""

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")

ZONES = ("formatted", "trusted", "exploitation", "splits", "quarantine", "batch")


@contextmanager
def connect(engine: Engine, layout: Layout) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory, which goes to disk where `engine.memory` does not suffice.

    Raises ProjectError for what DuckDB says in the meantime: a damaged file, a full disk.
    """
    spill = layout.spill / str(os.getpid())
    layout.spill.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {"memory_limit": engine.memory, "temp_directory": spill.as_posix()}
    if engine.threads:
        settings["threads"] = str(engine.threads)
    try:
        connection = duckdb.connect(config=settings)
    except duckdb.Error as error:
        raise ProjectError(f"DuckDB refuses the settings of conf/engine/: {error}") from error
    try:
        connection.execute("set global TimeZone = 'UTC'")  # for its cursors as well
        yield connection
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise ProjectError(
            f"{reason}\nNothing was changed. A damaged file of a zone is made again from the zone before it, "
            "or brought back by `.venv/bin/dvc checkout --force`."
        ) from error
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def text(value: object) -> str:
    """A literal as SQL writes it."""
    return "'" + str(value).replace("'", "''") + "'"


def among(value: str, known: Iterable[object], kind: str = "VARCHAR") -> str:
    """A condition: `value` is one of a few constants. `in (…)` would make DuckDB join a table for each condition."""
    return f"list_contains([{', '.join(map(text, known))}]::{kind}[], {value})"


def parquet(path: Path) -> str:
    """The table function that reads a Parquet file, or every one in a folder in the order of their names."""
    return f"read_parquet({_pattern(path)})"


def _pattern(path: Path) -> str:
    return text((path / "*.parquet" if path.is_dir() else path).as_posix())


def position(connection: duckdb.DuckDBPyConnection, path: Path) -> str:
    """The number of a row, from 0, in what `parquet(path)` reads: SQL that costs nothing, the same in every query."""
    metadata = f"parquet_file_metadata({_pattern(path)})"
    rows = connection.execute(f"select num_rows from {metadata} order by file_name").fetchall()
    before = list(itertools.accumulate((row[0] for row in rows[:-1]), initial=0))
    return f"(({before}::bigint[])[file_index::bigint + 1] + file_row_number)"


def columns(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Name and DuckDB type of every column."""
    return {row[0]: row[1] for row in connection.execute(f"describe select * from {relation}").fetchall()}


def count(connection: duckdb.DuckDBPyConnection, relation: str, where: str = "true") -> int:
    return int(one(connection, f"select count(*) from {relation} where {where}"))


def one(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    """The single value of a query."""
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    """Write a query's rows, in their order, to a Parquet file; their number."""
    return int(one(connection, f"copy ({query}) to {text(target.as_posix())} (format parquet)"))


@contextmanager
def in_order(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """One thread a query: the same rows give the same file, also after a join or a filter that leaves few.

    On several threads DuckDB keeps no order through a join, and cuts what a filter leaves into other row groups.
    """
    threads = one(connection, "select current_setting('threads')")
    connection.execute("set threads = 1")
    yield
    connection.execute(f"set threads = {threads}")


def side_by_side(
    connection: duckdb.DuckDBPyConnection,
    what: str,
    amounts: Mapping[Key, int],
    work: Callable[[duckdb.DuckDBPyConnection, Key], Result],
    unit: str = " rows",
) -> dict[Key, Result]:
    """What `work` gives for each key of `amounts`: several at once, each with a cursor of its own, `in_order`.

    `amounts` are the rows (or bytes) that each goes through, for the bar.
    """
    workers = min(AT_ONCE, one(connection, "select current_setting('threads')"))
    cursors = {key: connection.cursor() for key in amounts}

    def run(key: Key) -> Result:
        with cursors[key] as cursor:  # closed, it gives back its buffers
            return work(cursor, key)

    bar = watching(what, {cursors[key]: amount for key, amount in amounts.items()}, unit)
    with in_order(connection), bar, ThreadPoolExecutor(workers) as pool:
        return dict(zip(amounts, pool.map(run, amounts), strict=True))


def catalogue(layout: Layout) -> Path:
    """Write `data/warehouse.duckdb`: a schema a zone, a view a table, nothing stored twice.

    The views find the Parquet files from the project's folder, so that is where the file is opened.
    """
    found = [(zone, name, path.relative_to(layout.root)) for zone, name, path in tables(layout)]
    with (
        replacing(layout.warehouse) as temporary,
        duckdb.connect(temporary.as_posix()) as connection,
        _in_folder(layout.root),
    ):
        for zone, name, path in found:
            connection.execute(f"create schema if not exists {quoted(zone)}")
            connection.execute(f"create view {quoted(zone)}.{quoted(name)} as from {parquet(path)}")
    return layout.warehouse


def open_shell(layout: Layout) -> None:
    """DuckDB's own command line on the catalogue, until it is left."""
    subprocess.run([_duckdb(), str(catalogue(layout).relative_to(layout.root))], cwd=layout.root)


def ask(question: str, layout: Layout, *, csv: bool = False) -> str:
    """The answer to an SQL question as a table, or as CSV. Raises ProjectError for SQL that does not run."""
    with duckdb.connect(catalogue(layout).as_posix(), read_only=True) as connection, _in_folder(layout.root):
        try:
            answer = connection.sql(question)
            if answer is None:
                return ""
            return answer.df().to_csv(index=False) if csv else str(answer)
        except duckdb.Error as error:
            known = ", ".join(f"{zone}.{name}" for zone, name, _ in tables(layout))
            raise ProjectError(f"{error}\nThe tables are {known}.") from error


def _duckdb() -> str:
    """The command line of DuckDB beside this Python."""
    return str(Path(sys.executable).with_name("duckdb"))


def tables(layout: Layout) -> Iterator[tuple[str, str, Path]]:
    """Zone, name and Parquet file or folder of every table of the project."""
    for zone in ZONES:
        for path in sorted((layout.root / "data" / zone).glob("*")):
            if path.suffix == ".parquet":
                yield zone, path.stem, path
            elif path.is_dir() and zone == "quarantine":
                yield from ((f"quarantine_{path.name}", file.stem, file) for file in sorted(path.glob("*.parquet")))
            elif path.is_dir() and any(path.glob("*.parquet")):
                yield zone, path.name, path


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)

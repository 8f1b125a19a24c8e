"""Landing zone in, formatted zone out: every table typed, as Parquet, each row with its origin.

A value that is not of its column's type sends its row to data/quarantine/format, with the reason.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from .. import sources
from ..config import Config
from ..errors import ProjectError
from ..layout import Layout, replacing
from . import contracts

DUCKDB_TYPES = {
    "Int64": "BIGINT",
    "int64": "BIGINT",
    "Float64": "DOUBLE",
    "float64": "DOUBLE",
    "boolean": "BOOLEAN",
    "bool": "BOOLEAN",
    "datetime64[ns]": "TIMESTAMP",
    "str": "VARCHAR",
    "object": "VARCHAR",
}


CSV = "header = true, all_varchar = true, delim = ',', quote = '\"', nullstr = ['NA', '']"


def run(config: Config, layout: Layout) -> None:
    with replacing(layout.formatted) as formatted, replacing(layout.quarantine / "format") as quarantine:
        formatted.mkdir()
        quarantine.mkdir()
        for table in config.source.tables:
            files = sources.landed_paths(config.source, layout, table)
            if not files:
                raise ProjectError(f"Nothing of table {table} is in {layout.landing}: run `make ingest` first.")
            types = duckdb_types(table, contracts.columns(contracts.schema(table, layout)))
            kept, rejected = format_table(files, types, formatted / f"{table}.parquet", quarantine / f"{table}.parquet")
            if not kept:
                raise ProjectError(
                    f"Table {table} is empty: no usable row in {', '.join(str(file) for file in files)}."
                )
            print(f"format    {table:<10} {kept:>8,} rows, {rejected:,} to quarantine")


def duckdb_types(table: str, dtypes: dict[str, str]) -> dict[str, str]:
    unknown = {name: dtype for name, dtype in dtypes.items() if dtype not in DUCKDB_TYPES}
    if unknown:
        raise ProjectError(f"conf/schema/{table}.yaml: no such dtype: {unknown}. Known are {', '.join(DUCKDB_TYPES)}.")
    return {name: DUCKDB_TYPES[dtype] for name, dtype in dtypes.items()}


def format_table(files: list[Path], types: dict[str, str], formatted: Path, quarantine: Path) -> tuple[int, int]:
    """CSV `files` to two Parquet files; returns the number of rows kept and quarantined.

    `types` gives the DuckDB type of each column. Columns that it does not name are left out. Both
    outputs carry `_file` and `_row` (1 = first row below the header); the quarantine keeps every
    value as text and adds `_reason`. Raises ProjectError for a file without one of the columns.
    """
    with duckdb.connect() as connection:
        union = " union all ".join(_read(connection, file, types) for file in files)
        try:
            connection.execute(f"create table raw as {union}")
        except duckdb.Error as error:
            raise ProjectError(f"{files[0].parent} holds a file that is not regular CSV: {error}") from error
        casts = {name: f"try_cast({_quoted(name)} as {kind})" for name, kind in types.items()}
        wrong = [
            f"case when {_quoted(name)} is not null and {cast} is null "
            f"then '{_text(name)}: ' || {_quoted(name)} || ' is not {types[name]}' end"
            for name, cast in casts.items()
        ]
        connection.execute(f"create table judged as select *, concat_ws('; ', {', '.join(wrong)}) as _reason from raw")
        typed = ", ".join(f"{cast} as {_quoted(name)}" for name, cast in casts.items())
        kept = _copy(connection, f"select {typed}, _file, _row from judged where _reason = ''", formatted)
        rejected = _copy(connection, "select * from judged where _reason <> ''", quarantine)
    return kept, rejected


def _read(connection: duckdb.DuckDBPyConnection, file: Path, types: dict[str, str]) -> str:
    """A query that gives the rows of `file` as text, in its order."""
    source = f"read_csv('{_text(file.as_posix())}', {CSV})"
    try:
        found = [row[0] for row in connection.execute(f"describe select * from {source}").fetchall()]
    except duckdb.Error as error:
        raise ProjectError(f"{file} cannot be read as CSV: {error}") from error
    missing = [name for name in types if name not in found]
    if missing:
        raise ProjectError(f"{file} has no column {', '.join(missing)}. It has {', '.join(found)}.")
    names = ", ".join(_quoted(name) for name in types)
    return f"select {names}, '{_text(file.name)}' as _file, row_number() over () as _row from {source}"


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    copied = connection.execute(f"copy ({query}) to '{_text(target.as_posix())}' (format parquet)").fetchone()
    return int(copied[0]) if copied else 0


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return value.replace("'", "''")

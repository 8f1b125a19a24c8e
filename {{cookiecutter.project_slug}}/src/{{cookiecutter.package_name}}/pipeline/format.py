"""Landing zone in, formatted zone out: every table typed, as Parquet, each row with its origin.

A landed file becomes one Parquet file in `data/formatted/<table>/`; several are read at once. A row that is no
row, or has a value that is not of its column's type, goes to data/quarantine/format with the reason.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from .. import governance
from ..config import Config, Reading
from ..errors import ProjectError
from ..layout import Layout, replacing, write_json
from ..locks import exclusive
from ..warehouse import FAILURES, LINEAGE, connect, copy, count, parquet, quoted, side_by_side
from . import notation, quarantine, readers, schema
from .notation import Notation
from .readers import File
from .schema import Schema


def run(config: Config, layout: Layout) -> None:
    with (
        exclusive("format", layout),
        replacing(layout.formatted) as formatted,
        replacing(layout.quarantine / "format") as refused,
        governance.recorded("format", layout, layout.landing, layout.schemas) as record,
    ):
        formatted.mkdir()
        refused.mkdir()
        mapping = {}
        for name, source in config.sources.items():
            for table in source.tables_of(name):
                kept, rejected, mapping[table] = format_table(
                    config, layout, table, source.read, formatted / table, refused / f"{table}.parquet"
                )
                record.table(table, rows_in=kept + rejected, rows_out=kept, quarantined=rejected)
                print(f"format    {table:<12} {kept:>10,} rows, {rejected:,} to quarantine", flush=True)
        write_json(formatted / "columns.json", mapping)


def format_table(
    config: Config, layout: Layout, table: str, reading: Reading, target: Path, refused: Path
) -> tuple[int, int, dict[str, dict[str, str]]]:
    """Rows kept and quarantined, and the mapping of the columns (name to header and type).

    Raises ProjectError when nothing is landed, a column is missing, or too many rows cannot be read.
    """
    contract = schema.read(table, layout)
    with connect(config.engine, layout) as connection, tempfile.TemporaryDirectory() as folder:
        files = readers.landed(connection, table, reading, layout, Path(folder))
        target.mkdir()
        check_columns(table, contract, files)
        notations = detect(connection, contract, files, reading)
        for name, found in notations.items():
            if found.doubt:
                print(
                    f"format    {table}.{name}: {found.doubt}; if that is wrong, say so in `read:` of conf/source/",
                    flush=True,
                )

        def one(cursor: duckdb.DuckDBPyConnection, number: int) -> tuple[int, int, Path | None]:
            name = f"{number:05}.parquet"
            return format_file(cursor, files[number], contract, notations, target / name, Path(folder) / name)

        sizes = {number: file.path.stat().st_size for number, file in enumerate(files)}
        done = side_by_side(connection, f"format {table}", sizes, one, "B").values()
        total, kept = (sum(column) for column in list(zip(*done, strict=True))[:2])
        write_quarantine(connection, contract, [path for *_, path in done if path], refused)
        broken = quarantine.broken_rules(connection, parquet(refused))
    if not total:
        raise readers.empty(table, files)
    look_at = _advice(table, contract, broken, total)
    quarantine.check_share(table, total, broken, total - kept, config.trust.max_quarantined_share, look_at)
    headers = readers.headers(files)
    mapping = {name: {"from": headers[name], "type": column.type} for name, column in contract.columns.items()}
    return kept, total - kept, mapping


def _advice(table: str, contract: Schema, broken: list[quarantine.Broken], total: int) -> str:
    """What to do about too many bad rows; a column that is of another type now is named."""
    many = {one.rule for one in broken if 2 * one.rows > total}
    retyped = [f"{name} ({column.type})" for name, column in contract.columns.items() if f"{name}: type" in many]
    changed = f"Of another type than conf/schema/{table}.yaml says: {', '.join(retyped)}. " if retyped else ""
    return (
        f"{changed}`make schema` compares the files with conf/schema/{table}.yaml; "
        "`read:` of conf/source/ can say how they are written."
    )


def check_columns(table: str, contract: Schema, files: list[File]) -> None:
    """Say which columns are new; raise ProjectError when one that the schema names is missing."""
    for file in files:
        missing = [name for name in contract.columns if name not in file.raw.columns]
        if missing:
            raise ProjectError(
                f"The columns of table {table} have changed: {file.path} has no column {', '.join(missing)}. "
                f"It has {', '.join(file.raw.columns)}. Correct the file, or conf/schema/{table}.yaml."
            )
    new = [name for name in readers.headers(files) if name not in contract.columns]
    if new:
        print(
            f"format    {table}: new column(s) {', '.join(new)}, which conf/schema/{table}.yaml does not name, are "
            "left out; `make schema` shows the difference",
            flush=True,
        )


def detect(
    connection: duckdb.DuckDBPyConnection, contract: Schema, files: list[File], reading: Reading
) -> dict[str, Notation]:
    """How the values of each column are written, by the first rows of every file."""
    kinds: dict[str, str] = {name: column.type for name, column in contract.columns.items()}
    names = ", ".join(map(quoted, kinds))
    samples = [f"(select {names} from ({file.raw.query}) limit {notation.SEEN})" for file in files if file.raw.as_text]
    if not samples:
        return {}
    connection.execute(f"create or replace temp table sample as {' union all by name '.join(samples)}")
    return notation.detect(connection, "sample", kinds, reading)


def format_file(
    connection: duckdb.DuckDBPyConnection,
    file: File,
    contract: Schema,
    notations: Mapping[str, Notation],
    target: Path,
    refused: Path,
) -> tuple[int, int, Path | None]:
    """Rows in, rows kept and, where these differ, the Parquet file `refused` with the others.

    The file is read once: all rows are written, those that cannot be read with a negative `_row`, and it is only
    when there are such rows that they are taken out again.
    """
    kinds = {name: column.type for name, column in contract.columns.items()}
    written = {name: notations[name] if file.raw.as_text and name in notations else Notation() for name in kinds}
    readable = {name: notation.is_readable(name, kind, written[name]) for name, kind in kinds.items()}
    try:
        rows = copy(connection, _typed(file, kinds, written, readable), target)
        connection.execute(f"create temp table lines as {file.raw.rejected}")
        lines, bad = count(connection, "lines"), count(connection, parquet(target), "_row < 0")
        if not lines and not bad:
            return rows, rows, None
        everything = target.rename(target.with_suffix(".all"))
        kept = copy(connection, f"from {parquet(everything)} where _row > 0", target)
        everything.unlink()
        texts = {name: f"{quoted(name)}::varchar" for name in kinds}
        names = ", ".join(f"{value} as {quoted(name)}" for name, value in texts.items())
        reasons = quarantine.failures(
            [(f"not ({readable[name]})", quarantine.failure(name, "type", texts[name])) for name in kinds]
        )
        no_row = "{'column': '', 'rule': split_part(_why, chr(10), 1), 'value': _text}"
        copy(
            connection,
            f"select {names}, {file.lineage}, {reasons} as {FAILURES} from ({file.raw.query}) "
            f"where not ({_all(readable.values())}) "
            f"union all by name select {file.lineage}, [{no_row}] as {FAILURES} from lines",
            refused,
        )
    except duckdb.Error as error:
        raise readers.unreadable(file.path, error) from error
    return rows + lines, kept, refused


def _typed(file: File, kinds: Mapping[str, str], written: Mapping[str, Notation], readable: Mapping[str, str]) -> str:
    """The typed rows, `_row` negative where one cannot be read. A value is cast once; only a misfit may be a mark."""
    casts = [f"{notation.cast(name, kind, written[name])} as {quoted('_' + name)}" for name, kind in kinds.items()]
    fitting = [
        notation.fits(name, kind, written[name], quoted("_" + name)) for name, kind in kinds.items() if kind != "text"
    ]
    names = ", ".join(f"{quoted('_' + name)} as {quoted(name)}" for name in kinds)
    good = f"case when {_all(fitting)} then true else {_all(readable.values())} end"
    return (
        f"select {names}, {file.lineage} from (select * replace (if({good}, _row, -_row) as _row) "
        f"from (select *, {', '.join(casts)} from ({file.raw.query})))"
    )


def _all(conditions: Iterable[str]) -> str:
    return " and ".join(conditions) or "true"


def write_quarantine(connection: duckdb.DuckDBPyConnection, contract: Schema, parts: list[Path], target: Path) -> None:
    """One file for the table, also when nothing was refused."""
    names = [f"null::varchar as {quoted(name)}" for name in contract.columns]
    lineage = [f"null::{'bigint' if name == '_row' else 'varchar'} as {name}" for name in LINEAGE]
    failures = f"[]::{quarantine.TYPE} as {FAILURES}"
    empty = f"select {', '.join([*names, *lineage, failures])} where false"
    queries = [empty, *(f"from {parquet(part)}" for part in parts)]
    copy(connection, " union all by name ".join(f"({query})" for query in queries), target)

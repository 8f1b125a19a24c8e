"""Landed files without a schema in, conf/schema/<table>.yaml out. An existing file is never overwritten unasked."""

from __future__ import annotations

import difflib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb
import yaml
from ruamel.yaml import YAML

from ..config import Config, Reading
from ..errors import ProjectError
from ..layout import Layout, replacing
from ..warehouse import connect, count, quoted
from . import notation, readers, schema
from .notation import Notation
from .schema import Schema

FEW = 12
"""Text with at most this many different values is shown with all of them."""


@dataclass(frozen=True)
class Seen:
    """What one column holds: its type, whether values are missing, and a remark for the people who edit the file."""

    name: str
    type: str
    nullable: bool
    remark: str


def run(config: Config, layout: Layout, *, only: str | None = None, write: bool = False) -> None:
    """Make the schemas that are missing; show how the others differ from the data, and replace them with `write`."""
    if only is not None and only not in config.tables:
        raise ProjectError(f"No table {only} in conf/source/. There are {', '.join(config.tables)}.")
    for table in [only] if only else config.tables:
        path = schema.path_of(table, layout)
        found = infer(config, layout, table)
        if not path.is_file():
            _write(path, found)
            describe_in_card(table, found, layout)
            print(f"schema    made {path}: read it, and add the rules that you know", flush=True)
            continue
        difference = _difference(schema.read(table, layout), found, str(path))
        if not difference:
            print(f"schema    {path} names the columns that the data has, with their types")
        elif write:
            _write(path, found)
            print(f"{difference}\nschema    {path} replaced")
        else:
            print(
                f'{difference}\nschema    {path} is as it was; to replace it by the above: make schema ARGS="--write"'
            )


def make_missing(config: Config, layout: Layout) -> None:
    """The schemas of the tables that are seen for the first time."""
    for table in config.tables:
        if not schema.path_of(table, layout).is_file():
            run(config, layout, only=table)


def describe_in_card(table: str, found: str, layout: Layout) -> None:
    """Add the columns of a new table to the dataset card, for their meaning to be written."""
    card = layout.root / "metadata.yaml"
    if not card.is_file():
        return
    yaml_with_remarks = YAML()
    yaml_with_remarks.width = 120
    content = yaml_with_remarks.load(card.read_text(encoding="utf-8"))
    names = yaml.safe_load(found)["columns"]
    content["tables"] = {**(content.get("tables") or {}), table: dict.fromkeys(names, "to be described")}
    with replacing(card) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        yaml_with_remarks.dump(content, file)


def infer(config: Config, layout: Layout, table: str) -> str:
    """The text of a schema file. Raises ProjectError when nothing of the table is landed."""
    reading = next(source.read for name, source in config.sources.items() if table in source.tables_of(name))
    with connect(config.engine, layout) as connection, tempfile.TemporaryDirectory() as folder:
        files = readers.landed(connection, table, reading, layout, Path(folder))
        headers = readers.headers(files)
        union = " union all by name ".join(f"select * exclude (_row) from ({file.raw.query})" for file in files)
        connection.execute(f"create temp table raw as {union}")
        if not count(connection, "raw"):
            raise readers.empty(table, files)
        seen = [look(connection, name, reading) for name in headers]
    return _text(table, config.tables[table].key, seen, headers)


def look(connection: duckdb.DuckDBPyConnection, name: str, reading: Reading) -> Seen:
    """Type and remark of one column of the table `raw`."""
    column = quoted(name)
    (given,) = connection.execute(f"select typeof(any_value({column})) from raw").fetchone() or ("",)
    for kind in ("integer", "number", "boolean", "timestamp"):
        found = notation.detect(connection, "raw", {name: kind}, reading).get(name, Notation())
        if kind == "boolean" and given == "VARCHAR" and not _is_true_or_false(connection, column):
            continue
        missing = count(connection, "raw", f"{notation.cast(name, kind, found)} is null")
        present = count(connection, "raw", f"{column} is not null")
        unreadable = count(connection, "raw", f"not ({notation.is_readable(name, kind, found)})")
        if present and not unreadable and missing < count(connection, "raw") and _is_kind(given, kind):
            return Seen(name, kind, missing > 0, _range(connection, notation.cast(name, kind, found), found))
    missing = count(connection, "raw", f"{column} is null")
    return Seen(name, "text", missing > 0, _values(connection, column))


def _is_kind(given: str, kind: str) -> bool:
    """Whether values that came with the type `given` are of `kind`; text can be of any."""
    if given in ("VARCHAR", ""):
        return True
    kinds = {
        "boolean": given == "BOOLEAN",
        "timestamp": given.startswith(("TIMESTAMP", "DATE")),
        "integer": "INT" in given,
        "number": given.startswith(("FLOAT", "DOUBLE", "DECIMAL")),
    }
    return kinds[kind]


def _is_true_or_false(connection: duckdb.DuckDBPyConnection, column: str) -> bool:
    return not count(connection, "raw", f"lower({column}) not in ('true', 'false')")


def _range(connection: duckdb.DuckDBPyConnection, value: str, found: Notation) -> str:
    low, high, distinct = connection.execute(
        f"select min({value})::varchar, max({value})::varchar, count(distinct {value}) from raw"
    ).fetchone() or ("", "", 0)
    written = [f"{distinct} different, {low} to {high}"]
    if found.decimal == ",":
        written.append("decimal comma")
    written += [*found.dates, found.doubt]
    return "; ".join(part for part in written if part)


def _values(connection: duckdb.DuckDBPyConnection, column: str) -> str:
    rows = connection.execute(
        f"select {column}::varchar from raw where {column} is not null group by 1 "
        f"order by count(*) desc, 1 limit {FEW + 1}"
    ).fetchall()
    if not rows:
        return "no value at all"
    if len(rows) <= FEW and sum(len(row[0]) for row in rows) < 80:
        return ", ".join(" ".join(row[0].split()) for row in rows)
    return f"{count(connection, f'(select distinct {column} from raw where {column} is not null)')} different"


def _text(table: str, key: tuple[str, ...], seen: list[Seen], headers: dict[str, str]) -> str:
    lines = [
        f"# Table {table}, as it was first seen. Correct it and add what you know; docs/schema.md lists the rules.",
        f"description: {table}",
    ]
    lines.append("columns:")
    width = max(len(_yaml_key(column.name)) for column in seen) + 1
    for column in seen:
        parts = [f"type: {column.type}"]
        if column.nullable and column.name not in key:
            parts.append("nullable: true")
        if key == (column.name,):
            parts.append("unique: true")
        raw = "" if headers[column.name] == column.name else f"came as {' '.join(headers[column.name].split())!r}; "
        body = "{" + ", ".join(parts) + "}"
        lines.append(f"  {_yaml_key(column.name) + ':':<{width}} {body:<34} # {raw}{column.remark}".rstrip())
    return "\n".join(lines) + "\n"


def _yaml_key(name: str) -> str:
    """YAML reads some bare words as something else: no, on, null."""
    return name if yaml.safe_load(name) == name else f'"{name}"'


WIDER = {("number", "integer"), ("text", "integer"), ("text", "number"), ("text", "boolean"), ("text", "timestamp")}
"""Pairs of types of which the first holds every value of the second."""


def _difference(contract: Schema, found: str, where: str) -> str:
    """A unified diff of columns and types; empty when the data fits. Rules and remarks do not count."""
    current, inferred = contract.columns, Schema.model_validate(yaml.safe_load(found)).columns
    before = [_line(name, column.type, column.nullable) for name, column in current.items()]
    after = []
    for name, column in inferred.items():
        known = current.get(name, column)
        kind = known.type if (known.type, column.type) in WIDER else column.type
        after.append(_line(name, kind, known.nullable or column.nullable))
    return "\n".join(difflib.unified_diff(before, after, where, "the landed data", lineterm="", n=1))


def _line(name: str, kind: str, nullable: bool) -> str:
    return f"{name}: {{type: {kind}{', nullable: true' if nullable else ''}}}"


def _write(path: Path, content: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(content, encoding="utf-8", newline="\n")

"""From which columns of which tables each column of a view is made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify


def of_view(file: Path, tables: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Column of the view to `table.column` of what it is computed from, as far as sqlglot can follow the SQL.

    `tables` gives name and type of the columns of every table. A column that cannot be followed has an empty list.
    """
    try:
        parsed = sqlglot.parse_one(file.read_text(encoding="utf-8"), dialect="duckdb")
        schema: dict[str, object] = {table: dict(columns) for table, columns in tables.items()}
        query = qualify(parsed, schema=schema, dialect="duckdb")
        names = [column.alias_or_name for column in query.find(exp.Select).selects]  # type: ignore[union-attr]
        return {name: _sources(name, query.sql("duckdb"), schema) for name in names}
    except SqlglotError:
        return {}


def _sources(name: str, query: str, schema: dict[str, object]) -> list[str]:
    try:
        nodes = lineage(name, query, schema=schema, dialect="duckdb").walk()
    except SqlglotError:
        return []
    leaves = {
        f"{node.expression.name}.{exp.to_column(node.name).name}"
        for node in nodes
        if isinstance(node.expression, exp.Table) and not node.downstream
    }
    return sorted(leaves)

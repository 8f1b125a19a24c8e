"""From which columns of which tables each column of a view is made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage


def of_view(file: Path, tables: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Column of the view to `table.column` of what it is computed from; empty when sqlglot cannot follow the SQL.

    `tables` gives name and type of the columns of every table.
    """
    schema: dict[str, object] = {table: dict(columns) for table, columns in tables.items()}
    try:
        found = lineage(None, file.read_text(encoding="utf-8"), schema, dialect="duckdb")
    except SqlglotError:
        return {}
    return {name: _sources(node) for name, node in found.items()}


def _sources(column: Node) -> list[str]:
    leaves = {
        f"{node.expression.name}.{exp.to_column(node.name).name}"
        for node in column.walk()
        if isinstance(node.expression, exp.Table) and not node.downstream
    }
    return sorted(leaves)

"""Quality of a table in numbers: what share of it is there, once, valid, consistent, and how old it is."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ..landing import TIME
from ..warehouse import FAILURES, count, parquet, quoted
from .schema import Schema

BETWEEN = "(failure.column = '' or starts_with(failure.rule, 'references '))"
"""SQL: the rule is one between columns or between tables."""


def measure(
    connection: duckdb.DuckDBPyConnection,
    trusted: Path,
    refused: Path,
    unreadable: int,
    contract: Schema,
    counts: dict[str, int],
) -> dict[str, Any]:
    """Five of the dimensions of DAMA UK (2013), 0 to 1 but for the last, after the counts that they come from.

    completeness: cells of the trusted rows that hold a value · uniqueness: rows that repeat no key · validity: rows
    that could be read (`unreadable` were not) and broke no rule of a column · consistency: rows that broke no rule
    between columns or tables · timeliness: days from the newest row to its landing, null for a table without `time`.
    """
    rows = max(counts["rows_in"], 1)
    cells = ", ".join(f"count({quoted(name)})" for name in contract.columns)
    present = sum(connection.execute(f"select {cells} from {parquet(trusted)}").fetchone() or ())
    inconsistent, invalid = (
        count(connection, parquet(refused), f"len(list_filter({FAILURES}, lambda failure: {which})) > 0")
        for which in (BETWEEN, f"not {BETWEEN}")
    )
    return {
        **counts,
        "completeness": round(present / max(counts["rows_out"] * len(contract.columns), 1), 6),
        "uniqueness": round(1 - counts["duplicates"] / rows, 6),
        "validity": round(1 - (invalid + unreadable) / (rows + unreadable), 6),
        "consistency": round(1 - inconsistent / rows, 6),
        "timeliness_days": _age_days(connection, trusted, contract.time),
    }


def _age_days(connection: duckdb.DuckDBPyConnection, trusted: Path, time: str | None) -> float | None:
    if time is None:
        return None
    newest, landed = connection.execute(
        f"select max({quoted(time)}), max(_landing) from {parquet(trusted)}"
    ).fetchone() or (None, None)
    if newest is None:
        return None
    return float(round((datetime.strptime(landed, TIME) - newest).total_seconds() / 86400, 1))

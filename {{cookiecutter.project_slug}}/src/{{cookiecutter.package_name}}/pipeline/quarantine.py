"""Rows that were refused: what they held, and each rule that they broke, as one Parquet file a table."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from ..errors import ProjectError
from ..warehouse import FAILURES, text

SHOWN = 10
TYPE = 'struct("column" varchar, rule varchar, value varchar)[]'


def failure(column: str, rule: str, value: str) -> str:
    """One failure as SQL; `value` is an SQL expression of the text that was found."""
    return f"{{'column': {text(column)}, 'rule': {text(rule)}, 'value': {value}}}"


def failures(judged: list[tuple[str, str]]) -> str:
    """The list of failures of a row as SQL, from pairs of (condition that is true for a bad row, failure)."""
    cases = ", ".join(f"case when {broken} then {one} end" for broken, one in judged)
    return f"list_filter([{cases}]::{TYPE}, lambda failure: failure is not null)"


@dataclass(frozen=True)
class Broken:
    """`rule` with its column before it, the number of rows that broke it, and a value that did."""

    rule: str
    rows: int
    example: str | None


def broken_rules(connection: duckdb.DuckDBPyConnection, relation: str) -> list[Broken]:
    """Every rule that was broken, most frequent first."""
    rows = connection.execute(
        f"select concat_ws(': ', nullif(failure.column, ''), failure.rule) as rule, count(*) as rows, "
        f"min(failure.value) from (select unnest({FAILURES}) as failure from {relation}) "
        f"group by rule order by rows desc, rule"
    ).fetchall()
    return [Broken(*row) for row in rows]


def check_share(table: str, total: int, broken: list[Broken], bad: int, limit: float, where: str) -> None:
    """Raises ProjectError when more than `limit` (0 to 1) of `total` rows are bad, or none is good.

    The message counts the `broken` rules; `where` says what to look at.
    """
    if bad < total and bad <= limit * total:
        return
    report = "\n".join(f"  {one.rows:>10,} x {one.rule}{_such_as(one.example)}" for one in broken[:SHOWN])
    more = f"\n  and {len(broken) - SHOWN} more rules" if len(broken) > SHOWN else ""
    raise ProjectError(
        f"{bad:,} of {total:,} rows of table {table} would go to quarantine, and {limit:.0%} may "
        f"(trust.max_quarantined_share):\n{report}{more}\n{where}"
    )


def _such_as(example: str | None) -> str:
    return f", such as {' '.join(example.split())[:60]!r}" if example is not None else ""

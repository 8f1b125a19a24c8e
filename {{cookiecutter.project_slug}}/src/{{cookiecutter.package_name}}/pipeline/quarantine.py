"""Rows that were refused: what they held, and each rule that they broke, as one Parquet file a table."""

from __future__ import annotations

import duckdb

from ..errors import ProjectError
from ..warehouse import FAILURES, text

SHOWN = 10


def failure(column: str, rule: str, value: str) -> str:
    """One failure as SQL; `value` is an SQL expression of the text that was found."""
    return f"{{'column': {text(column)}, 'rule': {text(rule)}, 'value': {value}}}"


def failures(judged: list[tuple[str, str]]) -> str:
    """The list of failures of a row as SQL, from pairs of (condition that is true for a bad row, failure)."""
    cases = ", ".join(f"case when {broken} then {one} end" for broken, one in judged)
    return f"list_filter([{cases}], lambda failure: failure is not null)"


def counts(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, int]:
    """`column: rule` to the number of rows that broke it, most frequent first."""
    rows = connection.execute(
        f"select concat_ws(': ', nullif(failure.column, ''), failure.rule) as rule, count(*) as rows "
        f"from (select unnest({FAILURES}) as failure from {relation}) group by rule order by rows desc, rule"
    ).fetchall()
    return dict(rows)


def check_share(table: str, total: int, broken: dict[str, int], bad: int, limit: float, where: str) -> None:
    """Raises ProjectError when more than `limit` (0 to 1) of `total` rows are bad, or none is good.

    The message counts the rules in `broken`; `where` says what to look at.
    """
    if bad < total and bad <= limit * total:
        return
    report = "\n".join(f"  {count:>10,} x {rule}" for rule, count in list(broken.items())[:SHOWN])
    more = f"\n  and {len(broken) - SHOWN} more rules" if len(broken) > SHOWN else ""
    raise ProjectError(
        f"{bad:,} of {total:,} rows of table {table} would go to quarantine, and {limit:.0%} may "
        f"(trust.max_quarantined_share):\n{report}{more}\n{where}"
    )

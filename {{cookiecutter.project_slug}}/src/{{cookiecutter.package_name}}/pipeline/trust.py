"""Formatted zone in, trusted zone out: no duplicate key, every row as its schema says.

Rows that break a rule go to data/quarantine/trust with each rule that they broke. Everything runs as SQL in
DuckDB, so a table may be larger than memory. results/quality.json has the quality of every table.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from .. import governance
from ..config import Config
from ..errors import ProjectError
from ..layout import Layout, replacing, write_json
from ..locks import exclusive
from ..progress import watching
from ..warehouse import FAILURES, LINEAGE, connect, copy, count, parquet, position, quoted
from . import quality, quarantine, schema
from .schema import Rule, Schema


def run(config: Config, layout: Layout) -> None:
    contracts = {table: schema.read(table, layout) for table in config.tables}
    measured = {}
    with (
        exclusive("trust", layout),
        replacing(layout.trusted) as trusted,
        replacing(layout.quarantine / "trust") as refused,
        governance.recorded("trust", layout, layout.formatted, layout.schemas) as record,
    ):
        trusted.mkdir()
        refused.mkdir()
        for table in parents_first(contracts):
            with connect(config.engine, layout) as connection:
                for parent in contracts[table].parents:
                    rows = layout.formatted / table if parent == table else trusted / f"{parent}.parquet"
                    connection.execute(f"create view {quoted(parent)} as from {parquet(rows)}")
                good_rows, bad_rows = (folder / f"{table}.parquet" for folder in (trusted, refused))
                key = config.tables[table].key
                counts = trust_table(
                    connection, layout.formatted / table, good_rows, bad_rows, contracts[table], key, table
                )
                bad, total = counts["quarantined"], counts["rows_in"] - counts["duplicates"]
                broken = quarantine.broken_rules(connection, parquet(bad_rows))
                look_at = f"Correct the data, or conf/schema/{table}.yaml."
                quarantine.check_share(table, total, broken, bad, config.trust.max_quarantined_share, look_at)
                unreadable = count(connection, parquet(layout.quarantine / "format" / f"{table}.parquet"))
                measured[table] = quality.measure(connection, good_rows, bad_rows, unreadable, contracts[table], counts)
            record.table(table, **counts)
            again = f", {counts['duplicates']:,} repeat a key" if counts["duplicates"] else ""
            print(f"trust     {table:<12} {counts['rows_out']:>10,} rows, {bad:,} to quarantine{again}", flush=True)
    write_json(layout.results / "quality.json", {table: measured[table] for table in config.tables})


def parents_first(contracts: dict[str, Schema]) -> list[str]:
    """The tables in an order in which each comes after those it refers to. Raises ProjectError for a circle."""
    ordered: list[str] = []
    while len(ordered) < len(contracts):
        ready = [
            table for table in contracts if table not in ordered and contracts[table].parents - {table} <= set(ordered)
        ]
        if not ready:
            left = {table: sorted(contracts[table].parents) for table in contracts if table not in ordered}
            raise ProjectError(f"conf/schema/: `references` lead to no table of conf/source/, or in a circle: {left}")
        ordered += ready
    return ordered


def trust_table(
    connection: duckdb.DuckDBPyConnection,
    formatted: Path,
    trusted: Path,
    refused: Path,
    contract: Schema,
    key: Sequence[str],
    table: str,
) -> dict[str, int]:
    """Write the good and the bad rows; rows_in, duplicates, quarantined and rows_out, which always add up."""
    where = position(connection, formatted)
    connection.execute(f"create view formatted_rows as select *, {where} as _position from {parquet(formatted)}")
    unknown = [name for name in key if name not in contract.columns]
    if unknown:
        raise ProjectError(
            f"The key of table {table} (conf/source/) names {', '.join(unknown)}, which its schema does not."
        )
    total = count(connection, parquet(formatted))
    rules = schema.rules(contract)
    with watching(f"trust {table}", {connection: total}):
        repeated(connection, "duplicates", key)
        judged = [(rule.broken, quarantine.failure(rule.column, rule.name, _value(rule))) for rule in rules]
        for name in (name for name, column in contract.columns.items() if column.unique and [name] != list(key)):
            repeated(connection, f"repeated_{name}", [name])
            again = f"_position in (from {quoted(f'repeated_{name}')})"
            judged.append((again, quarantine.failure(name, "unique", f"{quoted(name)}::varchar")))
        names = ", ".join(map(quoted, [*contract.columns, *LINEAGE]))
        broken = " or ".join(condition for condition, _ in judged) or "false"
        try:
            connection.execute(
                f"create temp table refused as select {names}, {quarantine.failures(judged)} as {FAILURES}, _position "
                f"from formatted_rows where _position not in (from duplicates) and ({broken})"
            )
        except duckdb.Error as error:
            raise ProjectError(f"{explain(connection, rules, table)} {str(error).splitlines()[0]}") from error
        bad = copy(connection, "select * exclude (_position) from refused order by _position", refused)
        # DuckDB keeps no order through a join, so the rows to leave out are a constant here: one bit a row
        connection.execute(
            f"set variable left_out = (select bitstring_agg(_position, 0::bigint, {max(total - 1, 0)}::bigint) "
            f"from (from duplicates union all select _position from refused))"
        )
        kept = "coalesce(get_bit(getvariable('left_out'), _position::integer), 0) = 0"
        good = copy(connection, f"select {names} from formatted_rows where {kept}", trusted)
    return {"rows_in": total, "duplicates": total - good - bad, "quarantined": bad, "rows_out": good}


def repeated(connection: duckdb.DuckDBPyConnection, name: str, key: Sequence[str]) -> None:
    """Make a table of the positions of all rows but the first of each `key`; rows with a missing part are none.

    Candidates are found by a hash of the key, which is small, and compared only then.
    """
    if not key:
        connection.execute(f"create temp table {quoted(name)} as select 0::bigint as _position where false")
        return
    parts = ", ".join(map(quoted, key))
    present = " and ".join(f"{quoted(part)} is not null" for part in key)
    connection.execute(
        f"create temp table {quoted(name)} as with candidates as ("
        f"select hash({parts}) as hash from formatted_rows where {present} group by all having count(*) > 1), "
        f"same as (select {parts}, _position from formatted_rows where {present} "
        f"and hash({parts}) in (from candidates)) "
        f"select _position from (select _position, row_number() over (partition by {parts} order by _position) as n "
        f"from same) where n > 1"
    )


def explain(connection: duckdb.DuckDBPyConnection, rules: list[Rule], table: str) -> str:
    """Which rule it is that DuckDB cannot run."""
    for rule in rules:
        try:
            connection.execute(f"select {rule.broken} from formatted_rows limit 1")
        except duckdb.Error:
            return f"conf/schema/{table}.yaml: the rule `{' '.join((rule.column, rule.name)).strip()}` cannot be run:"
    return f"Table {table} cannot be judged:"


def _value(rule: Rule) -> str:
    return f"{quoted(rule.column)}::varchar" if rule.column else "null::varchar"

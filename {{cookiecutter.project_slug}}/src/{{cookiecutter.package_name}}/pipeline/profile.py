"""Formatted, trusted and exploitation zone in, a description of every column out: as JSON and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader

from .. import governance
from ..config import Config
from ..layout import Layout, replacing, write_json
from ..locks import exclusive
from ..progress import watching
from ..warehouse import LINEAGE, columns, connect, count, parquet, quoted, tables

PROFILED = ("formatted", "trusted", "exploitation")
BINS = 20
TOP = 5
NUMERIC = ("BIGINT", "HUGEINT", "INTEGER", "SMALLINT", "TINYINT", "DOUBLE", "FLOAT", "DECIMAL")


def run(config: Config, layout: Layout) -> None:
    """Writes results/profiles/: profile.json and index.html, which needs nothing from elsewhere."""
    zones: dict[str, Any] = {}
    reads = (layout.formatted, layout.trusted, layout.exploitation)
    with exclusive("profile", layout), governance.recorded("profile", layout, *reads):
        with connect(config.engine, layout) as connection:
            connection.execute("set threads = 1")  # the sketches of several differ a little each time
            for zone, name, path in tables(layout):
                if zone in PROFILED:
                    rows = count(connection, parquet(path))
                    with watching(f"profile {zone} {name}", {connection: rows}):
                        zones.setdefault(zone, {})[name] = {
                            "rows": rows,
                            "columns": describe(connection, parquet(path), rows),
                        }
        with replacing(layout.results / "profiles") as folder:
            folder.mkdir()
            write_json(folder / "profile.json", zones)
            (folder / "index.html").write_text(page(zones), encoding="utf-8")
    described = sum(len(table["columns"]) for zone in zones.values() for table in zone.values())
    print(f"profile   {described} columns described in {layout.results / 'profiles' / 'index.html'}", flush=True)


def describe(connection: duckdb.DuckDBPyConnection, relation: str, rows: int) -> dict[str, dict[str, Any]]:
    """Of every column but the lineage: type, missing (share), distinct (HyperLogLog, within a few per cent),
    most frequent values and, of numbers and times, quantiles and a histogram of equal widths."""
    described = {}
    for name, kind in columns(connection, relation).items():
        if name not in LINEAGE:
            described[name] = {"type": kind, **_values(connection, relation, quoted(name), rows)}
            if kind.startswith(NUMERIC):
                described[name] |= _distribution(connection, relation, quoted(name))
            elif kind.startswith(("TIMESTAMP", "DATE")):
                described[name] |= _distribution(connection, relation, f"epoch({quoted(name)}::timestamp)", times=True)
    return described


def _values(connection: duckdb.DuckDBPyConnection, relation: str, column: str, rows: int) -> dict[str, Any]:
    present, distinct = connection.execute(
        f"select count({column}), approx_count_distinct({column}) from {relation}"
    ).fetchone() or (0, 0)
    top = connection.execute(
        f"select {column}::varchar as value, count(*) as rows from {relation} where {column} is not null "
        f"group by value order by rows desc, value limit {TOP}"
    ).fetchall()
    return {
        "missing": round(1 - present / rows, 6) if rows else None,
        "distinct": distinct,
        "top": [{"value": value, "rows": number} for value, number in top],
    }


def _distribution(
    connection: duckdb.DuckDBPyConnection, relation: str, value: str, *, times: bool = False
) -> dict[str, Any]:
    low, q25, median, q75, high, mean = (
        connection.execute(
            f"select min({value}), approx_quantile({value}, 0.25), approx_quantile({value}, 0.5), "
            f"approx_quantile({value}, 0.75), max({value}), avg({value}) from {relation}"
        ).fetchone()
        or (None,) * 6
    )
    if low is None:
        return {}
    width = (float(high) - float(low)) / BINS or 1.0
    counted = dict(
        connection.execute(
            f"select least(floor(({value} - {float(low)!r}) / {width!r}), {BINS - 1})::integer as bin, count(*) "
            f"from {relation} where {value} is not null group by bin"
        ).fetchall()
    )
    quantiles = {"min": low, "q25": q25, "median": median, "q75": q75, "max": high, "mean": mean}
    if times:
        quantiles = {
            name: str(connection.execute("select make_timestamp((? * 1000000)::bigint)", [second]).fetchone()[0])  # type: ignore[index]
            for name, second in quantiles.items()
        }
    else:
        quantiles = {name: round(float(number), 6) for name, number in quantiles.items()}
    return {"quantiles": quantiles, "histogram": [counted.get(number, 0) for number in range(BINS)]}


def page(zones: dict[str, Any]) -> str:
    """One HTML page with a section a zone and a picture a column."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    return environment.get_template("profile.html").render(zones=zones)

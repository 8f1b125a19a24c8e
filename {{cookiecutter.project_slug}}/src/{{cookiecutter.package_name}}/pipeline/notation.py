"""How the values of a column are written (decimal mark, dates), and the SQL that turns their text into a type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from ..config import Reading
from ..warehouse import among, quoted, text

NO_VALUE = ("", "?", "-", "--", ".", "none", "missing", "unknown", "nil", "nan")
"""Marks, in lower case, that mean a missing value wherever a number, a date or a boolean is expected."""

SEEN = 20_000
"""Distinct values that the notation of a column is detected from."""

POINT = r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?([eE][+-]?\d+)?"
COMMA = r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d*)?([eE][+-]?\d+)?"

DAY_FIRST = ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y", "%d-%m-%y")
MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m-%d-%y")
NAMED_MONTH = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%d-%b-%Y", "%d-%b-%y")
YEAR_FIRST = ("%Y/%m/%d", "%Y.%m.%d", "%Y%m%d")
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")


@dataclass(frozen=True)
class Notation:
    """`grouped`: numbers have marks between their thousands. `dates` are strptime formats, tried after ISO 8601.

    `doubt` says what could have been read in another way as well; empty when nothing could.
    """

    decimal: str = "."
    grouped: bool = False
    dates: tuple[str, ...] = ()
    doubt: str = ""


def detect(
    connection: duckdb.DuckDBPyConnection, relation: str, types: Mapping[str, str], reading: Reading
) -> dict[str, Notation]:
    """The notation of every text column in `types` (name to type), as configured or as most of its values are.

    A number column that could be read either way is read as the others of its table are.
    """
    found = {}
    numbers = [name for name, kind in types.items() if kind in ("integer", "number")]
    evidence = {name: _decimal_evidence(connection, relation, name) for name in numbers}
    comma, point, _ = (sum(counts) for counts in zip(*evidence.values(), strict=True)) if evidence else (0, 0, 0)
    for name, (only_comma, only_point, grouped) in evidence.items():
        decimal = reading.decimal
        if decimal == "auto":
            decimal = "," if (only_comma, comma) > (only_point, point) else "."
        doubt = "a comma could be decimal; read as thousands" if grouped and decimal == "." and not point else ""
        found[name] = Notation(decimal=decimal, grouped=decimal == "," or grouped > 0, doubt=doubt)
    for name in (name for name, kind in types.items() if kind == "timestamp"):
        found[name] = _dates(connection, relation, name, reading)
    return found


def cast(column: str, kind: str, notation: Notation) -> str:
    """An SQL expression that is null where the text is not of the type. A time with an offset becomes UTC."""
    value = quoted(column)
    if kind == "text":
        return f"{value}::varchar"
    if kind == "boolean":
        return f"try_cast({value} as boolean)"
    if kind == "timestamp":
        iso = f"timezone('UTC', try_cast({value} as timestamptz))"
        formats = ", ".join(map(text, notation.dates))
        return f"coalesce({iso}, try_strptime({value}, [{formats}]))" if formats else iso
    if kind in ("integer", "number"):
        return f"try_cast({_plain_number(value, notation)} as {'bigint' if kind == 'integer' else 'double'})"
    raise ValueError(kind)


def fits(column: str, kind: str, notation: Notation, value: str) -> str:
    """An SQL condition: the text is missing, or `value`, its cast, says all of it. Cheap; marks do not fit."""
    kept = f"{value} is not null"
    if kind == "number":
        kept = f"isfinite({value})"
    if kind == "integer":  # 3.7 as an integer is 4
        kept = f"{cast(column, 'number', notation)} = {value}"
    return f"({quoted(column)} is null or {kept})"


def is_readable(column: str, kind: str, notation: Notation) -> str:
    """An SQL condition: the text fits, or is a mark of a missing value."""
    if kind == "text":
        return "true"
    fitting = fits(column, kind, notation, cast(column, kind, notation))
    return f"case when {fitting} then true else {among(f'lower(trim({quoted(column)}::varchar))', NO_VALUE)} end"


def _plain_number(value: str, notation: Notation) -> str:
    if not notation.grouped:
        return value
    point = notation.decimal == "."
    bare = f"replace({value}, ',', '')" if point else f"replace(replace({value}, '.', ''), ',', '.')"
    return f"case when regexp_full_match(trim({value}), {text(POINT if point else COMMA)}) then {bare} end"


def _decimal_evidence(connection: duckdb.DuckDBPyConnection, relation: str, column: str) -> tuple[int, int, int]:
    """How many values are numbers only with a decimal comma, only with a point, and only without their commas."""
    point, comma = (f"regexp_full_match(trim(value), {text(pattern)})" for pattern in (POINT, COMMA))
    row = connection.execute(
        f"select count(*) filter ({comma} and not {point}), count(*) filter ({point} and not {comma}), "
        f"count(*) filter ({point} and contains(value, ',')) from {_values(relation, column)}"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


def _dates(connection: duckdb.DuckDBPyConnection, relation: str, column: str, reading: Reading) -> Notation:
    if reading.dates:
        return Notation(dates=reading.dates)
    formats = [day + time for day in (*YEAR_FIRST, *NAMED_MONTH, *DAY_FIRST, *MONTH_FIRST) for time in TIMES]
    others = f"(select value from {_values(relation, column)} where try_cast(value as timestamptz) is null)"
    tries = ", ".join(f"count(try_strptime(value, {text(date)}))" for date in formats)
    day_first, month_first = (
        f"try_strptime(value, [{', '.join(text(day + time) for day in days for time in TIMES)}]) is not null"
        for days in (DAY_FIRST, MONTH_FIRST)
    )
    row = connection.execute(
        f"select count(*) filter ({day_first} and not {month_first}), "
        f"count(*) filter ({month_first} and not {day_first}), {tries} from {others}"
    ).fetchone()
    assert row is not None
    only_day_first, only_month_first, *counts = row
    excluded = DAY_FIRST if only_month_first > only_day_first else MONTH_FIRST
    used = [date for date, count in zip(formats, counts, strict=True) if count and not date.startswith(excluded)]
    undecided = only_day_first == only_month_first and any(date.startswith(DAY_FIRST) for date in used)
    doubt = "day or month could be first; read as day first" if undecided else ""
    return Notation(dates=tuple(used), doubt=doubt)


def _values(relation: str, column: str) -> str:
    name = quoted(column)
    return f"(select distinct {name}::varchar as value from {relation} where {name} is not null limit {SEEN})"

"""A query or a table of any database that SQLAlchemy reaches, as JSON Lines, a chunk at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from ..config import SqlSource
from ..errors import ProjectError
from ..landing import Fetched, Landed
from ..layout import Layout
from . import records


def fetch(name: str, source: SqlSource, landed: list[Landed], folder: Path, layout: Layout) -> Iterator[Fetched]:
    (table,) = source.tables_of(name)
    url = address(name, source)
    where = url.set(username=None, password=None, query={}).render_as_string()
    since = records.last_watermark(landed)
    newest: list[Any] = [since]
    target = folder / f"{table}.jsonl.gz"
    try:
        count = records.write(rows(source, url, since, newest), target)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ProjectError(
            f"Source {name}: no driver for {url.drivername} is installed "
            f'(for PostgreSQL: make setup ARGS="--with postgres", and postgresql+psycopg://…). {error}'
        ) from error
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip()
        raise ProjectError(f"Source {name}: {where} says: {reason}") from error
    if count:
        yield Fetched(target, table, where, rows=count, watermark=newest[0])


def address(name: str, source: SqlSource) -> sqlalchemy.URL:
    text = source.url or os.environ.get(source.url_env or "")
    if not text:
        raise ProjectError(f"Source {name}: the environment variable {source.url_env} is not set; it holds the URL.")
    try:
        return sqlalchemy.make_url(text)
    except SQLAlchemyError as error:
        raise ProjectError(
            f"Source {name}: its URL is none that SQLAlchemy reads (dialect://host/database)."
        ) from error


def rows(source: SqlSource, url: sqlalchemy.URL, since: Any, newest: list[Any]) -> Iterator[dict[str, Any]]:
    """Every row above the watermark `since`, smallest first; `newest[0]` is the last one's."""
    column = source.watermark.column if source.watermark else None
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect().execution_options(stream_results=True, yield_per=source.chunk_rows) as connection:
            for row in connection.execute(query(source, since, engine)).mappings():
                if column:
                    if column not in row:
                        raise ProjectError(
                            f"watermark.column {column!r} is none of {', '.join(map(str, row))} (conf/source/)."
                        )
                    newest[0] = records.plain(row[column])
                yield dict(row)
    finally:
        engine.dispose()


def query(source: SqlSource, since: Any, engine: sqlalchemy.Engine) -> sqlalchemy.TextClause:
    """The source's rows; with a watermark only those above `since`, in its order."""
    quote = engine.dialect.identifier_preparer.quote
    inner = source.query or f"select * from {'.'.join(map(quote, (source.from_table or '').split('.')))}"
    if source.watermark is None:
        return sqlalchemy.text(inner)
    column = quote(source.watermark.column)
    condition = f"where {column} is not null" if since is None else f"where {column} > :since"
    text = sqlalchemy.text(f"select * from ({inner.rstrip().rstrip(';')}) as source {condition} order by {column}")
    return text if since is None else text.bindparams(since=since)

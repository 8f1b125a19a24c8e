"""A table of a web page, as CSV; the page's robots.txt is asked first."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

import pandas as pd

from ..config import HtmlSource
from ..errors import ProjectError
from ..landing import Fetched, Landed
from ..layout import PACKAGE, Layout
from .web import Session, public

ANY = tuple(range(200, 600))


def fetch(name: str, source: HtmlSource, landed: list[Landed], folder: Path, layout: Layout) -> Iterator[Fetched]:
    (table,) = source.tables_of(name)
    session = Session(source.requests)
    check_robots(session, source.url)
    answer = session.get(source.url)
    rows = nth_table(answer.text, source)
    target = folder / f"{table}.csv"
    rows.to_csv(target, index=False, lineterminator="\n")
    yield Fetched(target, table, public(source.url), rows=len(rows))


def check_robots(session: Session, url: str) -> None:
    """Raises ProjectError when robots.txt disallows the page; without one every page is allowed (RFC 9309)."""
    address = urlunsplit(urlsplit(url)._replace(path="/robots.txt", query="", fragment=""))
    answer = session.get(address, accept=ANY)
    if 400 <= answer.status_code < 500:
        return
    robots = RobotFileParser()
    robots.parse(answer.text.splitlines() if answer.ok else ["User-agent: *", "Disallow: /"])
    if not robots.can_fetch(PACKAGE, url):
        reason = "disallows it" if answer.ok else f"answered {answer.status_code}, which counts as a ban"
        raise ProjectError(f"{public(url)} is not fetched: robots.txt {reason}.")


def nth_table(page: str, source: HtmlSource) -> pd.DataFrame:
    """Every cell as the text that the page shows."""
    try:
        tables = pd.read_html(
            io.StringIO(page), match=source.match, flavor="lxml", keep_default_na=False, extract_links="all"
        )
    except (ValueError, ImportError) as error:
        raise ProjectError(f"{public(source.url)} has no table that holds {source.match!r}: {error}") from error
    if len(tables) < source.number:
        raise ProjectError(f"{public(source.url)} has {len(tables)} such table(s), and no number {source.number}.")
    found = tables[source.number - 1].map(_shown)
    return found.set_axis([_header(tuple(names)) for names in found.columns], axis="columns")


def _shown(cell: tuple[str, str | None]) -> str:
    """pandas keeps a cell as text only beside its link."""
    return cell[0]


def _header(names: tuple[Any, ...]) -> str:
    """Headers of several lines as one, each text once."""
    lines = names if isinstance(names[0], tuple) else (names,)
    return " ".join(dict.fromkeys(str(line[0]) for line in lines))

"""A JSON API, page after page, as JSON Lines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from ..config import Auth, Pagination, RestSource
from ..errors import ProjectError
from ..landing import Fetched, Landed
from ..layout import Layout
from . import records
from .web import Session, public


def fetch(name: str, source: RestSource, landed: list[Landed], folder: Path, layout: Layout) -> Iterator[Fetched]:
    (table,) = source.tables_of(name)
    since = records.last_watermark(landed)
    seen = Newest(source.watermark.column if source.watermark else None, since)
    target = folder / f"{table}.jsonl.gz"
    count = records.write(seen.only_new(pages(source, since)), target)
    if count:
        yield Fetched(target, table, public(source.url), rows=count, watermark=seen.watermark)


class Newest:
    """Lets rows pass whose `column` exceeds `watermark`, and remembers the greatest; all of them without a column."""

    def __init__(self, column: str | None, watermark: Any) -> None:
        self._column = column
        self._since = watermark
        self.watermark = watermark

    def only_new(self, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for row in rows:
            if self._column is None:
                yield row
                continue
            value = row.get(self._column)
            if value is None:
                raise ProjectError(f"A record lacks the watermark {self._column!r}: {json.dumps(row)[:200]}")
            if self._since is None or value > self._since:
                self.watermark = value if self.watermark is None else max(self.watermark, value)
                yield row


def pages(source: RestSource, since: Any) -> Iterator[dict[str, Any]]:
    """The records of every page, in the order of the API."""
    session = Session(source.requests)
    paging = source.pagination
    headers, secret = credentials(source.auth)
    fixed: dict[str, Any] = {**source.parameters, **secret}
    if source.watermark and source.watermark.parameter and since is not None:
        fixed[source.watermark.parameter] = since
    url, step = source.url, first_step(paging)
    for _ in range(paging.max_pages):
        answer = session.get(url, params={**fixed, **step}, headers=headers)
        content = _json(answer)
        found = _at(content, source.records) if source.records else content
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise ProjectError(
                f"{public(source.url)} gives no list of records{f' at {source.records!r}' if source.records else ''}; "
                f"`records` in conf/source/ names where it is. The answer begins: {answer.text[:120]}"
            )
        yield from found
        following = next_step(paging, step, content, answer, len(found))
        if following is None:
            return
        url, step = following
        if paging.kind == "link":
            fixed = {**secret}
    raise ProjectError(f"{public(source.url)} has more than pagination.max_pages = {paging.max_pages} pages.")


def first_step(paging: Pagination) -> dict[str, Any]:
    """The parameters that ask for the first page."""
    size = {paging.size_parameter: paging.size} if paging.size_parameter else {}
    starts = {"page": {paging.parameter: paging.start}, "offset": {paging.parameter: 0}}
    return {**starts.get(paging.kind, {}), **size}


def next_step(
    paging: Pagination, step: dict[str, Any], content: Any, answer: requests.Response, count: int
) -> tuple[str, dict[str, Any]] | None:
    """Address and parameters of the page that follows; None after the last one."""
    here = answer.url.split("?")[0]
    if paging.kind in ("page", "offset") and count:
        return here, {**step, paging.parameter: step[paging.parameter] + (1 if paging.kind == "page" else count)}
    if paging.kind == "cursor" and (cursor := _at(content, paging.next)):
        return here, {**step, paging.parameter: cursor}
    if paging.kind == "link" and (link := answer.links.get("next")):
        return urljoin(answer.url, link["url"]), {}
    return None


def credentials(auth: Auth | None) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and parameters that carry the secret. Raises ProjectError when its variable is not set."""
    if auth is None:
        return {}, {}
    secret = os.environ.get(auth.env)
    if not secret:
        raise ProjectError(f"The environment variable {auth.env} is not set; the source takes its secret from it.")
    if auth.kind == "parameter":
        return {}, {auth.name: secret}
    return ({"Authorization": f"Bearer {secret}"} if auth.kind == "bearer" else {auth.name: secret}), {}


def _at(content: Any, path: str) -> Any:
    """`data.items` of a nested answer; None where it is not there."""
    for part in path.split("."):
        content = content.get(part) if isinstance(content, Mapping) else None
    return content


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except requests.exceptions.JSONDecodeError as error:
        raise ProjectError(f"{public(answer.url)} does not answer with JSON: {answer.text[:120]}") from error

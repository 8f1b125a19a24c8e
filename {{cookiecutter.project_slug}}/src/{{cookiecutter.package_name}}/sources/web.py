"""HTTP: one session with retries, back-off and a rate limit; answers that are whole or fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from ..config import Politeness
from ..errors import ProjectError
from ..landing import Fetched
from ..layout import PACKAGE
from ..progress import progress

AGAIN = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which the same request is worth another attempt (RFC 9110, RFC 6585)."""

SECRET = ("key", "token", "secret", "password", "signature", "sig", "auth", "credential")


class Session:
    """GET with what `politeness` allows. Raises ProjectError with the address and what the server said."""

    def __init__(self, politeness: Politeness) -> None:
        self._politeness = politeness
        self._next = 0.0
        self._session = requests.Session()
        retry = Retry(
            total=politeness.retries,
            backoff_factor=politeness.back_off,
            status_forcelist=AGAIN,
            allowed_methods=["GET"],
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))
        self._session.headers["User-Agent"] = PACKAGE

    def get(
        self,
        url: str,
        *,
        accept: tuple[int, ...] = (200,),
        read: Callable[[requests.Response], object] = lambda answer: answer.content,
        **arguments: Any,
    ) -> requests.Response:
        """The answer, after `read` has taken its body; when the body breaks off, all is asked for again."""
        for attempt in range(self._politeness.retries + 1):
            if attempt:
                time.sleep(self._politeness.back_off * 2 ** (attempt - 1))
            answer = self._request(url, **arguments)
            try:
                with answer:
                    if answer.status_code not in accept:
                        said = answer.text.strip()[:200]
                        raise ProjectError(
                            f"{public(url)} answered {answer.status_code} {answer.reason}. {said}".strip()
                        )
                    read(answer)
                return answer
            except requests.exceptions.RequestException as error:
                reason = error
        raise ProjectError(f"{public(url)} broke off in the middle of its answer, each time: {_innermost(reason)}")

    def _request(self, url: str, **arguments: Any) -> requests.Response:
        now = time.monotonic()
        time.sleep(max(self._next - now, 0))
        self._next = max(now, self._next) + 1 / self._politeness.per_second
        try:
            return self._session.get(url, timeout=self._politeness.timeout, stream=True, **arguments)
        except requests.exceptions.RequestException as error:
            raise ProjectError(f"{public(url)} does not answer: {_innermost(error)}") from error


def download(url: str, table: str, versions: set[str | None], folder: Path) -> Iterator[Fetched]:
    """The file at `url` into `folder`; nothing when the server says that it is one of `versions`."""
    target = folder / (unquote(PurePosixPath(urlsplit(url).path).name) or table)

    def write(answer: requests.Response) -> None:
        size = int(answer.headers.get("Content-Length", 0)) or None
        save(answer.iter_content(1 << 20), target, size)

    known = ", ".join(version for version in versions if version and version.startswith(('"', "W/")))
    headers = {"Accept-Encoding": "identity", **({"If-None-Match": known} if known else {})}
    answer = Session(Politeness()).get(url, accept=(200, 304), headers=headers, read=write)
    if answer.status_code == 200:
        yield Fetched(target, table, public(url), version=answer.headers.get("ETag"))


def save(blocks: Iterable[bytes], target: Path, size: int | None) -> None:
    """Write a stream into `target`, with its progress on a terminal. `size` in bytes."""
    with target.open("wb") as copy, progress(f"fetch {target.name}", size, "B") as bar:
        for block in blocks:
            copy.write(block)
            bar.update(len(block))


def is_http(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def public(address: str) -> str:
    """An address without what might be a secret: user and password, and parameters that sound like a key."""
    parts = urlsplit(address)
    if not parts.netloc:
        return address
    query = [
        (name, "***" if any(word in name.lower() for word in SECRET) else value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=urlencode(query, safe="*")))


def _innermost(error: BaseException) -> str:
    """The first cause; the outer ones repeat the address, which may hold a key."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return f"{type(error).__name__}: {error}"

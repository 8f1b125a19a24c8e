"""The prediction log: every answered request with its rows, and what came back about them, in SQLite or PostgreSQL.

A request is answered when it is in the journal, a file; soon after it is in the database, and so is what a process had
not taken there when it died. There is a table for each day, which goes in one move when it is beyond the retention.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from pydantic_core import from_json, to_json
from sqlalchemy.dialects import postgresql, sqlite

from ..errors import ProjectError
from ..layout import Layout
from .journal import Journal

ANSWERED, FEEDBACK = "predictions", "feedback"
AT_ONCE = 500
"""Rows that are written by one statement."""

_INSERTS: Mapping[str, Callable[[sa.Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True)
class Answered:
    """One request as one model answered it: the values of each column, one for each row.

    `score` is the number of each answer that is watched: the probability of the positive class, or the value.
    `shown` is false where another arm's answer left the API. Two arms that answer one request share its `id`.
    """

    id: str
    arm: str
    model_version: str
    inputs: Mapping[str, Sequence[Any]]
    answers: Mapping[str, Sequence[Any]]
    scores: Sequence[float]
    shown: bool | Sequence[bool] = True
    user: str | None = None


@dataclass(frozen=True)
class Prediction:
    """One row of a logged request."""

    prediction_id: str
    arm: str
    model_version: str
    inputs: dict[str, Any]
    answer: dict[str, Any]
    score: float
    shown: bool
    user: str | None


@dataclass(frozen=True)
class Feedback:
    """What became known of a prediction: the `truth`, or that it was `wrong`; the newest of one prediction counts."""

    prediction_id: str
    truth: Any = None
    wrong: bool | None = None
    comment: str | None = None
    received: datetime | None = field(default=None, compare=False)


def new_id() -> str:
    """32 hexadecimal digits: the time in nanoseconds, by which ids are in order, and 64 random bits."""
    return f"{time.time_ns():016x}{secrets.token_hex(8)}"


def first_id(since: datetime) -> str:
    """Below every id that is made from `since` on."""
    return f"{int(since.timestamp() * 1e9):016x}"


def answered_at(request_id: str) -> datetime:
    return datetime.fromtimestamp(int(request_id[:16], 16) / 1e9, timezone.utc)


def prediction_id(request_id: str, row: int) -> str:
    return f"{request_id}-{row}"


def split_id(prediction_id: str) -> tuple[str, int] | None:
    """The request and the row of a prediction; None when it cannot be the id of one."""
    request, _, row = prediction_id.partition("-")
    try:
        answered_at(request)
        return (request, int(row)) if len(request) == 32 and row.isdecimal() else None
    except (ValueError, OverflowError, OSError):
        return None


class PredictionLog:
    """Opens the log at `url`. A relative SQLite path is below the project's root. Raises ProjectError for others."""

    def __init__(self, url: str, layout: Layout) -> None:
        parsed = sa.engine.make_url(url)
        if parsed.drivername.startswith("sqlite") and parsed.database not in (None, "", ":memory:"):
            path = layout.root / Path(str(parsed.database))
            path.parent.mkdir(parents=True, exist_ok=True)
            parsed = parsed.set(database=str(path))
        self._engine = sa.create_engine(
            parsed,
            json_serializer=lambda value: to_json(value).decode(),
            json_deserializer=from_json,
            hide_parameters=True,  # what people have sent is nothing for an error message
        )
        if self._engine.dialect.name not in _INSERTS:
            raise ProjectError(f"monitoring.prediction_log: SQLite and PostgreSQL are spoken, not {parsed.drivername}.")
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _write_ahead)
        self._made: set[str] = set()
        self._journal = Journal(layout.journal)

    def wait(self, seconds: float) -> None:
        """Returns when the database answers. Raises ProjectError when it does not within so many seconds."""
        until, told = time.monotonic() + seconds, False
        while True:
            try:
                with self._engine.connect() as connection:
                    connection.execute(sa.select(1))
                return
            except sa.exc.OperationalError as error:
                where = self._engine.url.render_as_string(hide_password=True)
                if time.monotonic() >= until:
                    why = str(error.orig).strip().splitlines()[0]
                    raise ProjectError(f"The prediction log at {where} does not answer: {why}. Try again.") from error
                if not told:
                    print(f"monitor   the prediction log at {where} is away, waiting for it", flush=True)
                told = True
                time.sleep(1)

    def append(self, *answered: Answered) -> None:
        """In the journal when it returns, whatever becomes of the process then."""
        for one in answered:
            self._journal.append(orjson.dumps(one))

    def rotate(self) -> None:
        """Leave what this process has written for another one to collect."""
        self._journal.rotate()

    def collect(self, *, living: bool = True) -> None:
        """Take what is in the journal into the database; with `living` also what other processes write just now."""
        self._journal.collect(self._take, living=living)

    def newest(self, model_version: str, count: int) -> list[Prediction]:
        """The newest `count` predictions of a version, oldest first."""
        found = (one for one in self.predictions() if one.model_version == model_version)
        return list(islice(found, count))[::-1]

    def find(self, prediction_id: str | None) -> Prediction | None:
        """The prediction with that id as it was shown, or the newest one; None where there is none."""
        if prediction_id is None:
            return next(self.predictions(), None)
        return self.shown([prediction_id]).get(prediction_id)

    def shown(self, prediction_ids: Collection[str]) -> dict[str, Prediction]:
        """Those of these predictions that are in the log, as they were shown."""
        found = self._shown(prediction_ids)
        missing = [one for one in prediction_ids if one not in found and split_id(one)]
        if missing:
            self.collect()
            found |= self._shown(missing)
        return found

    def of_requests(self, ids: Collection[str]) -> Iterator[Prediction]:
        """Every row of these requests by every arm, whether it was shown or not."""
        names, days = set(self._tables(ANSWERED)), defaultdict[str, list[str]](list)
        for id in sorted(ids):
            days[_name(ANSWERED, id)].append(id)
        with self._engine.connect() as connection:
            for name, asked in days.items():
                if name not in names:
                    continue
                table = _predictions(name)
                for start in range(0, len(asked), AT_ONCE):
                    query = sa.select(table).where(table.c.id.in_(asked[start : start + AT_ONCE]))
                    for row in connection.execute(query.order_by(table.c.id, table.c.arm)):
                        yield from _unpacked(row)

    def count(self, model_version: str) -> int:
        """Predictions of a version."""
        self.collect()
        tables = [_predictions(name) for name in self._tables(ANSWERED)]
        with self._engine.connect() as connection:
            return sum(_rows(connection, table, table.c.model_version == model_version) for table in tables)

    def rows_between(self, begin: datetime, end: datetime) -> int | None:
        """Rows that were shown or not, of requests from `begin` on and before `end`; None before the log begins."""
        self.collect()
        names, total = self._tables(ANSWERED), 0
        with self._engine.connect() as connection:
            if not names or not self._begins(connection, names[0], first_id(end)):
                return None
            for name in names:
                if not _name(ANSWERED, first_id(begin)) <= name <= _name(ANSWERED, first_id(end)):
                    continue
                table = _predictions(name)
                total += _rows(connection, table, table.c.id >= first_id(begin), table.c.id < first_id(end))
        return total

    def predictions(self, since: str = "") -> Iterator[Prediction]:
        """Newest first; only those of requests whose id is above `since`."""
        self.collect()
        for name in reversed(self._tables(ANSWERED)):
            if since and name < _name(ANSWERED, since):
                return
            table = _predictions(name)
            query = sa.select(table).where(table.c.id > since).order_by(table.c.id.desc(), table.c.arm)
            with self._engine.connect() as connection:
                for row in connection.execution_options(yield_per=100).execute(query):
                    yield from reversed(_unpacked(row))

    def add_feedback(self, feedback: Sequence[Feedback]) -> list[bool]:
        """Whether each was taken: one of a prediction that is not in the log is not."""
        logged = self.shown([one.prediction_id for one in feedback])
        taken = [one.prediction_id in logged for one in feedback]
        with self._engine.begin() as connection:
            for one in (one for one, known in zip(feedback, taken, strict=True) if known):
                table = _feedback(_name(FEEDBACK, one.prediction_id))
                self._make(connection, table)
                received = datetime.now(timezone.utc)
                connection.execute(sa.insert(table).values(**vars(replace(one, received=received))))
        return taken

    def feedback(self, since: str = "") -> dict[str, Feedback]:
        """The newest feedback by prediction, on requests whose id is above `since`."""
        found: dict[str, Feedback] = {}
        with self._engine.connect() as connection:
            for name in self._tables(FEEDBACK):
                if since and name < _name(FEEDBACK, since):
                    continue
                table = _feedback(name)
                query = sa.select(table).where(table.c.prediction_id > since).order_by(table.c.position)
                for row in connection.execute(query):
                    received = row.received.replace(tzinfo=timezone.utc)  # SQLite keeps no zone
                    found[row.prediction_id] = Feedback(row.prediction_id, row.truth, row.wrong, row.comment, received)
        return found

    def trim(self, days: int) -> list[str]:
        """Drop what is older than `days`; the names of the tables that went."""
        oldest = datetime.now(timezone.utc).date() - timedelta(days=days)
        old = [
            name
            for kind in (ANSWERED, FEEDBACK)
            for name in self._tables(kind)
            if date.fromisoformat(name.removeprefix(f"{kind}_").replace("_", "-")) < oldest
        ]
        with self._engine.begin() as connection:
            for name in old:
                sa.Table(name, sa.MetaData()).drop(connection, checkfirst=True)
        self._made -= set(old)
        return old

    def _shown(self, prediction_ids: Collection[str]) -> dict[str, Prediction]:
        wanted = set(prediction_ids)
        requests = {known[0] for one in wanted if (known := split_id(one))}
        return {
            one.prediction_id: one for one in self.of_requests(requests) if one.shown and one.prediction_id in wanted
        }

    def _take(self, lines: Sequence[bytes]) -> None:
        """Lines of the journal into the tables of their days; those that are there already stay as they are."""
        days: dict[str, list[dict[str, Any]]] = {}
        for line in lines:
            with contextlib.suppress(ValueError):  # half a line, of a request that was never answered
                row = from_json(line)
                days.setdefault(_name(ANSWERED, row["id"]), []).append({**row, "answered": answered_at(row["id"])})
        for name, rows in days.items():
            table = _predictions(name)
            insert = _INSERTS[self._engine.dialect.name](table).on_conflict_do_nothing()
            with self._engine.begin() as connection:
                self._make(connection, table)
                for start in range(0, len(rows), AT_ONCE):
                    connection.execute(insert, rows[start : start + AT_ONCE])

    def _make(self, connection: sa.Connection, table: sa.Table) -> None:
        """The table of a day. Two workers may be first at once: the second of them finds it made."""
        if table.name in self._made:
            return
        try:
            with connection.begin_nested():
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
        except sa.exc.DBAPIError:
            if not sa.inspect(connection).has_table(table.name):
                raise
        self._made.add(table.name)

    def _begins(self, connection: sa.Connection, oldest: str, before: str) -> bool:
        """Whether the log has a request below the id `before`; `oldest` is its first table."""
        table = _predictions(oldest)
        earliest = connection.execute(sa.select(sa.func.min(table.c.id))).scalar_one()
        return earliest is not None and earliest < before

    def _tables(self, kind: str) -> list[str]:
        """The tables of a kind, oldest day first."""
        return sorted(name for name in sa.inspect(self._engine).get_table_names() if name.startswith(f"{kind}_"))


def _name(kind: str, request_id: str) -> str:
    return f"{kind}_{answered_at(request_id):%Y_%m_%d}"


@functools.cache
def _predictions(name: str) -> sa.Table:
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("arm", sa.String(16), primary_key=True),
        sa.Column("answered", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("shown", sa.JSON, nullable=False),
        sa.Column("user", sa.String),
        sa.Column("inputs", sa.JSON, nullable=False),
        sa.Column("answers", sa.JSON, nullable=False),
        sa.Column("scores", sa.JSON, nullable=False),
    )


@functools.cache
def _feedback(name: str) -> sa.Table:
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("prediction_id", sa.String(48), nullable=False, index=True),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.Column("truth", sa.JSON),
        sa.Column("wrong", sa.Boolean),
        sa.Column("comment", sa.String),
    )


def _rows(connection: sa.Connection, table: sa.Table, *conditions: Any) -> int:
    """Predictions, of which a request has several."""
    query = sa.select(sa.func.sum(sa.func.json_array_length(table.c.scores))).where(*conditions)
    return int(connection.execute(query).scalar_one() or 0)


def _unpacked(row: Any) -> list[Prediction]:
    rows = range(len(row.scores))
    shown = [row.shown for _ in rows] if isinstance(row.shown, bool) else row.shown
    return [
        Prediction(
            prediction_id(row.id, number),
            row.arm,
            row.model_version,
            {name: values[number] for name, values in row.inputs.items()},
            {name: values[number] for name, values in row.answers.items()},
            row.scores[number],
            shown[number],
            row.user,
        )
        for number in rows
    ]


def _write_ahead(connection: Any, _: Any) -> None:
    """Readers and the writer do not wait for each other."""
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma busy_timeout = 10000")

"""The prediction log: every answered prediction, one row each, in any database that SQLAlchemy speaks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..layout import Layout

METADATA = sa.MetaData()
PREDICTIONS = sa.Table(
    "predictions",
    METADATA,
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("prediction_id", sa.String(32), nullable=False, unique=True),
    sa.Column("answered", sa.DateTime(timezone=True), nullable=False),
    sa.Column("model_version", sa.String, nullable=False, index=True),
    sa.Column("inputs", sa.JSON, nullable=False),
    sa.Column("answer", sa.JSON, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
)


@dataclass(frozen=True)
class Prediction:
    """`score` is the number of `answer` that is watched: the probability of the positive class, or the value."""

    prediction_id: str
    model_version: str
    inputs: dict[str, Any]
    answer: dict[str, Any]
    score: float


class PredictionLog:
    """Opens the log at `url` and makes its table if needed. A relative SQLite path is below the project's root."""

    def __init__(self, url: str, layout: Layout) -> None:
        parsed = sa.engine.make_url(url)
        if parsed.drivername.startswith("sqlite") and parsed.database not in (None, "", ":memory:"):
            path = layout.root / Path(str(parsed.database))
            path.parent.mkdir(parents=True, exist_ok=True)
            parsed = parsed.set(database=str(path))
        self._engine = sa.create_engine(parsed)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _write_ahead)
        METADATA.create_all(self._engine)

    def append(self, predictions: list[Prediction]) -> None:
        """Durable when it returns: all of `predictions`, or none with an error."""
        now = datetime.now(timezone.utc)
        rows = [{**asdict(prediction), "answered": now} for prediction in predictions]
        with self._engine.begin() as connection:
            connection.execute(sa.insert(PREDICTIONS), rows)

    def newest(self, model_version: str, count: int) -> list[Prediction]:
        """The newest `count` predictions of a version, oldest first."""
        query = (
            sa.select(PREDICTIONS)
            .where(PREDICTIONS.c.model_version == model_version)
            .order_by(PREDICTIONS.c.position.desc())
            .limit(count)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [_prediction(row) for row in reversed(rows)]

    def find(self, prediction_id: str | None) -> Prediction | None:
        """The prediction with that id, or the newest one; None where there is none."""
        query = sa.select(PREDICTIONS).order_by(PREDICTIONS.c.position.desc()).limit(1)
        if prediction_id is not None:
            query = query.where(PREDICTIONS.c.prediction_id == prediction_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return _prediction(row) if row else None

    def count(self, model_version: str) -> int:
        query = sa.select(sa.func.count()).where(PREDICTIONS.c.model_version == model_version)
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())


def _prediction(row: Any) -> Prediction:
    return Prediction(row.prediction_id, row.model_version, row.inputs, row.answer, row.score)


def _write_ahead(connection: Any, _: Any) -> None:
    """Readers and the writer do not wait for each other."""
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma busy_timeout = 10000")

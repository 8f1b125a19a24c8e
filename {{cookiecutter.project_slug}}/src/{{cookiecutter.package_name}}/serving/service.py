"""Rows in, answers out, every answer in the prediction log. Knows the models and the rollout, not HTTP."""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import numpy as np

from ..config import Serving
from ..deployment import Arm, Deployment
from ..errors import ProjectError
from ..models import answers, attributions
from ..models.answers import Answers
from ..models.bundle import TEXTS, Bundle, Columns, Schema
from ..monitoring.store import Answered, PredictionLog, new_id, prediction_id
from . import logs, metrics, rollout
from .errors import RefusedError

SHADOWED = 100
"""Requests that may wait for the shadow; the next ones go without."""


@dataclass(frozen=True)
class Answer:
    """The answers to one request: for each field, one value a row. `warnings` say what training has not seen."""

    id: str
    arm: str
    model_version: str
    fields: Mapping[str, Sequence[Any]]
    warnings: list[list[str]]

    @property
    def prediction_ids(self) -> list[str]:
        return [prediction_id(self.id, row) for row in range(len(self.warnings))]


@dataclass(frozen=True)
class Reason:
    """What the value of a column adds to the watched number of an answer."""

    column: str
    value: Any
    adds: float


@dataclass(frozen=True)
class Explained:
    """`of` is the number that the reasons add to, `base` its mean over the rows that were compared with."""

    of: str
    base: float
    reasons: list[list[Reason]]


class Service:
    """The loaded models of one deployment, with the log that they write to.

    Raises ProjectError when a challenger takes other rows or gives other answers than the champion.
    """

    def __init__(
        self, deployment: Deployment, bundles: Mapping[Arm, Bundle], log: PredictionLog, serving: Serving
    ) -> None:
        self.deployment = deployment
        self.bundles = bundles
        self.log = log
        self._serving = serving
        if "challenger" in bundles:
            _check_alike(bundles["champion"].schema, bundles["challenger"].schema)
        self.answers: Answers = answers.of(self.schema.kind)
        if serving.min_confidence and not self.answers.confidence:
            raise ProjectError(
                f"serving.min_confidence is {serving.min_confidence}, but a model of kind {self.schema.kind} "
                "does not say how sure it is: set it to 0 (conf/serving/)."
            )
        self._shadow: queue.Queue[tuple[str, Columns, str | None] | None] = queue.Queue(SHADOWED)
        self._follower = threading.Thread(target=self._follow, name="shadow", daemon=True)
        if deployment.strategy == "shadow":
            self._follower.start()

    @property
    def schema(self) -> Schema:
        return self.bundles["champion"].schema

    @property
    def version(self) -> str:
        """The version in charge."""
        return self.deployment.champion.version

    def version_of(self, arm: str) -> str:
        return self.deployment.arms[arm].version  # type: ignore[index]

    def predict(self, columns: Columns, user: str | None = None, id: str | None = None) -> Answer:
        """One answer a row. They are in the prediction log when this returns."""
        id = id or new_id()
        if self.deployment.strategy == "interleaved":
            return self._interleaved(columns, user, id)
        arm = rollout.arm_of(self.deployment, user or id, datetime.now(timezone.utc))
        given = self._answered(arm, columns, user, id)
        self.log.append(given)
        if self.deployment.strategy == "shadow":
            self._shade(id, columns, user)
        return self._told(given)

    def explain(self, columns: Columns, top: int | None = None, arm: Arm = "champion") -> Explained:
        """The reasons of each answer, the strongest first. Raises RefusedError without the library that finds them."""
        bundle = self.bundles[arm]
        of = self.answers.watched(self.schema)
        if of is None:
            raise RefusedError(501, f"A model of kind {self.schema.kind} answers no number that could be explained.")
        if not bundle.background:
            raise RefusedError(501, "The bundle has no rows to compare with: run `make pipeline promote deploy`.")
        given = {name: columns[name] for name in bundle.background}
        texts = [column.name for column in bundle.schema.columns if column.type in TEXTS]
        try:
            found = attributions.values(
                lambda asked: self.answers.scores(bundle.outputs(asked)), given, bundle.background, texts
            )
        except ImportError as error:
            raise RefusedError(
                501, f"This API was installed without {error.name}: poetry install --with explain."
            ) from error
        names = list(given)
        reasons = []
        for row, added in enumerate(found.values):
            strongest = np.argsort(-np.abs(added), kind="stable")[:top]
            reasons.append([Reason(names[one], given[names[one]][row], float(added[one])) for one in strongest])
        return Explained(of, found.base, reasons)

    def reasons(self, columns: Columns, top: int, answer: Answer) -> list[list[Reason]]:
        """Those of each row of `answer`, by the model that it is from. Raises RefusedError as `explain`."""
        arms: Sequence[Arm] = answer.fields.get("arm", [answer.arm] * len(answer.warnings))  # type: ignore[list-item]
        found = {arm: self.explain(columns, top, arm).reasons for arm in set(arms)}
        return [found[arm][row] for row, arm in enumerate(arms)]

    def check_explained(self, rows: int) -> None:
        """Raises RefusedError when those are too many rows to be explained."""
        if rows > self._serving.max_explained:
            raise RefusedError(422, f"Up to {self._serving.max_explained} rows of one request are explained.")

    def close(self) -> None:
        """Returns when the shadow has answered what waits for it."""
        if self.deployment.strategy == "shadow":
            self._shadow.put(None)
            self._follower.join()

    def _answered(self, arm: Arm, columns: Columns, user: str | None, id: str, *, shown: bool = True) -> Answered:
        outputs = self.bundles[arm].outputs(columns)
        if not np.isfinite(outputs).all():
            row = int(np.argmin(np.isfinite(outputs).all(axis=1)))
            raise RefusedError(
                422, f"The model has no answer for row {row}: its values are too far from the known ones."
            )
        fields = self.answers.columns(self.schema, outputs)
        if self._serving.min_confidence:
            assert self.answers.confidence
            sure = [value >= self._serving.min_confidence for value in fields[self.answers.confidence]]
            fields["confident"] = sure
            fields["fallback"] = [None if one else self._serving.fallback for one in sure]
        scores = self.answers.scores(outputs).tolist()
        return Answered(id, arm, self.version_of(arm), columns, fields, scores, shown, user)

    def _told(self, given: Answered) -> Answer:
        metrics.predicted(given)
        warnings: list[list[str]] = [[] for _ in given.scores]
        for row, name in self.bundles[given.arm].unseen(given.inputs):  # type: ignore[index]
            warnings[row].append(f"{name}: {given.inputs[name][row]!r} did not occur in training")
        return Answer(given.id, given.arm, given.model_version, given.answers, warnings)

    def _interleaved(self, columns: Columns, user: str | None, id: str) -> Answer:
        """Both order the rows by their score; each row is told as by the one that brought it in."""
        first, second = (self._answered(arm, columns, user, id) for arm in ("champion", "challenger"))
        best, other = (np.argsort(-np.array(one.scores), kind="stable").tolist() for one in (first, second))
        drafted = rollout.team_draft(best, other, secrets.randbits(len(first.scores)))
        brought = [brings for _, brings in sorted(drafted)]
        rank = {row: place for place, (row, _) in enumerate(drafted, start=1)}
        shown = [not one for one in brought], brought
        self.log.append(*(replace(one, shown=seen) for one, seen in zip((first, second), shown, strict=True)))
        told = [self._told(one) for one in (first, second)]
        pick = [told[brings] for brings in brought]
        fields: dict[str, list[Any]] = {
            name: [one.fields[name][row] for row, one in enumerate(pick)] for name in first.answers
        }
        fields["rank"] = [rank[row] for row in range(len(pick))]
        fields["arm"] = [one.arm for one in pick]
        warnings = [one.warnings[row] for row, one in enumerate(pick)]
        return Answer(id, "interleaved", self.version, fields, warnings)

    def _shade(self, id: str, columns: Columns, user: str | None) -> None:
        try:
            self._shadow.put_nowait((id, columns, user))
        except queue.Full:
            metrics.SHADOW_SKIPPED.inc()

    def _follow(self) -> None:
        """The challenger answers for the log only, after the champion, in a thread of its own."""
        while (asked := self._shadow.get()) is not None:
            id, columns, user = asked
            try:
                self.log.append(self._answered("challenger", columns, user, id, shown=False))
            except Exception:  # noqa: BLE001 the log has it, the users nothing to do with it
                logs.log.exception("the shadow failed", request_id=id)


def _check_alike(champion: Schema, challenger: Schema) -> None:
    """Raises ProjectError unless both take the same rows and answer the same question."""
    differ = [
        name
        for name, one, other in (
            ("kind", champion.kind, challenger.kind),
            ("target", champion.target, challenger.target),
            ("classes", champion.classes, challenger.classes),
            ("columns", takes(champion), takes(challenger)),
        )
        if one != other
    ]
    if differ:
        raise ProjectError(
            f"Champion and challenger cannot be compared, they differ in {' and '.join(differ)}: "
            "deploy with STRATEGY=recreate or blue-green."
        )


def takes(schema: Schema) -> set[tuple[str, str, tuple[str, ...]]]:
    """What a request has to look like: names and types, and what may be chosen."""
    return {
        (column.name, column.type, column.categories if column.type == "choice" else ()) for column in schema.columns
    }

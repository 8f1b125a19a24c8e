"""Windows of the log in, how right the model was out: once the truth is known, and estimated before it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..config import Monitoring
from ..kinds.supervised import Supervised
from ..models.bundle import ACTUAL, SCORE
from ..resampling import interval, resamples
from . import detectors
from .findings import Finding
from .windows import Window

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Measured:
    """A measure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """Its standard error, as the interval has it."""
        return (self.high - self.low) / 2 / 1.96


@dataclass(frozen=True)
class Performance:
    """Of one window: `coverage` is the share of its rows whose truth is known; `actual` is None with too few of them.

    `estimate` is what the measure should be if the truth depends on the inputs as it did on the reference.
    """

    rows: int
    known: int
    actual: Measured | None
    estimate: float | None

    @property
    def coverage(self) -> float:
        return self.known / self.rows

    @property
    def missed(self) -> float | None:
        """How wrong the estimate was: it minus what came true."""
        return None if self.actual is None or self.estimate is None else self.estimate - self.actual.value


@dataclass(frozen=True)
class Slice:
    """A part of the newest known rows in which the model is surely worse than in the rest, by its mean loss; `low` and
    `high` are the 95 % interval of the difference (Welch 1947).
    """

    name: str
    rows: int
    loss: float
    rest: float
    low: float
    high: float


def measure(
    window: Window, kind: Supervised, classes: tuple[str, ...], policy: Monitoring, estimator: Estimator, seed: int
) -> Performance:
    known = int(window.known.sum())
    actual = measured(window, kind, classes, seed) if known >= policy.min_rows else None
    return Performance(len(window.rows), known, actual, estimator.estimate(window))


def measured(window: Window, kind: Supervised, classes: tuple[str, ...], seed: int) -> Measured | None:
    """The measure on the rows whose truth is known; None where it has no value there, as with one class."""
    truth, outputs = typed(window.rows[ACTUAL].to_numpy()[window.known], classes), window.outputs[window.known]

    def of(taken: Any = slice(None), weights: np.ndarray | None = None) -> float:
        return kind.score(truth[taken], outputs[taken], classes, weights)

    value = of()
    if math.isnan(value):
        return None
    low, high = interval([of(taken, weights) for taken, weights in resamples(len(truth), seed)], CONFIDENCE)
    return Measured(float(value), low, high)


def typed(truth: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    """What became known, in the type that metrics compare: text, or numbers."""
    return truth.astype(str).astype(object) if classes else truth.astype(float)


class Estimator:
    """Foresees the measure of rows whose truth is not known, from rows like them in the reference.

    Of classes, by the probabilities themselves, after they were calibrated on the reference: what the measure would be
    if each row had its class by that chance (confidence-based performance estimation; NannyML). Of numbers, by a model
    of the squared error that has learnt from the reference (direct loss estimation): 1 - error / variance, the variance
    of the truth being to that of the answers as it is in the reference.
    """

    DRAWS = 20

    def __init__(self, reference: Window, kind: Supervised, classes: tuple[str, ...], seed: int) -> None:
        self._kind, self._classes, self._seed = kind, classes, seed
        truth = typed(reference.rows[ACTUAL].to_numpy()[reference.known], classes)
        outputs = reference.outputs[reference.known]
        if classes:
            from sklearn.isotonic import IsotonicRegression

            self._calibrated = [
                IsotonicRegression(out_of_bounds="clip").fit(outputs[:, place], truth == name)
                for place, name in enumerate(classes)
            ]
        else:
            from sklearn.ensemble import HistGradientBoostingRegressor

            errors = (outputs[:, 0] - truth) ** 2
            self._error = HistGradientBoostingRegressor(max_iter=50, min_samples_leaf=50, random_state=seed)
            self._names = [str(name) for name in reference.rows.select_dtypes("number")]
            self._spread = float(np.var(truth) / np.var(outputs[:, 0])) if np.var(outputs[:, 0]) else 0.0
            self._error.fit(reference.rows[self._names][reference.known], errors)

    def estimate(self, window: Window) -> float | None:
        if not self._classes:
            expected = float(np.maximum(self._error.predict(window.rows[self._names]), 0).mean())
            variance = self._spread * float(np.var(window.outputs[:, 0]))
            return 1 - expected / variance if variance else None
        chances = np.column_stack([one.predict(window.outputs[:, place]) for place, one in enumerate(self._calibrated)])
        chances = (chances + 1e-9) / (chances + 1e-9).sum(axis=1, keepdims=True)
        drawn = np.random.default_rng(self._seed).random((self.DRAWS, len(chances)))
        found = []
        for draw in drawn:
            places = (draw[:, None] > chances.cumsum(axis=1)).sum(axis=1).clip(max=len(self._classes) - 1)
            truth = np.array(self._classes, dtype=object)[places]
            found.append(self._kind.score(truth, window.outputs, self._classes))
        return None if np.isnan(found).all() else float(np.nanmean(found))


def worse(now: Measured, value: float, error: float) -> bool:
    """Whether a measure is surely below another `value` of other rows, by the standard errors of both (Welch 1947)."""
    return now.value + 1.96 * math.hypot(now.error, error) < value


def slices(windows: Sequence[Window], kind: Supervised, classes: tuple[str, ...], policy: Monitoring) -> list[Slice]:
    """Parts of the known rows in which the mean loss is surely higher than in the rest: by each category, and each
    third of a number; the tests adjusted for their number.
    """
    from scipy import stats

    known = [window.rows[window.known] for window in windows]
    if sum(map(len, known)) < 2 * policy.min_rows:
        return []
    rows = pd.concat(known, ignore_index=True)
    outputs = np.concatenate([window.outputs[window.known] for window in windows])
    losses = kind.losses(typed(rows[ACTUAL].to_numpy(), classes), outputs, classes)
    found, p_values = [], []
    for name in (name for name in rows if name not in (SCORE, ACTUAL)):
        values = rows[name]
        if pd.api.types.is_numeric_dtype(values):
            values = pd.qcut(values, 3, duplicates="drop").astype(str)
        for value in values.dropna().unique():
            inside = (values == value).to_numpy()
            if policy.min_rows / 2 <= inside.sum() <= len(rows) - policy.min_rows / 2:
                part, rest = losses[inside], losses[~inside]
                more = part.mean() - rest.mean()
                half = 1.96 * math.hypot(stats.sem(part), stats.sem(rest))
                found.append(Slice(f"{name} = {value}", len(part), part.mean(), rest.mean(), more - half, more + half))
                p_values.append(float(stats.ttest_ind(part, rest, equal_var=False, alternative="greater").pvalue))
    surely = [one for one, p in zip(found, detectors.adjusted(p_values), strict=True) if p < policy.significance]
    return sorted(surely, key=lambda one: one.rest - one.loss)


def stream_changes(windows: Sequence[Window], kind: Supervised, classes: tuple[str, ...]) -> dict[str, list[str]]:
    """By each detector of streams, the predictions from which on the loss was another one."""
    known = [window for window in windows if window.known.any()]
    if not known:
        return {}
    truths = [typed(window.rows[ACTUAL].to_numpy()[window.known], classes) for window in known]
    told = [window.outputs[window.known] for window in known]
    losses = kind.losses(np.concatenate(truths), np.concatenate(told), classes)
    ids = [id for window in known for id, has in zip(window.ids, window.known, strict=True) if has]
    return {name: [ids[place] for place in detect(losses.tolist())] for name, detect in detectors.STREAMS.items()}


def findings(
    performances: Sequence[Performance], reference: Measured | None, measure: str, policy: Monitoring
) -> list[Finding]:
    """Whether the model is worse than when it was tested, whether the world or only the inputs have changed, and
    whether the truth comes in. Each counts when `monitoring.least` of the last `of` windows that can tell say so.
    """
    least = min(policy.least, len(performances))
    found = []
    known = [(one, one.actual) for one in performances if one.actual][-policy.of :]
    if reference and known:
        _, now = known[-1]
        fell = [
            one
            for _, one in known
            if worse(one, reference.value, reference.error) and reference.value - one.value > policy.tolerance
        ]
        if len(fell) >= least:
            what = (
                f"performance: {measure} {now.value:.4f} ({now.low:.4f} to {now.high:.4f}) in the newest window, "
                f"{reference.value:.4f} when tested; surely lower in {len(fell)} of {len(known)} windows"
            )
            found.append(Finding("performance", "critical", what, "Retrain (make retrain) or go back (make rollback)."))
        broken = [
            (one, performance.estimate)
            for performance, one in known
            if performance.estimate is not None
            and worse(one, performance.estimate, reference.error)  # which the estimate has learnt from
            and performance.estimate - one.value > policy.tolerance
        ]
        if len(broken) >= least:
            one, estimate = broken[-1]
            what = (
                f"concept drift: {measure} was {one.value:.4f}, by the inputs it should have been {estimate:.4f}: "
                "the same inputs mean something else now"
            )
            do = "Look whether the truth that comes in is right; if it is, retrain on newer data."
            found.append(Finding("concept_drift", "critical", what, do))
    finished = performances[:-1][-policy.of :]
    late = [one for one in finished if one.coverage < policy.min_coverage]
    if late and len(late) >= least:
        what = f"the truth of {late[-1].coverage:.0%} of a finished window is known, {policy.min_coverage:.0%} is due"
        found.append(Finding("coverage", "warning", what, "Look at what sends the feedback (POST /v1/feedback)."))
    return found

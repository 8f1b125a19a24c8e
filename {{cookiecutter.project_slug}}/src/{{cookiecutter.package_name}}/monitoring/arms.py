"""Is the challenger that runs beside the champion better? Judged by the feedback, however often one looks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .. import deployment
from ..config import Config, Rollout
from ..deployment import Deployment
from ..layout import Layout
from ..models import answers, bundle
from ..models.answers import Answers
from ..models.bundle import Schema
from .store import Feedback, Prediction, PredictionLog, first_id, split_id

Outcome = Literal["Successful", "Failed", "Inconclusive"]
Outcomes = dict[str, float]
"""How good an arm was for each user, or in each request of nobody in particular."""

FEWEST, TIGHTEST, MOST = 30, 1000, 1 << 40
"""Users of an arm below which nothing is judged, at which the sequence is narrowest, and that are told at most."""

PAIRED = ("shadow", "interleaved")
"""Strategies in which both arms answer the same rows."""


@dataclass(frozen=True)
class Verdict:
    """`difference` is the mean outcome of the challenger minus that of the champion, with its confidence sequence.

    `needed` more users would show the smallest effect that matters, if it is there.
    """

    outcome: Outcome
    users: Mapping[str, int]
    means: Mapping[str, float]
    difference: float
    low: float
    high: float
    needed: int


def run(config: Config, layout: Layout) -> Verdict | None:
    """What the feedback since the deployment says; None where no challenger runs beside the champion."""
    current = deployment.required(layout)
    if current.challenger is None:
        return None
    log = PredictionLog(config.monitoring.prediction_log, layout)
    since = first_id(current.deployed)
    feedback = log.feedback(since)
    requests = {asked[0] for one in feedback if (asked := split_id(one))}
    versions = {model.version for model in current.arms.values()}
    logged = [one for one in log.of_requests(requests) if one.model_version in versions]
    schema = bundle.load(layout.deploy / current.champion.bundle).schema
    found = outcomes(logged, feedback, answers.of(schema.kind), schema, current)
    return judge(found["champion"], found["challenger"], config.rollout, paired=current.strategy in PAIRED)


def outcomes(
    logged: Sequence[Prediction], feedback: Mapping[str, Feedback], kind: Answers, schema: Schema, current: Deployment
) -> dict[str, Outcomes]:
    """The outcomes of each arm: how right it was or, interleaved, how much good the rows held that it brought in."""
    found: dict[str, dict[str, list[float]]] = {arm: defaultdict(list) for arm in current.arms}
    interleaved = current.strategy == "interleaved"
    for one in logged:
        about = feedback.get(one.prediction_id)
        if about is None:
            continue
        if interleaved:
            value = kind.gain(schema, about.truth) * one.shown if about.truth is not None else None
        else:
            value = kind.merit(one.answer, about.truth, about.wrong)
        asked = split_id(one.prediction_id)
        if value is not None and asked:
            found[one.arm][one.user or asked[0]].append(value)
    total = sum if interleaved else np.mean
    return {arm: {user: float(total(values)) for user, values in users.items()} for arm, users in found.items()}


def judge(champion: Outcomes, challenger: Outcomes, policy: Rollout, *, paired: bool) -> Verdict:
    """By a confidence sequence, which holds at every look at once, so that looking costs nothing.

    For the difference of two proportions or means or, `paired`, for the mean difference of the same users.
    """
    both = sorted(champion.keys() & challenger.keys())
    first, second = (np.array([arm[user] for user in (both if paired else arm)]) for arm in (champion, challenger))
    count = len(first) if paired else len(first) + len(second)
    enough = min(len(first), len(second)) >= FEWEST
    variance = _variance(first, second, paired=paired) if enough else math.nan
    means = {"champion": float(first.mean()) if len(first) else math.nan}
    means["challenger"] = float(second.mean()) if len(second) else math.nan
    difference = means["challenger"] - means["champion"]
    half = half_width(variance, count, policy.alpha) if enough else math.inf
    outcome: Outcome = "Inconclusive"
    if difference - half > -policy.margin:
        outcome = "Successful"
    elif difference + half < -policy.margin:
        outcome = "Failed"
    if outcome != "Inconclusive":
        needed = 0
    elif enough:
        needed = max(1, users_for(policy.min_effect, variance, policy.alpha) - count)
    else:
        needed = FEWEST * (1 if paired else 2) - count
    counts = {"champion": len(first), "challenger": len(second)}
    return Verdict(outcome, counts, means, difference, difference - half, difference + half, needed)


def half_width(variance: float, count: int, alpha: float) -> float:
    """Half of the confidence sequence for a mean of `count` values.

    Robbins' normal mixture in its asymptotic form (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, theorem 2.2),
    as narrow as can be at TIGHTEST values.
    """
    spent = -2 * math.log(alpha)
    mixed = count * (spent + math.log(spent + 1)) / TIGHTEST
    return math.sqrt(variance / count * 2 * (mixed + 1) / mixed * math.log(math.sqrt(mixed + 1) / alpha))


def users_for(effect: float, variance: float, alpha: float) -> int:
    """How many users it takes until a difference of `effect` shows, if it is there; at most MOST."""
    low, high = FEWEST, MOST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if half_width(variance, middle, alpha) <= effect else (middle + 1, high)
    return low


def _variance(first: np.ndarray, second: np.ndarray, *, paired: bool) -> float:
    """Of one user's contribution to the difference: divided by their number it is the squared standard error."""
    if paired:
        return float(np.var(second - first, ddof=1))
    squared_errors = [np.var(side, ddof=1) / len(side) for side in (first, second)]
    return float(sum(squared_errors)) * (len(first) + len(second))


def told(verdict: Verdict) -> str:
    """One line about a verdict."""
    parts = [f"{arm} {verdict.means[arm]:.4f} over {users:,} users" for arm, users in verdict.users.items() if users]
    line = f"{verdict.outcome}: {', '.join(parts)} with feedback" if parts else f"{verdict.outcome}: no feedback yet"
    if math.isfinite(verdict.low):
        line += f"; difference {verdict.difference:+.4f} ({verdict.low:+.4f} to {verdict.high:+.4f})"
    return line + (f"; {verdict.needed:,} more users are needed" if verdict.needed else "")

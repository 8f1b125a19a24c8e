"""A window of the log in, what is wrong with the data that production sends out: no truth is needed for it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from ..config import Monitoring
from ..models.bundle import SCORE, TEXTS, Column, Schema
from .findings import Finding
from .windows import Window

STUCK = 0.5
"""A column whose most frequent value has a greater share in the reference, as rain has 0, may well be all of it."""


@dataclass(frozen=True)
class ColumnQuality:
    """Shares of the rows (0 to 1): missing, outside the values of training (a number), never seen (a category); and
    that of the most frequent value among those that are there.
    """

    column: str
    missing: float
    outside: float
    unknown: float
    same: float


@dataclass(frozen=True)
class Quality:
    """`answered` is the share of answers that are a number; `diversity` the spread of the answers to that on the
    reference, or the share of distinct classes; `busiest` that of the user who asks most.
    """

    columns: list[ColumnQuality]
    answered: float
    diversity: float
    busiest: float


def measure(window: Window, reference: Window, schema: Schema) -> Quality:
    columns = [measure_column(window.rows[column.name], column) for column in schema.columns]
    spreads = [side.rows[SCORE].std(ddof=0) for side in (window, reference)]
    named = [user for user in window.users if user]
    return Quality(
        columns,
        float(np.isfinite(window.rows[SCORE].astype(float)).mean()),
        float(spreads[0] / spreads[1]) if spreads[1] else 1.0,
        Counter(named).most_common(1)[0][1] / len(window.rows) if named else 0.0,
    )


def measure_column(values: pd.Series, column: Column) -> ColumnQuality:
    present = values.dropna()
    outside = unknown = 0.0
    if column.type in TEXTS:
        unknown = float((~present.isin(column.categories)).sum()) / len(values)
    elif column.minimum is not None and column.maximum is not None:
        outside = float(((present < column.minimum) | (present > column.maximum)).sum()) / len(values)
    same = float(present.value_counts().iloc[0]) / len(present) if len(present) else 0.0
    return ColumnQuality(column.name, float(values.isna().mean()), outside, unknown, same)


def findings(window: Window, reference: Window, schema: Schema, policy: Monitoring) -> list[Finding]:
    """What is surely, and by `monitoring.tolerance` of the rows, worse than in the reference.

    The significance is shared by the columns (Bonferroni).
    """
    found, now, before = [], measure(window, reference, schema), measure(reference, reference, schema)
    significance = policy.significance / len(now.columns)
    troubles = {
        "missing": ("is missing in", "Look at the sensor or the join that brings it."),
        "outside": ("is outside of the values of training in", "Look for a changed unit or a broken sensor."),
        "unknown": ("has a category that training has not seen in", "If it stays, retrain with rows that have it."),
    }
    for one, usual in zip(now.columns, before.columns, strict=True):
        for name, (words, do) in troubles.items():
            share, expected = getattr(one, name), getattr(usual, name)
            surely = surely_more(share, len(window.rows), expected, len(reference.rows), significance)
            if surely and share > expected + policy.tolerance:
                what = f"{one.column} {words} {share:.1%} of the last {len(window.rows):,} rows, {expected:.1%} before"
                severity = "critical" if name == "missing" and share > 0.5 else "warning"
                found.append(Finding(f"{name}:{one.column}", severity, what, do))  # type: ignore[arg-type]
        if one.same == 1 and usual.same < STUCK and window.rows[one.column].notna().sum() >= policy.min_rows:
            what = f"{one.column} is one and the same value in all of the last {len(window.rows):,} rows"
            found.append(Finding(f"stuck:{one.column}", "warning", what, "A sensor that is broken sends such values."))
    if now.answered < 1:
        what = f"{1 - now.answered:.1%} of the answers hold no number"
        found.append(Finding("answers", "critical", what, "Look at the inputs of those rows."))
    if now.diversity < policy.min_diversity:
        what = f"the answers differ {now.diversity:.0%} as much as they did on the rows that the model was tested on"
        do = "Look for an input that is stuck, or a model that is fed with its own answers."
        found.append(Finding("diversity", "warning", what, do))
    if now.busiest > policy.max_user_share:
        what = f"one user asks {now.busiest:.0%} of the requests"
        do = "Look at what that key is used for; serving.rate_limit limits it."
        found.append(Finding("busiest", "warning", what, do))
    return found


def surely_more(share: float, rows: int, expected: float, known: int, significance: float) -> bool:
    """Whether a share of `rows` is more than chance makes of `expected` among `known` rows: the pooled test of two
    proportions, one-sided.
    """
    pooled = (share * rows + expected * known) / (rows + known)
    error = math.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / known))
    return bool(error and stats.norm.sf((share - expected) / error) < significance)


def volume(this: int, usual: int | None, policy: Monitoring) -> list[Finding]:
    """Rows of the last full hour against the same hour a week before: a factor of `monitoring.max_volume` apart, and
    more than chance makes of it (the conditional test of two Poisson counts; Przyborowski and Wilenski 1940).

    `usual` is None where the log does not reach back so far: nothing is said then.
    """
    if usual is None or this + usual == 0:
        return []
    chance = stats.binomtest(this, this + usual, 0.5).pvalue
    factor = (max(this, usual) + 0.5) / (min(this, usual) + 0.5)
    if factor <= policy.max_volume or chance >= policy.significance:
        return []
    what = f"{this:,} rows were asked in the last full hour, {usual:,} in the same hour a week before"
    return [Finding("volume", "warning", what, "Look at who asks: a client is away, or one asks far too often.")]

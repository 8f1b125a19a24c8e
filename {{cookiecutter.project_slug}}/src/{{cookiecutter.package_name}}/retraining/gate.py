"""May a challenger come in, and is it better than the champion? Both are asked on the same newest hold-out."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ..config import Gate
from ..kinds.kind import Kind
from ..models.bundle import Bundle, Columns
from ..resampling import interval, resamples

Outcome = Literal["Promoted", "Rejected", "Inconclusive"]
ASKED = 50
"""Times that one row is asked to measure the latency."""


@dataclass(frozen=True)
class Check:
    """One condition of coming in at all; `told` says what was found."""

    name: str
    passes: bool
    told: str


@dataclass(frozen=True)
class Verdict:
    """`sentence` says what was compared; `difference` of the measure, with its interval, is None without a champion."""

    outcome: Outcome
    sentence: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None

    def numbers(self) -> dict[str, float | None]:
        return {name: value for name, value in asdict(self).items() if name in ("difference", "low", "high")}


def checks(
    policy: Gate,
    kind: Kind,
    evaluation: Mapping[str, Mapping[str, float]],
    parity: Mapping[str, Any],
    leaks: Sequence[str],
    behaviour: Sequence[Mapping[str, Any]],
    milliseconds: float,
) -> list[Check]:
    """What the reports of the last pipeline say: floor, `leaks` that count, behaviour, parity and latency."""
    found = evaluation[kind.measure]
    misbehaves = [one["name"] for one in behaviour if not one["passes"]]
    if policy.floor is None:
        floor = Check(
            "better than naive",
            found["low"] > found["naive"],
            f"{kind.measure} {found['value']:.4f}, at least {found['low']:.4f}, naively {found['naive']:.4f}",
        )
    else:
        told = f"{kind.measure} {found['value']:.4f}, gate.floor is {policy.floor:g}"
        floor = Check("floor", found["value"] >= policy.floor, told)
    return [
        floor,
        Check("leakage", not leaks, f"leaks: {', '.join(leaks) or 'none'}"),
        Check("behaviour", not misbehaves, f"misbehaves: {', '.join(misbehaves) or 'nowhere'}"),
        Check("parity", bool(parity["same"]), f"the bundle is off by up to {parity['largest_difference']:.1e}"),
        Check(
            "latency",
            milliseconds <= policy.max_latency_ms,
            f"{milliseconds:.2f} ms a row, {policy.max_latency_ms:g} ms may",
        ),
    ]


def latency(bundle: Bundle, row: Columns) -> float:
    """Milliseconds that the bundle takes for one row, the median."""
    took = []
    for _ in range(ASKED):
        began = time.perf_counter()
        bundle.outputs(row)
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def judge(
    policy: Gate,
    kind: Kind,
    actual: np.ndarray,
    challenger: np.ndarray,
    champion: np.ndarray | None,
    classes: tuple[str, ...],
    seed: int,
) -> Verdict:
    """Paired bootstrap of the difference of the measure: both models are scored on the same resamples.

    Promoted when the interval lies above `policy.min_improvement`, Rejected when it does not reach it, else, or with
    fewer than `policy.min_rows` rows, Inconclusive. `champion` is None when there is none that could answer.
    """

    def measured(outputs: np.ndarray, taken: Any = slice(None), weights: np.ndarray | None = None) -> float:
        return kind.score(actual[taken], outputs[taken], classes, weights)

    score = measured(challenger)
    if champion is None:
        return Verdict(
            "Promoted",
            f"{kind.measure} {score:.4f} on the hold-out, and there is no champion that could answer on it",
        )
    defended = measured(champion)
    differences = [
        measured(challenger, taken, weights) - measured(champion, taken, weights)
        for taken, weights in resamples(len(actual), seed)
    ]
    low, high = interval(differences, policy.confidence)
    sentence = (
        f"{kind.measure} {score:.4f} against {defended:.4f} of the champion on the same {len(actual):,} rows, "
        f"{score - defended:+.4f} ({low:+.4f} to {high:+.4f})"
    )
    outcome: Outcome = "Inconclusive"
    if low > policy.min_improvement:
        outcome, why = "Promoted", ""
    elif high <= policy.min_improvement:
        outcome, why = "Rejected", f"; it must be higher by more than {policy.min_improvement:g}"
    else:
        why = f"; the interval does not tell whether it is higher by more than {policy.min_improvement:g}"
    if len(actual) < policy.min_rows and outcome == "Promoted":
        outcome, why = "Inconclusive", f"; {policy.min_rows:,} rows are needed to decide"
    return Verdict(outcome, sentence + why, score - defended, low, high)

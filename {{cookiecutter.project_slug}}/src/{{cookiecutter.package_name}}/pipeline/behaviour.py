"""Does the model behave? Rows of the hold-out with a few values changed, and what may happen to its answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..config import Behaviour
from ..errors import ProjectError

Score = Callable[[pd.DataFrame], np.ndarray]
"""The watched number of the model for each row: the probability of the positive class, or the value."""


@dataclass(frozen=True)
class Finding:
    """`share` of `rows` did as expected; `passes` when that is enough."""

    name: str
    rows: int
    share: float
    passes: bool


def check(rows: pd.DataFrame, score: Score, expected: Sequence[Behaviour]) -> list[Finding]:
    """Invariance, direction and minimum function, the three tests of CheckList (Ribeiro, Wu, Guestrin, Singh 2020).

    Raises ProjectError for a column that is no feature.
    """
    before = score(rows)
    return [_checked(rows, before, score, one) for one in expected]


def _checked(rows: pd.DataFrame, before: np.ndarray, score: Score, behaviour: Behaviour) -> Finding:
    unknown = [name for name in (*behaviour.set, *behaviour.add) if name not in rows]
    if unknown:
        raise ProjectError(
            f"task.behaviour {behaviour.name!r} changes {', '.join(unknown)}, which no feature is (conf/task/)."
        )
    fixed = {name: np.nan if value is None else value for name, value in behaviour.set.items()}
    shifted = {name: rows[name] + by for name, by in behaviour.add.items()}
    after = score(rows.assign(**fixed, **shifted))
    slack = behaviour.tolerance
    match behaviour.expect:
        case "same":
            good = np.abs(after - before) <= slack
        case "not_lower":
            good = after >= before - slack
        case "not_higher":
            good = after <= before + slack
        case "at_least":
            good = after >= behaviour.score
        case "at_most":
            good = after <= behaviour.score
    share = float(good.mean())
    return Finding(behaviour.name, len(rows), round(share, 4), share >= behaviour.share)

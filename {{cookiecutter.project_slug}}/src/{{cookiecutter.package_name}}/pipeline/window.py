"""The training part in, the rows of it that a model is to learn from out: all, the newest, or those like the newest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .. import kinds
from ..config import ClassificationTask, Config, Window
from ..errors import ProjectError
from ..kinds.supervised import Supervised

FEWEST = 100
"""Rows that a window must have to be tried."""


@dataclass(frozen=True)
class Chosen:
    """`keep` says for each training row whether it is learnt from; `told` why."""

    keep: np.ndarray
    told: str


def choose(config: Config, train: pd.DataFrame, validation: pd.DataFrame, features: list[str]) -> Chosen:
    """By `window`. Raises ProjectError when the task has no time or target, where the window needs one."""
    policy, task = config.window, config.task
    if policy.kind in ("fixed", "dynamic") and not task.time:
        raise ProjectError(f"window is {policy.kind}, so task.time must name a column (conf/task/).")
    if policy.kind != "fixed" and not isinstance(kinds.of(task), Supervised):
        raise ProjectError(f"window is {policy.kind}, which needs a task with a target: choose all or fixed.")
    methods: dict[str, Callable[[], Chosen]] = {
        "fixed": lambda: newest(train, str(task.time), policy.days[0]),
        "dynamic": lambda: tested(config, train, validation, features),
        "like_production": lambda: alike(train, validation, features, policy, config.seed),
    }
    return methods[policy.kind]()


def newest(train: pd.DataFrame, time: str, days: float) -> Chosen:
    """The rows of the last `days` days of the training part."""
    times = pd.to_datetime(train[time])
    keep = (times > times.max() - pd.Timedelta(days=days)).to_numpy()
    return Chosen(keep, f"the newest {days:g} days")


def tested(config: Config, train: pd.DataFrame, validation: pd.DataFrame, features: list[str]) -> Chosen:
    """Back-testing: of the windows of `days`, and all rows, the one from which a quick model does best on the
    validation part, which comes after it. Of the same measure, the longer one.
    """
    from ..models import quick

    task, policy = config.task, config.window
    kind = kinds.of(task)
    assert isinstance(kind, Supervised)
    columns = [*features, str(task.target)]
    classes = kind.classes(train[str(task.target)])
    truth = validation[str(task.target)].to_numpy()
    tried: list[tuple[float, float, Chosen]] = []
    for days in (*policy.days, None):
        one = newest(train, str(task.time), days) if days else Chosen(np.ones(len(train), bool), "all rows")
        rows = train.loc[one.keep, columns]
        if len(rows) < FEWEST or (classes and rows[str(task.target)].nunique() < len(classes)):
            continue
        outputs = quick.learn(rows, kind, classes, config.seed).outputs(validation[features])
        score = kind.score(truth, outputs, classes)
        print(f"split     window of {one.told}: {kind.measure} {score:.4f} on the validation part", flush=True)
        tried.append((score, float(one.keep.sum()), one))
    if not tried:
        return Chosen(np.ones(len(train), bool), "all rows, since they are too few to compare")
    score, _, best = max(tried, key=lambda one: one[:2])
    return Chosen(best.keep, f"{best.told}, the best of {len(tried)} by back-testing")


def alike(train: pd.DataFrame, validation: pd.DataFrame, features: list[str], policy: Window, seed: int) -> Chosen:
    """A seeded sample of `share` of the rows, those more likely that look like the newest ones: by the odds that a
    classifier gives a row to be of the validation part (density ratio; Bickel, Brückner and Scheffer 2009).
    """
    from ..models import quick

    newer = "is_newer"
    both = pd.concat([train[features].assign(**{newer: "no"}), validation[features].assign(**{newer: "yes"})])
    kind = kinds.of(ClassificationTask(kind="classification", view="_", target=newer))
    assert isinstance(kind, Supervised)
    outputs = quick.learn(both, kind, ("no", "yes"), seed).outputs(train[features])
    odds = outputs[:, 1] / np.maximum(outputs[:, 0], 1e-6)
    take = max(1, round(policy.share * len(train)))
    drawn = np.random.default_rng(seed).choice(len(train), take, replace=False, p=odds / odds.sum())
    keep = np.zeros(len(train), bool)
    keep[drawn] = True
    return Chosen(keep, f"a sample of {policy.share:.0%} that looks like the newest rows")

"""Exploitation zone in, train / validation / test out, in the order of time."""

from __future__ import annotations

import itertools

import pandas as pd

from ..config import Config, Split
from ..errors import ProjectError
from ..layout import Layout, replacing

PARTS = ("train", "validation", "test")


def run(config: Config, layout: Layout) -> None:
    rows = pd.read_parquet(layout.exploitation / f"{config.task.view}.parquet")
    parts = split_by_time(rows, config.task.time, config.split)
    check_leakage(parts, config.task.time)
    check_classes(parts, config.task.target, config.task.positive)
    with replacing(layout.splits) as temporary:
        temporary.mkdir()
        for name, part in parts.items():
            part.to_parquet(temporary / f"{name}.parquet", index=False)
            first, last = part[config.task.time].min(), part[config.task.time].max()
            print(f"split     {name:<10} {len(part):>8,} rows, {first:%Y-%m-%d} to {last:%Y-%m-%d}")


def split_by_time(rows: pd.DataFrame, time: str, split: Split) -> dict[str, pd.DataFrame]:
    """Oldest rows first; rows of the same time stay together, so shares are met up to one time's rows."""
    ordered = rows.sort_values(time, kind="stable").reset_index(drop=True)
    validation_from, test_from = (
        ordered[time].quantile(share, interpolation="higher")
        for share in (1 - split.validation - split.test, 1 - split.test)
    )
    when = ordered[time]
    parts = {
        "train": ordered[when < validation_from],
        "validation": ordered[(when >= validation_from) & (when < test_from)],
        "test": ordered[when >= test_from],
    }
    empty = [name for name, part in parts.items() if part.empty]
    if empty:
        raise ProjectError(
            f"{len(rows)} rows are too few: {', '.join(empty)} would be empty. Change conf/split/ or land more data."
        )
    return parts


def check_leakage(parts: dict[str, pd.DataFrame], time: str) -> None:
    """Raises ProjectError when a part holds a time that a later part holds too, or a missing time."""
    for earlier, later in itertools.pairwise(PARTS):
        if not parts[earlier][time].max() < parts[later][time].min():
            raise ProjectError(f"Leak: {earlier} reaches into the time of {later} ({time}).")


def check_classes(parts: dict[str, pd.DataFrame], target: str, positive: str) -> None:
    """Raises ProjectError when a part lacks one of the classes: no model could be trained or judged on it."""
    classes = set(parts["train"][target].unique())
    if positive not in classes:
        raise ProjectError(
            f"task.positive is {positive!r}, but {target} is one of {sorted(map(str, classes))} (conf/task/)."
        )
    for name, part in parts.items():
        found = set(part[target].unique())
        if len(classes) < 2 or found != classes:
            has = sorted(map(str, found))
            raise ProjectError(f"{name} has {has} in {target}; every part needs the same two or more classes.")


def read(config: Config, layout: Layout, part: str) -> pd.DataFrame:
    """Features and target of one part; what a model must not learn from is left out."""
    rows = pd.read_parquet(layout.splits / f"{part}.parquet")
    return rows[[name for name in rows if name == config.task.target or name not in config.task.not_features]]


def most_complete(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """The first `count` rows with the fewest missing values, to show as examples."""
    return rows.loc[rows.isna().sum(axis="columns").sort_values(kind="stable").index[:count]]

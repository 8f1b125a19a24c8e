"""Exploitation zone in, train / validation / test out: by time, at random, stratified by the target or by group.

Every way gives each row a score and cuts at the same shares of it, in DuckDB, so that no table is too large.
`features.json` beside the parts says what a model may learn from, and why the other columns are left out.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from .. import governance, kinds
from ..config import Config, Split, Task
from ..errors import ProjectError
from ..layout import Layout, replacing, write_json
from ..locks import exclusive
from ..warehouse import columns, connect, copy, count, parquet, quoted, side_by_side
from . import features

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("train", "validation", "test")
FEATURES = "features.json"


def run(config: Config, layout: Layout) -> None:
    view = layout.exploitation / f"{config.task.view}.parquet"
    with (
        exclusive("split", layout),
        replacing(layout.splits) as folder,
        governance.recorded("split", layout, layout.exploitation) as record,
        connect(config.engine, layout) as connection,
    ):
        folder.mkdir()
        total = count(connection, parquet(view))
        rows = write_parts(connection, view, config.task, config.split, config.seed, folder)
        unlabelled = total - sum(rows.values())
        check_leakage(connection, config, folder)
        kinds.of(config.task).check_parts(connection, relations(folder))
        left_in, left_out = features.choose(connection, parquet(folder / "train.parquet"), config.task)
        write_json(folder / FEATURES, {"features": left_in, "left_out": left_out})
        if config.window.kind != "all":
            rows["train"] = keep_window(config, folder, left_in)
        for name, number in rows.items():
            print(
                f"split     {name:<12} {number:>10,} rows{_span(connection, config.task, folder / f'{name}.parquet')}",
                flush=True,
            )
            record.table(name, rows_out=number)
        record.facts["without_target"] = unlabelled
    if unlabelled:
        print(f"split     {unlabelled:,} rows have no {config.task.target} and are in no part")
    for name, reason in left_out.items():
        print(f"split     {name} is left out of the model: {reason}")


def write_parts(
    connection: duckdb.DuckDBPyConnection, path: Path, task: Task, split: Split, seed: int, folder: Path
) -> dict[str, int]:
    """Write `<part>.parquet` in the order of the view at `path`, the target as its kind wants it; rows of each part.

    Raises ProjectError when a part would be empty.
    """
    view = parquet(path)
    types = columns(connection, view)
    features.check_target(connection, view, task, types)
    boolean = [name for name, kind in types.items() if kind == "BOOLEAN" and name != task.target]
    as_text = [name for name in boolean if count(connection, view, f"{quoted(name)} is null")]
    wanted = {**dict.fromkeys(as_text, "varchar"), **kinds.of(task).types()}
    replaced = [f"{quoted(name)}::{kind} as {quoted(name)}" for name, kind in wanted.items()]
    instead = f" replace ({', '.join(replaced)})" if replaced else ""
    labelled = f" where {quoted(task.target)} is not null" if task.target else ""
    key = ", ".join(map(quoted, task.key)) or "file_row_number"
    score, stratum = {
        "time": (quoted(task.time or ""), "0"),
        "random": (f"hash({seed}, {key})", "0"),
        "stratified": (f"hash({seed}, {key})", quoted(task.target or "")),
        "group": (f"hash({seed}, {quoted(task.group or '')})", "0"),
    }[split.method]
    connection.execute(
        f"create view scored as select *{instead}, {score} as _score, {stratum} as _stratum from {view}{labelled}"
    )
    judged = "(select distinct _score, _stratum from scored)" if split.method == "group" else "scored"
    train, until_test = round(1 - split.validation - split.test, 9), round(1 - split.test, 9)
    connection.execute(
        f"create table cuts as select _stratum, quantile_disc(_score, [{train}, {until_test}]) as last "
        f"from {judged} group by _stratum"
    )
    last_train, last_validation = (f"getvariable('last')[_stratum][{number}]" for number in (1, 2))
    conditions = {
        "train": f"_score <= {last_train}",
        "validation": f"_score > {last_train} and _score <= {last_validation}",
        "test": f"_score > {last_validation}",
    }

    def write(cursor: duckdb.DuckDBPyConnection, part: str) -> int:
        # a constant, since a join would look at more than the score of each row
        cursor.execute("set variable last = (select map_from_entries(list((_stratum, last))) from cuts)")
        query = f"select * exclude (_score, _stratum) from scored where {conditions[part]}"
        return copy(cursor, query, folder / f"{part}.parquet")

    total = count(connection, "scored")
    parts = side_by_side(connection, "split", dict.fromkeys(PARTS, total), write)
    empty = [name for name, rows in parts.items() if not rows]
    if empty:
        raise ProjectError(
            f"{sum(parts.values())} rows{f' with a {task.target}' if task.target else ''} are too few: "
            f"{', '.join(empty)} would be empty. Change conf/split/ or land more data."
        )
    return parts


def keep_window(config: Config, folder: Path, features: list[str]) -> int:
    """Leave in the training part what `window` lets a model learn from; the rows that are left."""
    import pandas as pd

    from . import window

    train, validation = (pd.read_parquet(folder / f"{part}.parquet") for part in PARTS[:2])
    chosen = window.choose(config, train, validation, features)
    kept = train[chosen.keep]
    kept.to_parquet(folder / "train.parquet", index=False)
    print(f"split     learns from {chosen.told}: {len(kept):,} of {len(train):,} training rows", flush=True)
    return len(kept)


def relations(folder: Path) -> dict[str, str]:
    """Each part as SQL."""
    return {name: parquet(folder / f"{name}.parquet") for name in PARTS}


def check_leakage(connection: duckdb.DuckDBPyConnection, config: Config, folder: Path) -> None:
    """Raises ProjectError when a group is in two parts or, by time, a part reaches into the time of a later one.

    No row can be in two parts, since the key of the view is unique and each row has one score.
    """
    views = relations(folder)
    if config.split.method == "time":
        time = quoted(config.task.time or "")
        for earlier, later in itertools.pairwise(PARTS):
            if count(connection, views[earlier], f"{time} >= (select min({time}) from {views[later]})"):
                raise ProjectError(f"Leak: {earlier} reaches into the time of {later} ({config.task.time}).")
    if config.split.method == "group":
        group = quoted(config.task.group or "")
        for one, other in itertools.combinations(PARTS, 2):
            if count(connection, f"(select {group} from {views[one]} intersect select {group} from {views[other]})"):
                raise ProjectError(f"Leak: {one} and {other} have rows of the same {config.task.group}.")


def read(config: Config, layout: Layout, part: str) -> pd.DataFrame:
    """Features and the target, if any, of one part, oldest row first where the task has a time."""
    target = [config.task.target] if config.task.target else []
    return _rows(config, layout, part)[[*read_features(layout), *target]]


def read_all(config: Config, layout: Layout) -> dict[str, pd.DataFrame]:
    """Every part as `read` gives it."""
    return {part: read(config, layout, part) for part in PARTS}


def read_features(layout: Layout) -> list[str]:
    """The columns that a model may learn from, as the split has chosen them."""
    return list(json.loads((layout.splits / FEATURES).read_text(encoding="utf-8"))["features"])


def beside(config: Config, layout: Layout, part: str, names: tuple[str, ...]) -> pd.DataFrame:
    """Columns of the rows of `read`, features or not. Raises ProjectError for one that the view has not."""
    rows = _rows(config, layout, part)
    unknown = [name for name in names if name not in rows]
    if unknown:
        raise ProjectError(f"sql/{config.task.view}.sql has no column {', '.join(unknown)}, which conf/task/ names.")
    return rows[list(names)]


def last_time(config: Config, layout: Layout) -> str | None:
    """The time of the last row that a model learns from, as text; None where the task has no time."""
    if not config.task.time:
        return None
    times = (beside(config, layout, part, (config.task.time,)).iloc[:, 0].astype(str) for part in PARTS[:2])
    return max(map(max, times))


def groups(config: Config, layout: Layout, part: str) -> pd.Series | None:
    """The group of each row of `read`, where the split is by group."""
    return _rows(config, layout, part)[config.task.group] if config.split.method == "group" else None


def _rows(config: Config, layout: Layout, part: str) -> pd.DataFrame:
    import pandas as pd

    rows = pd.read_parquet(layout.splits / f"{part}.parquet")
    return rows.sort_values(config.task.time, kind="stable").reset_index(drop=True) if config.task.time else rows


def most_complete(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """The first `count` rows with the fewest missing values, to show as examples."""
    return rows.loc[rows.isna().sum(axis="columns").sort_values(kind="stable").index[:count]]


def _span(connection: duckdb.DuckDBPyConnection, task: Task, part: Path) -> str:
    if not task.time:
        return ""
    time = quoted(task.time)
    first, last = connection.execute(f"select min({time}), max({time}) from {parquet(part)}").fetchone() or ("", "")
    return f", {first:%Y-%m-%d} to {last:%Y-%m-%d}" if hasattr(first, "year") else f", {first} to {last}"

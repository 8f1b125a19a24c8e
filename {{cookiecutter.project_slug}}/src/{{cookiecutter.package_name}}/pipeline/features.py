"""Which columns a model may learn from: not the task's own, none that says nothing, none that only names its row."""

from __future__ import annotations

import duckdb

from .. import kinds
from ..config import Task
from ..errors import ProjectError
from ..warehouse import columns, count, quoted

FEW = 50
"""Whole numbers that all differ, in more rows than this, are numbers of the rows."""

FREE_TEXT = 0.5
"""Text with more different values than this share of its rows names or describes its row."""


def choose(connection: duckdb.DuckDBPyConnection, train: str, task: Task) -> tuple[list[str], dict[str, str]]:
    """Features, and the other columns with the reason, by the training part. Raises ProjectError when none is left."""
    types = columns(connection, train)
    decided = kinds.of(task).features()
    if decided:
        return list(decided), {
            name: "a series is forecast by its own past" for name in types if name not in (*decided, task.target)
        }
    left_out = {}
    for name, kind in types.items():
        if name == task.target:
            continue
        reason = "conf/task/ says so" if name in task.not_features else _useless(connection, train, name, kind)
        if reason:
            left_out[name] = reason
    chosen = [name for name in types if name != task.target and name not in left_out]
    if not chosen:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "the target is the only column"
        raise ProjectError(f"No column of the view is left to learn from ({why}). Add columns to sql/{task.view}.sql.")
    return chosen, left_out


def _useless(connection: duckdb.DuckDBPyConnection, train: str, name: str, kind: str) -> str:
    column = quoted(name)
    present, distinct = connection.execute(
        f"select count({column}), count(distinct {column}) from {train}"
    ).fetchone() or (0, 0)
    if not present:
        return "it has no value at all"
    if distinct == 1 and present == count(connection, train):
        return "it has the same value in every row"
    if kind.startswith(("TIMESTAMP", "DATE", "TIME")):
        return "a model cannot learn from a date as it is; make columns of it in sql/"
    if kind == "VARCHAR" and distinct > FREE_TEXT * present and distinct > 2:
        return f"it names its row rather than describing it ({distinct:,} different texts in {present:,} rows)"
    if kind in ("BIGINT", "HUGEINT", "INTEGER") and distinct == present and present > FEW:
        return f"it looks like a number of the row ({distinct:,} different in {present:,} rows)"
    return ""


def check_target(connection: duckdb.DuckDBPyConnection, view: str, task: Task, types: dict[str, str]) -> None:
    """Raises ProjectError when the target, where there is one, cannot be what the task says that it is."""
    if task.target is None:
        return
    target = quoted(task.target)
    present, distinct = connection.execute(
        f"select count({target}), count(distinct {target}) from {view}"
    ).fetchone() or (0, 0)
    if not present:
        raise ProjectError(
            f"{task.target} is missing in every row of sql/{task.view}.sql, so there is nothing to learn."
        )
    kinds.of(task).check_target(types[task.target], present, distinct)

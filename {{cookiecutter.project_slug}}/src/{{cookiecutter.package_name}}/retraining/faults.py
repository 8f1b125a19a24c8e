"""Rows and truths of production in, the same with something wrong in them out: to see that monitoring finds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import ProjectError
from ..models.bundle import TEXTS, Schema

KNOTS_IN_KMH = 1.852
NEW_CATEGORY = "never seen"


@dataclass(frozen=True)
class Production:
    """Rows that are asked and what turns out to be true of each, None where nobody tells."""

    rows: pd.DataFrame
    truth: pd.Series


@dataclass(frozen=True)
class Fault:
    """`column` is the one it strikes, where it strikes one."""

    name: str
    column: str | None = None

    def strike(self, production: Production, schema: Schema, random: np.random.Generator) -> Production:
        return FAULTS[self.name](production, self.column, schema, random)


def of(text: str, schema: Schema) -> Fault:
    """`name` or `name:column`. Raises ProjectError when there is no such fault, or no such column of its type."""
    name, _, column = text.partition(":")
    if name not in (*FAULTS, POISONED):
        raise ProjectError(f"There is no fault {name}: choose {', '.join((*FAULTS, POISONED))}.")
    if name not in STRIKES:
        return Fault(name)
    text_wanted = STRIKES[name] == "text"
    possible = [one.name for one in schema.columns if (one.type in TEXTS) == text_wanted and one.type != "boolean"]
    if not possible or (column and column not in possible):
        raise ProjectError(f"{name} strikes a column of {STRIKES[name]}s: {', '.join(possible) or 'there is none'}.")
    return Fault(name, column or possible[-1])


def broken_sensor(
    production: Production, column: str | None, schema: Schema, random: np.random.Generator
) -> Production:
    """Every value is the same one."""
    rows = production.rows
    return Production(rows.assign(**{str(column): float(rows[column].median())}), production.truth)


def silent_sensor(
    production: Production, column: str | None, schema: Schema, random: np.random.Generator
) -> Production:
    """Four values in five are missing."""
    rows = production.rows
    values = rows[column].astype(float).where(random.random(len(rows)) > 0.8)
    return Production(rows.assign(**{str(column): values}), production.truth)


def changed_unit(production: Production, column: str | None, schema: Schema, random: np.random.Generator) -> Production:
    """Knots become kilometres an hour."""
    rows = production.rows
    return Production(rows.assign(**{str(column): rows[column].astype(float) * KNOTS_IN_KMH}), production.truth)


def new_category(production: Production, column: str | None, schema: Schema, random: np.random.Generator) -> Production:
    """One row in five is of a category that training has not seen."""
    rows = production.rows
    values = rows[column].astype(object).mask(pd.Series(random.random(len(rows)) < 0.2, rows.index), NEW_CATEGORY)
    return Production(rows.assign(**{str(column): values}), production.truth)


def flipped_labels(
    production: Production, column: str | None, schema: Schema, random: np.random.Generator
) -> Production:
    """The truth is that of another row; of two classes, the other one."""
    truth = production.truth
    if len(schema.classes) == 2:
        first, second = schema.classes
        return Production(production.rows, truth.map({first: second, second: first}))
    return Production(production.rows, pd.Series(random.permutation(truth.to_numpy()), truth.index))


def missing_labels(
    production: Production, column: str | None, schema: Schema, random: np.random.Generator
) -> Production:
    """Four truths in five never come."""
    kept: pd.Series = pd.Series(random.random(len(production.truth)) > 0.8, production.truth.index)
    return Production(production.rows, production.truth.astype(object).where(kept, None))


FAULTS: Mapping[str, Callable[[Production, str | None, Schema, np.random.Generator], Production]] = {
    one.__name__: one
    for one in (broken_sensor, silent_sensor, changed_unit, new_category, flipped_labels, missing_labels)
}
STRIKES = dict.fromkeys(("broken_sensor", "silent_sensor", "changed_unit"), "number") | {"new_category": "text"}
"""What kind of column a fault strikes, if it strikes one; without a name, the last one of that kind."""

POISONED = "poisoned_batch"
"""The files that are landed for retraining hold nonsense; what the API is asked stays right."""


def poison(table: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Every column keeps its values and loses its rows: what belonged together is drawn anew."""
    return pd.DataFrame({name: random.permutation(table[name].to_numpy()) for name in table})

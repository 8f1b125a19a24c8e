"""conf/schema/<table>.yaml: what the columns of a table are and which rules its rows keep, as SQL conditions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from ..config import Section, explain
from ..errors import ProjectError
from ..layout import Layout
from ..warehouse import among, quoted, text

Type = Literal["integer", "number", "text", "boolean", "timestamp"]
DUCKDB: dict[str, str] = {
    "integer": "BIGINT",
    "number": "DOUBLE",
    "text": "VARCHAR",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP",
}


class Column(Section):
    """`min`, `max` and `values` are compared in the column's type; `references` is `table.column` of a parent."""

    type: Type
    nullable: bool = False
    min: int | float | str | None = None
    max: int | float | str | None = None
    values: tuple[str | int | float | bool, ...] | None = None
    pattern: str | None = None
    unique: bool = False
    references: str | None = None

    @field_validator("min", "max", mode="before")
    @classmethod
    def as_text(cls, value: object) -> object:
        """YAML reads 2013-01-01 as a date."""
        return value if value is None or isinstance(value, int | float | str) else str(value)

    @field_validator("references")
    @classmethod
    def names_table_and_column(cls, value: str | None) -> str | None:
        if value is not None and value.count(".") != 1:
            raise ValueError(f"references must be table.column, got {value!r}")
        return value


class Schema(Section):
    """`time` is the column that says when a row happened; `rules` maps a name to an SQL condition over one row."""

    description: str = ""
    time: str | None = None
    columns: dict[str, Column] = Field(min_length=1)
    rules: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def names_its_time(self) -> Schema:
        if self.time is not None and self.time not in self.columns:
            raise ValueError(f"time names {self.time!r}, which is none of the columns")
        return self

    @property
    def parents(self) -> set[str]:
        """The tables that this one refers to."""
        return {column.references.split(".")[0] for column in self.columns.values() if column.references}


@dataclass(frozen=True)
class Rule:
    """`broken` is an SQL condition that is true for a row that breaks the rule; `column` is empty for a row's rule."""

    column: str
    name: str
    broken: str


def path_of(table: str, layout: Layout) -> Path:
    return layout.schemas / f"{table}.yaml"


def read(table: str, layout: Layout) -> Schema:
    """Raises ProjectError that names the file and every key that is wrong in it."""
    path = path_of(table, layout)
    if not path.is_file():
        raise ProjectError(f"Table {table} has no schema yet: `make schema` makes {path} from the landed files.")
    try:
        return Schema.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise ProjectError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        lines = "\n".join(f"  {explain(problem, Schema)}" for problem in error.errors())
        raise ProjectError(f"{path} has {error.error_count()} wrong key(s):\n{lines}") from error


def rules(schema: Schema) -> list[Rule]:
    """Every rule that can be judged by looking at one row and the parents of its table."""
    found = [rule for name, column in schema.columns.items() for rule in _column_rules(name, column)]
    found += [Rule("", name, f"not coalesce(({condition}), true)") for name, condition in schema.rules.items()]
    return found


def _column_rules(name: str, column: Column) -> list[Rule]:
    value, kind = quoted(name), DUCKDB[column.type]
    found = []

    def add(rule: str, broken: str) -> None:
        found.append(Rule(name, rule, f"coalesce({broken}, false)"))

    if not column.nullable:
        add("not null", f"{value} is null")
    if column.min is not None:
        add(f"min {column.min}", f"{value} < {text(column.min)}::{kind}")
    if column.max is not None:
        add(f"max {column.max}", f"{value} > {text(column.max)}::{kind}")
    if column.values is not None:
        add("values", f"not {among(value, map(_yaml_text, column.values), kind)}")
    if column.pattern is not None:
        add(f"pattern {column.pattern}", f"not regexp_matches({value}::varchar, {text(column.pattern)})")
    if column.references is not None:
        table, parent = column.references.split(".")
        known = f"(select {quoted(parent)} from {quoted(table)} where {quoted(parent)} is not null)"
        add(f"references {column.references}", f"{value} not in {known}")
    return found


def _yaml_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

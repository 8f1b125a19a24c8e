"""conf/schema/<table>.yaml in, a pandera schema out."""

from __future__ import annotations

from typing import Any

import pandera.pandas as pa
import yaml

from ..errors import ProjectError
from ..layout import Layout

Schema = pa.DataFrameSchema


def schema(table: str, layout: Layout) -> Schema:
    """Raises ProjectError when the file is missing or pandera cannot read it."""
    path = layout.schemas / f"{table}.yaml"
    if not path.is_file():
        raise ProjectError(f"Table {table} has no schema: write {path} (see the other files beside it).")
    try:
        return Schema.from_yaml(path)
    except (pa.errors.SchemaDefinitionError, yaml.YAMLError, AttributeError, TypeError, KeyError) as error:
        raise ProjectError(f"{path} is not a pandera schema: {error}") from error


def columns(contract: Schema) -> dict[str, Any]:
    """Column name to its declared type, as text."""
    return {name: str(column.dtype) for name, column in contract.columns.items()}

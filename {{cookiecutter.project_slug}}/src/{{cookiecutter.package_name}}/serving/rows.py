"""The rows of a request, checked against the schema of the model."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from flask import request
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic_core import PydanticCustomError, from_json
from typing_extensions import TypedDict

from ..models.bundle import LARGEST, TEXTS, Column, Columns, Schema, columns_of
from .errors import FieldError, RefusedError, field_errors, not_json

EXACT = 2**53
"""Doubles hold every whole number below this one."""

User = Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,128}$", description="Who asks: always answered by the same arm")]
Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """The rows that can be answered, as columns; their `places` among the `count` of the request; what is wrong with
    the others."""

    columns: Columns
    places: Sequence[int]
    count: int
    errors: Sequence[FieldError] = ()
    user: str | None = None
    reasons: int = 0


class Parser:
    """Knows what a row of the model looks like. Raises RefusedError, which names each value that is wrong."""

    def __init__(self, schema: Schema, max_rows: int) -> None:
        self._columns = schema.columns
        self._max_rows = max_rows
        self._row = _row_type(schema)
        self._one: TypeAdapter[Row] = TypeAdapter(self._row)
        self.table_type = _table_type(schema)
        self._table: TypeAdapter[Columns] = TypeAdapter(self.table_type)
        self.rows_type = Annotated[
            _list_of(_row_type(schema, extra="ignore")), Field(min_length=1, max_length=max_rows)
        ]
        self.request = self._request_model(dict(schema.example), max_rows)

    def json(self, body: bytes, *, strict: bool = True) -> Asked:
        """A PredictRequest. Where it is not `strict`, wrong rows are left out and reported."""
        right = self.right(body)
        if right:
            return right
        try:
            asked: Any = self.request.model_validate_json(body)
        except ValidationError as error:
            if strict or not _only_rows(error):
                raise refusal(error) from error
            given = from_json(body)
            return self._salvaged(given["rows"], given.get("user"), given.get("reasons", 0))
        return whole(asked.rows, asked.user, asked.reasons)

    def columns(self, given: Any) -> Asked:
        """A list of values for each column; other columns than the model's are passed over."""
        try:
            return self.table(self._table.validate_python(given))
        except ValidationError as error:
            raise refusal(error) from error

    def table(self, columns: Columns) -> Asked:
        """Columns that are right each for itself (`table_type`)."""
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) != 1:
            raise RefusedError(422, f"The columns differ in length: {lengths}.")
        count = next(iter(lengths.values()))
        self._check_count(count)
        return Asked(columns, range(count), count)

    def csv(self, body: bytes, *, strict: bool = True) -> Asked:
        """A table with a header; an empty field is a missing value."""
        try:
            reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig")), strict=True)
            rows = [self._typed(row) for row in reader]
        except (UnicodeDecodeError, csv.Error) as error:
            raise RefusedError(422, f"The body is no CSV file in UTF-8: {error}.") from error
        self._check_count(len(rows))
        asked = self._salvaged(rows, None, 0)
        if strict and asked.errors:
            raise RefusedError(422, errors=asked.errors)
        return asked

    def right(self, body: bytes) -> Asked | None:
        """A PredictRequest, None if anything is wrong with it: what, `json` finds out.

        Its rows are checked as columns, which is faster.
        """
        try:
            given = orjson.loads(body)
            rows = given["rows"]
            asked: Any = self.request.model_validate({**given, "rows": rows[:1]})
            one = len(rows) == 1
            columns = columns_of(asked.rows) if one else self._table.validate_python(columns_of(rows))
        except (ValueError, KeyError, TypeError):
            return None
        if len(rows) > self._max_rows or any(len(row) != len(columns) for row in rows):
            return None
        return Asked(columns, range(len(rows)), len(rows), (), asked.user, asked.reasons)

    def _typed(self, row: Mapping[str, str | None]) -> Row:
        return {column.name: _value(column, row[column.name]) for column in self._columns if column.name in row}

    def _check_count(self, count: int) -> None:
        if not 1 <= count <= self._max_rows:
            raise RefusedError(
                422, f"{count:,} rows: one request may have 1 to {self._max_rows:,}; `make batch` scores whole tables."
            )

    def _salvaged(self, given: Iterable[Any], user: str | None, reasons: int) -> Asked:
        rows, errors = self._each(given)
        places = [place for place, row in enumerate(rows) if row is not None]
        if not places:
            raise RefusedError(422, errors=errors)
        columns = columns_of([row for row in rows if row is not None])
        return Asked(columns, places, len(rows), errors, user, reasons)

    def _each(self, given: Iterable[Any]) -> tuple[list[Row | None], list[FieldError]]:
        """Each row alone: itself, or None and what is wrong with it."""
        rows: list[Row | None] = []
        errors: list[FieldError] = []
        for place, row in enumerate(given):
            try:
                rows.append(self._one.validate_python(row))
            except ValidationError as error:
                rows.append(None)
                errors += field_errors(error, ("rows", place))
        return rows, errors

    def _request_model(self, example: Row, max_rows: int) -> type[BaseModel]:
        fields: dict[str, Any] = {
            "rows": (_list_of(self._row), Field(min_length=1, max_length=max_rows)),
            "user": (User | None, None),
            "reasons": (int, Field(0, strict=True, ge=0, description="How many of the top reasons to give")),
        }
        config = ConfigDict(extra="forbid", json_schema_extra={"example": {"rows": [example]}})
        return create_model("PredictRequest", __config__=config, **fields)


def whole(rows: Sequence[Row], user: str | None = None, reasons: int = 0) -> Asked:
    """Rows of which none is wrong."""
    return Asked(columns_of(rows), range(len(rows)), len(rows), (), user, reasons)


def _only_rows(error: ValidationError) -> bool:
    """Whether nothing but single rows is wrong."""
    return all(len(one["loc"]) > 1 and one["loc"][0] == "rows" for one in error.errors(include_input=False))


def _row_type(schema: Schema, extra: Literal["forbid", "ignore"] = "forbid") -> Any:
    fields = {
        column.name: Annotated[_type_of(column), Field(description=_describe(column))] for column in schema.columns
    }
    return _typed_dict("Row" if extra == "forbid" else "Record", fields, ConfigDict(extra=extra))


def _table_type(schema: Schema) -> Any:
    fields = {column.name: _list_of(_type_of(column)) for column in schema.columns}
    return _typed_dict("Table", fields, ConfigDict(extra="ignore"))


def _list_of(item: Any) -> Any:
    return list[item]


def _typed_dict(name: str, fields: dict[str, Any], config: ConfigDict) -> Any:
    """Faster to fill than a model, and any name of a column will do."""
    make: Any = TypedDict
    made = make(name, fields)
    made.__pydantic_config__ = config
    made.__doc__ = "Every column is named; null stands for a missing value."
    return made


def _type_of(column: Column) -> Any:
    """Pydantic would turn "3" and true into numbers; a client that sends them has mixed up its columns."""
    if column.type == "choice":
        return Literal[column.categories]
    number = Field(strict=True, allow_inf_nan=False, ge=-LARGEST, le=LARGEST)
    exact = Field(strict=True, allow_inf_nan=False, gt=-EXACT, lt=EXACT)
    types: dict[str, Any] = {
        "number": Annotated[float, number],
        "integer": Annotated[
            float,
            exact,
            AfterValidator(_without_fraction),
            WithJsonSchema({"type": "integer", "minimum": 1 - EXACT, "maximum": EXACT - 1}),
        ],
        "boolean": Annotated[bool, Strict()],
        "category": str,
    }
    return types[column.type] | None


def _without_fraction(value: float) -> float:
    if not value.is_integer():
        raise PydanticCustomError("whole_number", "Input should be a whole number")
    return value


def _describe(column: Column) -> str:
    if column.type in TEXTS:
        shown = ", ".join(column.categories[:10])
        return f"One of {shown}" + (", …" if len(column.categories) > 10 else "")
    return f"In training {column.minimum:g} to {column.maximum:g}"


def _value(column: Column, text: str | None) -> Any:
    """A field of a CSV file; one that cannot be read stays text, so that it is named as wrong."""
    if not text:
        return None
    if column.type == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if column.type in TEXTS:
        return text
    try:
        return float(text)
    except ValueError:
        return text


def content_type(*accepted: str) -> str:
    """The media type of the body. Raises RefusedError when it is another one, or compressed."""
    given = request.mimetype
    if given not in accepted:
        raise RefusedError(415, f"Content-Type is {given or 'not given'}: send {' or '.join(accepted)}.")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise RefusedError(415, "The body is compressed: send it as it is.")
    return given


def parsed(model: type[BaseModel], body: bytes) -> Any:
    """The body as `model`. Raises RefusedError with what is wrong."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise refusal(error) from error


def refusal(error: ValidationError) -> RefusedError:
    first = error.errors(include_input=False)[0]
    return not_json(first["msg"]) if first["type"] == "json_invalid" else RefusedError(422, errors=field_errors(error))


def as_csv(rows: Sequence[Row]) -> str:
    """A table with a header."""
    written = io.StringIO()
    table = csv.DictWriter(written, list(rows[0]))
    table.writeheader()
    table.writerows(rows)
    return written.getvalue()

"""The OpenAPI document of the API, made of what its endpoints say of themselves; its page is Swagger UI."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeVar

from flask import Blueprint, Flask, Response, current_app, render_template, send_from_directory
from pydantic import TypeAdapter

from .errors import Problem

VERSION = "3.1.0"
JSON, PROBLEM, CSV = "application/json", "application/problem+json", "text/csv"
REFERENCE = "#/components/schemas/{model}"
VALUE = re.compile(r"<(?:\w+:)?(\w+)>")

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Operation:
    """What an endpoint takes and gives, by media type: types, or a JSON schema. It refuses with `problems`."""

    summary: str
    tag: str
    takes: Mapping[str, Any] = field(default_factory=dict)
    gives: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    query: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    path: Mapping[str, Any] = field(default_factory=dict)
    examples: Mapping[str, Any] = field(default_factory=dict)


def documented(operation: Operation) -> Callable[[View], View]:
    """Makes a view part of the document."""

    def mark(view: View) -> View:
        view.operation = operation  # type: ignore[attr-defined]
        return view

    return mark


def given(how: Literal["anyOf", "oneOf"], *names: str) -> Any:
    """A JSON schema: any, or one, of the fields is there and not null."""
    return {how: [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]}


def document(app: Flask, title: str, version: str, *, keys: bool) -> dict[str, Any]:
    """OpenAPI 3.1; `keys`: whether the API asks for one."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    always = (401, 403) if keys else ()
    for rule in app.url_map.iter_rules():
        operation = getattr(app.view_functions[rule.endpoint], "operation", None)
        if operation:
            method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"})).lower()
            described = _described(operation, rule.endpoint, VALUE.findall(rule.rule), always, schemas)
            paths.setdefault(VALUE.sub(r"{\1}", rule.rule), {})[method] = described
    made: dict[str, Any] = {
        "openapi": VERSION,
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if keys:
        made["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer"},
            "basic": {"type": "http", "scheme": "basic", "description": "The key is the password"},
        }
        made["security"] = [{"key": []}, {"basic": []}]
    return made


def blueprint(title: str, version: str, *, keys: bool) -> Blueprint:
    assets = Path(str(find_spec("flask_openapi3_swagger").submodule_search_locations[0])) / "templates" / "swagger"  # type: ignore[union-attr,index]
    docs = Blueprint("docs", __name__, url_prefix="/docs")

    @docs.get("/openapi.json")
    def openapi() -> dict[str, Any]:
        """This API in OpenAPI 3.1."""
        return document(current_app, title, version, keys=keys)

    @docs.get("/", strict_slashes=False)
    def page() -> str:
        """The routes, to be read and tried."""
        return render_template("docs.html", title=title)

    @docs.get("/swagger/<path:name>")
    def swagger(name: str) -> Response:
        """The files of that page."""
        return send_from_directory(assets, name, max_age=3600)

    return docs


def _described(
    operation: Operation, endpoint: str, values: list[str], always: tuple[int, ...], schemas: dict[str, Any]
) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _schema(operation.path[name], schemas)}
        for name in values
    ] + [
        {"name": name, "in": "query", "description": told, "schema": _schema(of, schemas)}
        for name, (of, told) in operation.query.items()
    ]
    responses = {"200": {"description": "OK", "content": _content(operation.gives, {}, schemas)}}
    for status in sorted({*operation.problems, *always}):
        refused = _content({PROBLEM: Problem}, {}, schemas)
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": refused}
    made: dict[str, Any] = {
        "operationId": endpoint.replace(".", "_"),
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": responses,
    }
    if parameters:
        made["parameters"] = parameters
    if operation.takes:
        content = _content(operation.takes, operation.examples, schemas)
        made["requestBody"] = {"required": True, "content": content}
    return made


def _content(types: Mapping[str, Any], examples: Mapping[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        media: {"schema": _schema(of, schemas)} | ({"example": examples[media]} if media in examples else {})
        for media, of in types.items()
    }


def _schema(of: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to the schema of a type, which is put among `schemas` with all that it refers to."""
    if isinstance(of, dict):
        return of
    made = TypeAdapter(of).json_schema(ref_template=REFERENCE)
    schemas.update(made.pop("$defs", {}))
    if made.get("type") != "object" or "title" not in made:
        return made
    schemas[made["title"]] = made
    return {"$ref": REFERENCE.format(model=made["title"])}

"""A running API asked as any client would: HTTP and JSON, standard library only."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from .. import deployment
from ..errors import ProjectError
from ..layout import Layout
from ..models import bundle


def ask(url: str, rows: Path | None, layout: Layout | None = None) -> str:
    """The answer as indented JSON. Without `rows` (a JSON list) the example of the deployed model is sent."""
    asked = read_rows(rows) if rows else [example(layout or Layout())]
    return json.dumps({"rows": asked, **predict(url, asked)}, indent=2, ensure_ascii=False)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Raises ProjectError when `path` does not hold a JSON list of objects."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ProjectError(f"{path} is not JSON: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ProjectError(f'{path} must hold a list of rows: [{{"column": value, …}}, …].')
    return rows


def predict(url: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """POST `rows` to /v1/predict. Raises ProjectError as `post`."""
    return post(f"{url}/v1/predict", {"rows": rows})


def post(address: str, values: dict[str, Any]) -> dict[str, Any]:
    """With the key in $API_KEY, if any. Raises ProjectError with what the API said."""
    body, key = json.dumps(values).encode(), os.environ.get("API_KEY")
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=60) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        raise ProjectError(f"{address} refused: {error.read().decode()}") from error
    except OSError as error:
        raise ProjectError(f"Nothing answers at {address} ({error}): start the API with `make serve`.") from error


def example(layout: Layout) -> dict[str, Any]:
    """A real row, from the schema of the deployed model."""
    current = deployment.required(layout)
    return dict(bundle.load(layout.deploy / current.champion.bundle).schema.example)

"""The portable model: a folder with the ONNX model, its schema, its metadata and their checksums.

Loading and predicting need numpy and onnxruntime only. An estimator without an ONNX form is in a file of its own, which
needs its library and skops; then the ONNX model prepares the rows for it. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ProjectError
from . import answers, native

MODEL, ESTIMATOR, SCHEMA, METADATA, REFERENCE, CHECKSUMS = (
    "model.onnx",
    "estimator.skops",
    "schema.json",
    "metadata.json",
    "reference.parquet",
    "checksums.json",
)
MISSING = "\x00missing"
TEXTS = ("category", "choice")
"""Types of columns that are text."""

SCORE = "prediction"
"""The column of the reference that holds what the model answered, as the number that is watched."""


@dataclass(frozen=True)
class Column:
    """One input: `type` is number, integer, boolean, category or choice.

    Limits and categories are those seen in training. Another category is answered too; a choice has no others.
    """

    name: str
    type: str
    nullable: bool
    categories: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class Schema:
    """What a model takes and gives: `classes`, if any, in the order of its outputs; `example` is one real row.

    `costs` say for each true class what each class costs as an answer; empty: the most probable class is the answer.
    """

    kind: str
    target: str
    classes: tuple[str, ...]
    columns: tuple[Column, ...]
    example: Mapping[str, Any]
    costs: tuple[tuple[float, ...], ...] = ()


class Bundle:
    """A loaded model. Safe to call from several threads. Raises ProjectError for a model that does not load.

    `estimator` answers what `model` has prepared; without one, `model` answers itself.
    """

    def __init__(
        self, model: bytes, schema: Schema, metadata: Mapping[str, Any], estimator: bytes | None = None
    ) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.schema = schema
        self.metadata = metadata
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ProjectError(f"onnxruntime does not accept the model: {error}") from error
        self._estimator = native.load(estimator) if estimator else None
        self._numbers = [column.name for column in schema.columns if column.type not in TEXTS]
        self._categories = [column.name for column in schema.columns if column.type in TEXTS]

    def outputs(self, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Rows by classes, or by one number. A row maps column names to values; None and NaN are missing."""
        feed: dict[str, np.ndarray] = {}
        if self._numbers:
            feed["numbers"] = np.array([[row[name] for name in self._numbers] for row in rows], dtype=np.float64)
        if self._categories:
            feed["categories"] = np.array(
                [[category_text(row[name]) for name in self._categories] for row in rows], dtype=object
            )
        given = np.asarray(self._session.run(["output"], feed)[0])
        return answers.of(self.schema.kind).estimated(self._estimator, given) if self._estimator else given

    def unseen(self, row: Mapping[str, Any]) -> list[str]:
        """Names of the columns whose category did not occur in training."""
        return [
            column.name
            for column in self.schema.columns
            if column.type == "category" and row[column.name] is not None and row[column.name] not in column.categories
        ]


def category_text(value: Any) -> str:
    """A category as the model's tables spell it: whole numbers without a point, None and NaN as missing."""
    if value is None or value != value:
        return MISSING
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def load(folder: Path) -> Bundle:
    """Verify and load. Raises ProjectError when a file is missing or differs from its checksum."""
    verify(folder)
    schema = schema_from(json.loads((folder / SCHEMA).read_text(encoding="utf-8")))
    metadata = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    estimator = folder / ESTIMATOR
    return Bundle(
        (folder / MODEL).read_bytes(), schema, metadata, estimator.read_bytes() if estimator.is_file() else None
    )


def schema_from(values: Mapping[str, Any]) -> Schema:
    """A schema from what its JSON file holds."""
    columns = tuple(
        Column(**{**column, "categories": tuple(column.get("categories", ()))}) for column in values["columns"]
    )
    costs = tuple(map(tuple, values.get("costs", ())))
    return Schema(**{**values, "classes": tuple(values["classes"]), "columns": columns, "costs": costs})


def verify(folder: Path) -> None:
    """Raises ProjectError that names the file that is missing or was changed."""
    listed = folder / CHECKSUMS
    if not listed.is_file():
        raise ProjectError(f"{folder} is no bundle: it has no {CHECKSUMS}. `make pipeline` makes one.")
    for name, expected in json.loads(listed.read_text(encoding="utf-8")).items():
        path = folder / name
        if not path.is_file():
            raise ProjectError(f"{path} is missing: the bundle is incomplete. Run `make deploy` again.")
        if _sha256(path) != expected:
            raise ProjectError(
                f"{path} differs from its checksum: it was changed or cut short. Run `make deploy` again."
            )


def seal(folder: Path) -> None:
    """Write the checksums of every file in `folder`; the last step of making a bundle."""
    sums = {path.name: _sha256(path) for path in sorted(folder.iterdir()) if path.name != CHECKSUMS}
    (folder / CHECKSUMS).write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

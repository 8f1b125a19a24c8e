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
from typing import Any, TypeAlias

import numpy as np

from ..errors import ProjectError
from ..layout import read_json
from . import answers, native

MODEL, ESTIMATOR, SCHEMA, METADATA, REFERENCE, BACKGROUND, CARD, CHECKSUMS = (
    "model.onnx",
    "estimator.skops",
    "schema.json",
    "metadata.json",
    "reference.parquet",
    "background.json",
    "card.md",
    "checksums.json",
)
MISSING = "\x00missing"
TEXTS = ("category", "choice")
"""Types of columns that are text."""

LARGEST = 1e18
"""A number beyond it is refused: a model that computes in single precision has no answer that is a number."""

SCORE = "prediction"
"""The column of the reference that holds what the model answered, as the number that is watched."""

ACTUAL = "_actual"
"""The column of the reference that holds what was true, where the task has a target."""

Columns: TypeAlias = Mapping[str, Sequence[Any]]
"""Rows as a model takes them: the values of each column, all of one length."""


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

    `estimator` answers what `model` has prepared; without one, `model` answers itself. `background` holds a few rows
    of training to explain an answer by, `card` is the model card.
    """

    def __init__(
        self,
        model: bytes,
        schema: Schema,
        metadata: Mapping[str, Any],
        estimator: bytes | None = None,
        background: Columns | None = None,
        card: str = "",
    ) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.schema = schema
        self.metadata = metadata
        self.background = background or {}
        self.card = card
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ProjectError(f"onnxruntime does not accept the model: {error}") from error
        self._estimator = native.load(estimator) if estimator else None
        self.numbers = [column.name for column in schema.columns if column.type not in TEXTS]
        self.categories = [column.name for column in schema.columns if column.type in TEXTS]
        self._known = {
            column.name: {*column.categories, None} for column in schema.columns if column.type == "category"
        }

    def outputs(self, columns: Columns) -> np.ndarray:
        """Rows by classes, or by one number; None and NaN are missing values."""
        numbers = np.array([columns[name] for name in self.numbers], dtype=np.float64)
        texts = [[category_text(value) for value in columns[name]] for name in self.categories]
        return self.of_matrices(numbers.T, np.array(texts, dtype=object).T)

    def of_matrices(self, numbers: np.ndarray, categories: np.ndarray) -> np.ndarray:
        """As `outputs`, for rows by `numbers` (float64, NaN for missing) and rows by `categories` (texts)."""
        feed: dict[str, np.ndarray] = {}
        if self.numbers:
            feed["numbers"] = np.ascontiguousarray(numbers)
        if self.categories:
            feed["categories"] = np.ascontiguousarray(categories)
        given = np.asarray(self._session.run(["output"], feed)[0])
        return answers.of(self.schema.kind).estimated(self._estimator, given) if self._estimator else given

    def unseen(self, columns: Columns) -> list[tuple[int, str]]:
        """Row and column of each category that did not occur in training."""
        return [
            (row, name)
            for name, known in self._known.items()
            for row, value in enumerate(columns[name])
            if value not in known
        ]


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows that all have the keys of the first one, as columns."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def category_text(value: Any) -> str:
    """A category as the model's tables spell it: whole numbers without a point, None and NaN as missing."""
    if type(value) is str:
        return value
    if value is None or value != value:
        return MISSING
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def load(folder: Path) -> Bundle:
    """Verify and load. Raises ProjectError when a file is missing or differs from its checksum."""
    verify(folder)
    estimator, background, card = folder / ESTIMATOR, folder / BACKGROUND, folder / CARD
    return Bundle(
        (folder / MODEL).read_bytes(),
        schema_from(read_json(folder / SCHEMA)),
        read_json(folder / METADATA),
        estimator.read_bytes() if estimator.is_file() else None,
        read_json(background) if background.is_file() else None,
        card.read_text(encoding="utf-8") if card.is_file() else "",
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

"""params.yaml in, one frozen object out. A typo in it is an error that names the key."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import ProjectError
from .layout import Layout


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Table(Section):
    files: str
    key: tuple[str, ...] = Field(min_length=1)


class Source(Section):
    name: str
    folder: Path
    first_periods: int = Field(ge=1)
    tables: dict[str, Table]


class Trust(Section):
    max_quarantined_share: float = Field(ge=0, le=1)


class Task(Section):
    kind: Literal["classification"]
    view: str
    target: str
    positive: str
    time: str
    identifiers: tuple[str, ...]

    @property
    def not_features(self) -> frozenset[str]:
        """The columns of the view that a model must not learn from."""
        return frozenset({self.target, self.time, *self.identifiers})


class Split(Section):
    validation: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def leaves_rows_to_train_on(self) -> Split:
        if self.validation + self.test >= 1:
            raise ValueError("validation + test must be below 1, or nothing is left to train on")
        return self


class AutoML(Section):
    models: tuple[str, ...] = Field(min_length=1)
    metric: str
    folds: int = Field(ge=2)
    budget_minutes: float = Field(gt=0)
    tune_iterations: int = Field(ge=0)
    ensemble: Literal["none", "blend"]
    sample_rows: int | None = Field(ge=100)
    setup: dict[str, Any]


class Serving(Section):
    host: str
    port: int = Field(ge=0, le=65535)
    workers: int = Field(ge=1)
    threads: int = Field(ge=1)
    max_rows: int = Field(ge=1)
    max_bytes: int = Field(ge=1000)


class Monitoring(Section):
    prediction_log: str
    window: int = Field(ge=1)
    min_rows: int = Field(ge=1)
    psi_threshold: float = Field(gt=0)


class Retraining(Section):
    min_new_predictions: int = Field(ge=1)
    max_drifted_share: float = Field(ge=0, le=1)
    drift_retrains: bool
    min_improvement: float = Field(ge=0)


class Config(Section):
    """All that `conf/` can say, one field per group."""

    source: Source
    trust: Trust
    task: Task
    split: Split
    automl: AutoML
    serving: Serving
    monitoring: Monitoring
    retraining: Retraining
    seed: int = Field(ge=0)


def load(layout: Layout) -> Config:
    """Read `params.yaml`. Raises ProjectError that names every key that is wrong."""
    if not layout.params.is_file():
        raise ProjectError(
            f"{layout.params} is not there. Run this in the project's folder; "
            "`make pipeline` writes the file from conf/."
        )
    return parse(yaml.safe_load(layout.params.read_text(encoding="utf-8")), str(layout.params))


def parse(values: Any, where: str) -> Config:
    """`values` as read from YAML; `where` is named in the message."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        lines = [f"  {_explain(problem)}" for problem in error.errors()]
        raise ProjectError(
            f"{where} has {len(lines)} wrong key(s); correct them in conf/:\n" + "\n".join(lines)
        ) from error


def _explain(problem: Any) -> str:
    path = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = _fields_beside(problem["loc"])
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        return f"{path}: no such key" + (f"; did you mean {close[0]}?" if close else "")
    if problem["type"] == "missing":
        return f"{path}: missing"
    return f"{path}: {problem['msg']}, got {problem['input']!r}"


def _fields_beside(path: tuple[int | str, ...]) -> list[str]:
    model: Any = Config
    for part in path[:-1]:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        model = field.annotation if field else Table
    return list(getattr(model, "model_fields", {}))

"""What a kind of task has to say: what its target must be, how it is searched, judged and drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..config import Task

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pandas as pd

TOLERANCE = 1e-4
"""Largest difference that counts as the same answer: of a probability, or in standard deviations of a number."""


class Kind(ABC):
    """One kind of supervised task.

    `outputs` are what a model gives, rows by outputs: the probability of each of `classes` (the last is the positive
    one), or one number. `weights`, one a row, make a row count as several. Methods import the libraries that they
    need: what comes before training starts quickly.
    """

    experiment: ClassVar[tuple[str, str]]
    """Module and class of PyCaret's experiment."""

    metric: ClassVar[str]
    """PyCaret's name of the metric that a search goes by, unless automl.metric names another."""

    measure: ClassVar[str]
    """The hold-out metric of `metrics` by which models are compared: the greater, the better."""

    target_type: ClassVar[str]
    """SQL type of the target in the splits."""

    folds: ClassVar[dict[str, str]]
    """PyCaret's name of the cross-validation for each method of the split: folds are cut as the parts are."""

    blending: ClassVar[dict[str, Any]] = {}
    """Arguments of PyCaret's blend_models."""

    loss: ClassVar[str]
    """What `losses` measures, for people."""

    alone: ClassVar[str]
    """What one feature alone is scored by, to find leaks: the name of the measure."""

    chance: ClassVar[float]
    """That score of a feature that knows nothing; 1 is perfect."""

    @abstractmethod
    def check_target(self, task: Task, kind: str, present: int, distinct: int) -> None:
        """Raises ProjectError when a column of SQL type `kind`, with so many values, cannot be this target."""

    @abstractmethod
    def check_parts(self, connection: duckdb.DuckDBPyConnection, task: Task, parts: dict[str, str]) -> None:
        """Raises ProjectError when a part (name to relation) has not what training or judging needs."""

    @abstractmethod
    def classes(self, target: pd.Series, positive: str | None) -> tuple[str, ...]:
        """The classes in the order of the outputs, the positive one last; none where the target is a number."""

    @abstractmethod
    def encoded(self, target: pd.Series, classes: tuple[str, ...]) -> pd.Series:
        """The target as PyCaret is to learn it."""

    @abstractmethod
    def refuses(self, candidate: Any) -> str:
        """Why a fitted estimator is of no use; empty where it is of use."""

    @abstractmethod
    def outputs(self, pipeline: Any, rows: pd.DataFrame) -> np.ndarray:
        """What a fitted pipeline gives, rows by outputs."""

    @abstractmethod
    def single_feature_score(self, feature: pd.DataFrame, target: pd.Series, folds: int, seed: int) -> float:
        """`alone` of a small tree on one feature, cross-validated; `chance` where there are too few rows."""

    @abstractmethod
    def metrics(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], weights: np.ndarray | None = None
    ) -> dict[str, float]:
        """Hold-out metrics by name."""

    @abstractmethod
    def losses(self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
        """How wrong each row is: `loss` says by what."""

    @abstractmethod
    def naive(self, target: pd.Series, classes: tuple[str, ...], rows: int) -> np.ndarray:
        """The outputs of a model that knows nothing but the target of the training rows."""

    @abstractmethod
    def plot(self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], folder: Path) -> None:
        """Write CSV for `dvc plots` and one picture, evaluation.png, to look at."""

    @abstractmethod
    def differences(self, expected: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, int]:
        """How far two models' outputs are apart, one number a row, and in how many rows they decide differently."""

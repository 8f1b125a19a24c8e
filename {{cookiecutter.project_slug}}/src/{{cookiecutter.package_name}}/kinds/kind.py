"""What a kind of task has to say: what its data must be, how a model is searched, judged and drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ..config import Task

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pandas as pd

    from ..models.automl import Model

TOLERANCE = 1e-4
"""Largest difference that counts as the same answer: of a probability, or in standard deviations of a number."""

AnyTask = TypeVar("AnyTask", bound=Task)


@dataclass(frozen=True)
class HoldOut:
    """What a model is judged by.

    `rows` are asked, `actual` is what `metrics` compares the answers with, one entry a row, and `naive` are the
    outputs of a model that knows nothing. The first `own` rows are those of the test part; a kind may add others.
    """

    rows: pd.DataFrame
    actual: np.ndarray
    naive: np.ndarray
    own: int


class Kind(ABC, Generic[AnyTask]):
    """One kind of task.

    `outputs` are what a model gives, rows by outputs. `classes` are what the outputs of a row stand for, where they
    stand for something each. `weights`, one a row, make a row count as several. Methods import the libraries that
    they need: what comes before training starts quickly.
    """

    experiment: ClassVar[tuple[str, str]]
    """Module and class of PyCaret's experiment."""

    metric: ClassVar[str]
    """The name, on the leaderboard, of the metric that a search goes by, unless automl.metric names another."""

    measure: ClassVar[str]
    """The hold-out metric of `metrics` by which models are compared: the greater, the better."""

    loss: ClassVar[str]
    """What `losses` measures, for people."""

    baseline: ClassVar[str]
    """The model that knows nothing, for people."""

    asked: ClassVar[str] = "rows"
    """What the hold-out consists of, for people."""

    blending: ClassVar[dict[str, Any]] = {}
    """Arguments of PyCaret's blend_models."""

    by_row: ClassVar[bool] = True
    """Whether each row is answered on its own by its features, so that rows can be drawn, cut, changed and shuffled."""

    graded: ClassVar[bool] = True
    """Whether the number that is watched says more or less of something, so that features can add to it."""

    def __init__(self, task: AnyTask) -> None:
        self.task = task

    # the data

    @abstractmethod
    def asks_for(self) -> str:
        """What is answered, as a name: the target, or what the model makes up itself."""

    def types(self) -> dict[str, str]:
        """SQL types that columns have in the splits, whatever they have in the view."""
        return {}

    def check_target(self, kind: str, present: int, distinct: int) -> None:
        """Raises ProjectError when a column of SQL type `kind`, with so many values, cannot be this target."""

    @abstractmethod
    def check_parts(self, connection: duckdb.DuckDBPyConnection, parts: dict[str, str]) -> None:
        """Raises ProjectError when a part (name to relation) has not what training or judging needs."""

    def features(self) -> tuple[str, ...] | None:
        """The columns that a model is asked with, where the kind and not the data decides."""
        return None

    # the search

    def classes(self, target: pd.Series) -> tuple[str, ...]:
        """The classes in the order of the outputs, the positive one last; none where there are no classes."""
        return ()

    def encoded(self, target: pd.Series, classes: tuple[str, ...]) -> pd.Series:
        """The target as PyCaret is to learn it."""
        return target

    @abstractmethod
    def setup(
        self,
        train: pd.DataFrame,
        validation: pd.DataFrame,
        folds: int,
        method: str,
        groups: pd.Series | None,
    ) -> dict[str, Any]:
        """Arguments of PyCaret's setup; `method` says how the parts were cut."""

    def correct(self, experiment: Any) -> None:
        """Put right what PyCaret measures wrongly, once its setup is done."""

    def candidates(self, models: tuple[str, ...], train: pd.DataFrame, validation: pd.DataFrame) -> tuple[str, ...]:
        """What is compared: PyCaret's short names, each with what `created` is to know behind a colon."""
        return models

    @abstractmethod
    def created(
        self, experiment: Any, candidate: str, validation: pd.DataFrame, arguments: dict[str, Any]
    ) -> tuple[Any, dict[str, float]]:
        """The candidate by PyCaret's create_model, and its metrics for the leaderboard."""

    def greater_is_better(self, experiment: Any, metric: str) -> bool:
        return bool(experiment.get_metrics().set_index("Display Name")["Greater is Better"][metric])

    def metrics_of(self, experiment: Any) -> list[str]:
        """The names that automl.metric may have."""
        return list(experiment.get_metrics()["Display Name"])

    def refuses(self, candidate: Any) -> str:
        """Why a fitted estimator is of no use; empty where it is of use."""
        return ""

    @abstractmethod
    def finished(self, experiment: Any, best: Any, rows: pd.DataFrame, target: pd.Series | None) -> Any:
        """`best` fitted on everything, as a pipeline that takes raw features.

        `rows` are those features of training and validation rows, as `typed`.
        """

    def typed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Features, as PyCaret types them, in the types in which the finished pipeline learns from them."""
        return rows

    # the model

    def examples(self, pipeline: Any, rows: pd.DataFrame) -> pd.DataFrame:
        """`rows`, or what else a fitted pipeline is to be asked."""
        return rows

    def estimator(self, pipeline: Any) -> Any:
        """The model itself, without what prepares the rows for it."""
        return pipeline.steps[-1][1]

    @abstractmethod
    def outputs(self, pipeline: Any, rows: pd.DataFrame) -> np.ndarray:
        """What a fitted pipeline gives, rows by outputs."""

    def answers(self, pipeline: Any) -> tuple[str, ...]:
        """What the outputs are called, where the model and not the target says it."""
        return ()

    def costs(self, classes: tuple[str, ...]) -> np.ndarray:
        """Classes by classes: what the second costs as an answer when the first is true; empty if nothing is said."""
        import numpy as np

        return np.zeros((0, 0))

    def deployable(self, model: Model, parts: dict[str, pd.DataFrame]) -> tuple[Model, pd.DataFrame, pd.DataFrame]:
        """The model as it answers in production, the features it has learnt from and those it is tried with.

        `parts` are all rows, the hold-out too, with their target.
        """
        import pandas as pd

        rows = {name: features(part, self.task) for name, part in parts.items()}
        return model, pd.concat([rows["train"], rows["validation"]], ignore_index=True), rows["test"]

    # the judgement

    @abstractmethod
    def hold_out(self, parts: dict[str, pd.DataFrame], classes: tuple[str, ...], seed: int) -> HoldOut:
        """What a model is asked to be judged, and the answers that are right; `parts` as in `deployable`."""

    def answered(self, model: Model, hold_out: HoldOut, parts: dict[str, pd.DataFrame]) -> np.ndarray:
        """The outputs of the model for the rows of the hold-out, which was made of `parts`."""
        return model.outputs(hold_out.rows)

    @abstractmethod
    def metrics(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], weights: np.ndarray | None = None
    ) -> dict[str, float]:
        """Hold-out metrics by name."""

    def score(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], weights: np.ndarray | None = None
    ) -> float:
        """`measure` alone; NaN where it has no value, as with rows of one class."""
        return self.metrics(actual, outputs, classes, weights)[self.measure]

    @abstractmethod
    def losses(self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
        """How wrong each row is: `loss` says by what."""

    @abstractmethod
    def plot(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], rows: pd.DataFrame, folder: Path
    ) -> None:
        """Write CSV for `dvc plots` and one picture, evaluation.png, to look at."""

    @abstractmethod
    def differences(
        self, expected: np.ndarray, answers: np.ndarray, classes: tuple[str, ...]
    ) -> tuple[np.ndarray, int]:
        """How far two models' outputs are apart, one number a row, and in how many rows they decide differently."""


def features(rows: pd.DataFrame, task: Task) -> pd.DataFrame:
    """`rows` without their target."""
    return rows.drop(columns=task.target) if task.target else rows

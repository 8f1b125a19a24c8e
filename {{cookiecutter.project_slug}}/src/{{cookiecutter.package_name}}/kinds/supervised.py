"""What classification and regression share: rows with a target, which a model learns to tell from the features."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from .kind import AnyTask, HoldOut, Kind, features

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class Supervised(Kind[AnyTask]):
    baseline = "a model that knows nothing but the target of the training rows"

    target_type: ClassVar[str]
    """SQL type of the target in the splits."""

    folds: ClassVar[dict[str, str]]
    """PyCaret's name of the cross-validation for each method of the split: folds are cut as the parts are."""

    alone: ClassVar[str]
    """What one feature alone is scored by, to find leaks: the name of the measure."""

    chance: ClassVar[float]
    """That score of a feature that knows nothing; 1 is perfect."""

    @abstractmethod
    def single_feature_score(self, feature: pd.DataFrame, target: pd.Series, folds: int, seed: int) -> float:
        """`alone` of a small tree on one feature, cross-validated; `chance` where there are too few rows."""

    def asks_for(self) -> str:
        return str(self.task.target)

    def types(self) -> dict[str, str]:
        return {str(self.task.target): self.target_type}

    def setup(
        self,
        train: pd.DataFrame,
        validation: pd.DataFrame,
        folds: int,
        method: str,
        groups: pd.Series | None,
    ) -> dict[str, Any]:
        return {
            "data": train,
            "target": self.task.target,
            "test_data": validation,
            "index": False,
            "fold": folds,
            "fold_strategy": self.folds[method],
            "fold_groups": groups,
            "fold_shuffle": method in ("random", "stratified"),
            "data_split_shuffle": False,
        }

    def created(
        self, experiment: Any, candidate: str, validation: pd.DataFrame, arguments: dict[str, Any]
    ) -> tuple[Any, dict[str, float]]:
        """Cross-validated; fitted on everything is what is chosen in the end, and only that."""
        made = experiment.create_model(candidate, refit=False, verbose=False, **arguments)
        return made, experiment.pull().loc["Mean"].to_dict()

    def finished(self, experiment: Any, best: Any, rows: pd.DataFrame, target: pd.Series | None) -> Any:
        return experiment.finalize_model(best)

    def hold_out(self, parts: dict[str, pd.DataFrame], classes: tuple[str, ...], seed: int) -> HoldOut:
        test = parts["test"]
        naive = self.naive(parts["train"][self.task.target], classes, len(test))
        return HoldOut(features(test, self.task), test[self.task.target].to_numpy(), naive, len(test))

    @abstractmethod
    def compared_by_group(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...]
    ) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
        """Functions of truth and answers, to be compared between groups, then the truth and the answers."""

    @abstractmethod
    def stream_estimator(self, classes: tuple[str, ...]) -> Any:
        """A linear model of River's for models/stream.py."""

    @abstractmethod
    def naive(self, target: pd.Series, classes: tuple[str, ...], rows: int) -> np.ndarray:
        """The outputs of a model that knows nothing but the target of the training rows."""

"""How much?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..config import RegressionTask
from ..errors import ProjectError
from ..warehouse import one, quoted
from .supervised import Supervised

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

SHOWN = 5000
"""Rows in a scatter plot, at most: every so manieth row."""


class Regression(Supervised[RegressionTask]):
    experiment = ("pycaret.regression", "RegressionExperiment")
    metric = "R2"
    measure = "r2"
    target_type = "double"
    folds: ClassVar[dict[str, str]] = {
        "time": "timeseries",
        "random": "kfold",
        "stratified": "kfold",
        "group": "groupkfold",
    }
    loss = "absolute error"
    alone = "R²"
    chance = 0.0

    def check_target(self, kind: str, present: int, distinct: int) -> None:
        task = self.task
        if kind in ("VARCHAR", "BOOLEAN") or kind.startswith(("TIMESTAMP", "DATE", "TIME")):
            raise ProjectError(
                f"task.kind is {task.kind}, but {task.target} is {kind.lower()}, not a number. Set kind: "
                "classification in conf/task/ where it names classes, or make a number of it in "
                f"sql/{task.view}.sql."
            )

    def check_parts(self, connection: duckdb.DuckDBPyConnection, parts: dict[str, str]) -> None:
        task = self.task
        target = quoted(task.target)
        for name, relation in parts.items():
            if not one(connection, f"select bool_and(isfinite({target})) from {relation}"):
                raise ProjectError(f"{task.target} is infinite or no number in {name}: leave such rows out in sql/.")
            if one(connection, f"select min({target}) = max({target}) from {relation}"):
                raise ProjectError(
                    f"{task.target} is the same in every row of {name}: there is nothing to learn or to judge. Name "
                    "another target in conf/task/, or land more data."
                )

    def outputs(self, pipeline: Any, rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(pipeline.predict(rows), dtype=np.float64).reshape(-1, 1)

    def single_feature_score(self, feature: pd.DataFrame, target: pd.Series, folds: int, seed: int) -> float:
        from sklearn.model_selection import KFold
        from sklearn.tree import DecisionTreeRegressor

        from . import trees

        if len(feature) < 2 * folds:
            return self.chance
        parts = KFold(folds, shuffle=True, random_state=seed)
        return max(self.chance, trees.score(DecisionTreeRegressor, feature, target, parts, "r2", seed))

    def stream_estimator(self, classes: tuple[str, ...]) -> Any:
        from river import linear_model, preprocessing

        return preprocessing.TargetStandardScaler(linear_model.LinearRegression())

    def metrics(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], weights: np.ndarray | None = None
    ) -> dict[str, float]:
        """Errors in the unit of the target; r2 is a share."""
        from sklearn import metrics

        predicted = outputs[:, 0]
        weighed: Any = {"sample_weight": weights}
        return {
            "r2": float(metrics.r2_score(actual, predicted, **weighed)),
            "mae": float(metrics.mean_absolute_error(actual, predicted, **weighed)),
            "rmse": float(metrics.mean_squared_error(actual, predicted, **weighed) ** 0.5),
            "median_error": float(metrics.median_absolute_error(actual, predicted, **weighed)),
            "bias": float(np.average(predicted - actual, weights=weights)),
        }

    def losses(self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
        return np.asarray(np.abs(actual - outputs[:, 0]))

    def naive(self, target: pd.Series, classes: tuple[str, ...], rows: int) -> np.ndarray:
        """Always the mean."""
        return np.full((rows, 1), target.mean())

    def compared_by_group(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...]
    ) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
        functions = {
            "mean answer": lambda truth, answers: float(np.mean(answers)),
            "mae": lambda truth, answers: float(np.mean(np.abs(answers - truth))),
            "bias": lambda truth, answers: float(np.mean(answers - truth)),
        }
        return functions, actual, outputs[:, 0]

    def plot(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], rows: pd.DataFrame, folder: Path
    ) -> None:
        """Predicted against actual values, residuals against predicted values, and how the residuals are spread."""
        import pandas as pd
        from matplotlib.figure import Figure
        from sklearn import metrics

        shown = slice(None, None, max(1, len(actual) // SHOWN))
        table = pd.DataFrame({"actual": actual, "predicted": outputs[:, 0], "residual": actual - outputs[:, 0]})
        few = table[shown]
        figure = Figure(figsize=(13, 4), layout="constrained")
        values, residuals, spread = figure.subplots(1, 3)
        values.scatter(few["predicted"], few["actual"], s=4, alpha=0.4)
        ends = [min(few["actual"].min(), few["predicted"].min()), max(few["actual"].max(), few["predicted"].max())]
        values.plot(ends, ends, "--", color="grey")
        values.set(title=f"R² {metrics.r2_score(actual, outputs[:, 0]):.3f}", xlabel="predicted", ylabel="actual")
        residuals.scatter(few["predicted"], few["residual"], s=4, alpha=0.4)
        residuals.axhline(0, linestyle="--", color="grey")
        residuals.set(title="Residuals", xlabel="predicted", ylabel="actual - predicted")
        spread.hist(table["residual"], bins=60)
        spread.set(title="Spread of the residuals", xlabel="actual - predicted", ylabel="rows")
        figure.savefig(folder / "evaluation.png", dpi=110)
        few.to_csv(folder / "residuals.csv", index=False, float_format="%.6g")

    def differences(
        self, expected: np.ndarray, answers: np.ndarray, classes: tuple[str, ...]
    ) -> tuple[np.ndarray, int]:
        """In standard deviations of the expected answers; there is nothing to decide."""
        return np.abs(answers - expected)[:, 0] / (expected.std() or 1.0), 0

"""How does it go on?"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import ForecastingTask
from ..errors import ProjectError
from ..progress import progress
from ..warehouse import count, one, quoted
from .kind import HoldOut, Kind

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from ..models.automl import Model

ORIGINS = 30
"""Origins in the hold-out, at most: the model is fitted anew at each."""

SHOWN = 10
"""Origins that a legend has room for."""

ORIGIN = "origin"
"""The column of the hold-out that says after which time a forecast was made."""


class Forecasting(Kind[ForecastingTask]):
    """The outputs of a time are its value, low and high.

    Models are judged from rolling origins (Tashman 2000): refitted up to several times within the hold-out, each time
    asked for the next `horizon` values. `actual` is the true value and the one that a seasonal naive forecast, the last
    season once more, says. Errors from one origin are alike, so that the bootstrap intervals are too narrow.
    """

    experiment = ("pycaret.time_series", "TSForecastingExperiment")
    metric = "MASE"
    measure = "skill"
    loss = "absolute error"
    asked = "forecasts"
    baseline = "the last season once more"
    by_row = False

    def asks_for(self) -> str:
        return self.task.target

    def types(self) -> dict[str, str]:
        return {self.task.target: "double", self.task.time: "varchar"}

    def check_target(self, kind: str, present: int, distinct: int) -> None:
        task = self.task
        if kind in ("VARCHAR", "BOOLEAN") or kind.startswith(("TIMESTAMP", "DATE", "TIME")):
            raise ProjectError(
                f"task.kind is {task.kind}, but {task.target} is {kind.lower()}, not a number: make one of it in "
                f"sql/{task.view}.sql."
            )

    def check_parts(self, connection: duckdb.DuckDBPyConnection, parts: dict[str, str]) -> None:
        from .forecaster import moments

        task = self.task
        for name, relation in parts.items():
            time = quoted(task.time)
            moments(task, connection.execute(f"select {time} from {relation}").df()[task.time])
            if one(connection, f"select count(*) - count(distinct {time}) from {relation}"):
                raise ProjectError(
                    f"{name} has two rows with the same {task.time}; a series has one for each. Join them in "
                    f"sql/{task.view}.sql, such as by group by."
                )
        rows = {name: count(connection, relation) for name, relation in parts.items()}
        learnt = rows["train"] + rows["validation"]
        if rows["test"] < task.horizon:
            raise ProjectError(
                f"test has {rows['test']} rows, fewer than task.horizon, {task.horizon}. Make `test` in conf/split/ "
                "greater, the horizon shorter, or land more data."
            )
        needed = max(3 * task.horizon, 10 + task.horizon, 2 * (task.season or 1))
        if learnt < needed:
            raise ProjectError(
                f"{learnt} rows to learn from are too few for a horizon of {task.horizon}: {needed} are the least."
            )

    def features(self) -> tuple[str, ...] | None:
        """The past of the target is known; what is asked is a time."""
        return (self.task.time,)

    def setup(
        self,
        train: pd.DataFrame,
        validation: pd.DataFrame,
        folds: int,
        method: str,
        groups: pd.Series | None,
    ) -> dict[str, Any]:
        import pandas as pd

        from .forecaster import series

        times, values = series(self.task, train, validation)
        season = self.season(times)
        if self.task.season is None:
            found = f"a season of {season}, usual for such steps" if season > 1 else "no season"
            print(f"train     {found}; `season` in conf/task/ can name another", flush=True)
        return {
            "data": pd.DataFrame({self.task.target: values}, index=times.to_period()),
            "target": self.task.target,
            "fh": self.task.horizon,
            "fold": folds,
            "fold_strategy": "expanding",
            "seasonal_period": season,
            "ignore_seasonality_test": season > 1,
        }

    def season(self, times: pd.DatetimeIndex) -> int:
        """`task.season` or, where it is None, the usual one of such steps, if the `times` to learn from have two."""
        from .forecaster import USUAL_SEASONS

        if self.task.season:
            return self.task.season
        usual = USUAL_SEASONS.get(times.to_period().freqstr.partition("-")[0].upper(), 1)
        return usual if len(times) >= 2 * usual else 1

    def candidates(self, models: tuple[str, ...], train: pd.DataFrame, validation: pd.DataFrame) -> tuple[str, ...]:
        """PyCaret has no seasonal naive model where there is no season."""
        from .forecaster import series

        seasonal = self.season(series(self.task, train, validation)[0]) > 1
        return tuple(name for name in models if name != "snaive" or seasonal)

    def created(
        self,
        experiment: Any,
        candidate: str,
        validation: pd.DataFrame,
        arguments: dict[str, Any],
    ) -> tuple[Any, dict[str, float]]:
        made = experiment.create_model(candidate, verbose=False, **arguments)
        return made, experiment.pull().loc["Mean"][self.metrics_of(experiment)].to_dict()

    def finished(self, experiment: Any, best: Any, rows: pd.DataFrame, target: pd.Series | None) -> Any:
        from .forecaster import Forecaster, series

        times, values = series(self.task, rows.assign(**{self.task.target: target}))
        made = Forecaster(experiment.finalize_model(best), self.task.time, times, values, self.task.horizon, (0.0, 0.0))
        return made.refitted(times, values).with_errors()

    def examples(self, pipeline: Any, rows: pd.DataFrame) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame({pipeline.time: pipeline.ahead()})

    def estimator(self, pipeline: Any) -> Any:
        """The innermost one: PyCaret wraps it into what transforms the series."""
        model = pipeline.model
        while hasattr(model, "steps_"):
            model = model.steps_[-1][1]
        return model

    def outputs(self, pipeline: Any, rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(pipeline.predict(rows))

    def deployable(self, model: Model, parts: dict[str, pd.DataFrame]) -> tuple[Model, pd.DataFrame, pd.DataFrame]:
        """Fitted on everything, since what is asked for is what comes after it."""
        import pandas as pd

        from .forecaster import series

        fitted = model.pipeline.refitted(*series(self.task, *parts.values())).with_errors()
        asked = pd.DataFrame({self.task.time: fitted.ahead()})
        return replace(model, pipeline=fitted), asked, asked

    def hold_out(self, parts: dict[str, pd.DataFrame], classes: tuple[str, ...], seed: int) -> HoldOut:
        """Origins are half a horizon apart, or as far as ORIGINS of them need, and every forecast is whole."""
        import pandas as pd

        from .forecaster import series, texts

        times, values = series(self.task, *parts.values())
        asked, actual = [], []
        first, last = len(times) - len(parts["test"]), len(times) - self.task.horizon
        season = self.season(times[:first])
        apart = max(1, self.task.horizon // 2, math.ceil((last - first) / (ORIGINS - 1)))
        for origin in range(first, last + 1, apart):
            ahead = slice(origin, origin + self.task.horizon)
            repeated = np.resize(values[origin - season : origin], self.task.horizon)
            asked.append(pd.DataFrame({self.task.time: texts(times[ahead]), ORIGIN: texts(times[[origin - 1]])[0]}))
            actual.append(np.column_stack([values[ahead], repeated]))
        known = np.concatenate(actual)
        return HoldOut(pd.concat(asked, ignore_index=True), known, np.repeat(known[:, 1:], 3, axis=1), len(known))

    def answered(self, model: Model, hold_out: HoldOut, parts: dict[str, pd.DataFrame]) -> np.ndarray:
        """From each origin by the model refitted on what was known then."""
        import pandas as pd

        from .forecaster import series

        times, values = series(self.task, *parts.values())
        found = []
        with progress("evaluate", hold_out.rows[ORIGIN].nunique(), " origins") as bar:
            for origin, rows in hold_out.rows.groupby(ORIGIN, sort=False):
                known = times.searchsorted(pd.Timestamp(str(origin)), side="right")
                found.append(model.pipeline.refitted(times[:known], values[:known]).predict(rows))
                bar.update()
        return np.concatenate(found)

    def metrics(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], weights: np.ndarray | None = None
    ) -> dict[str, float]:
        """Errors in the unit of the target. `skill` is the share of the seasonal naive forecast's mean absolute error
        that is avoided: 0 is as good as naive, 1 perfect. `coverage` is the share between low and high.
        """
        truth, naive = actual.T
        error = outputs[:, 0] - truth
        size = np.abs(outputs[:, 0]) + np.abs(truth)

        def mean(of: np.ndarray) -> float:
            return float(np.average(of, weights=weights))

        usual = mean(np.abs(naive - truth))
        return {
            "skill": 1 - mean(np.abs(error)) / usual if usual else float("nan"),
            "mae": mean(np.abs(error)),
            "rmse": mean(error**2) ** 0.5,
            "smape": mean(2 * np.abs(error) / np.where(size > 0, size, 1.0)),
            "bias": mean(error),
            "coverage": mean((outputs[:, 1] <= truth) & (truth <= outputs[:, 2])),
        }

    def losses(self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
        return np.asarray(np.abs(actual[:, 0] - outputs[:, 0]))

    def plot(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], rows: pd.DataFrame, folder: Path
    ) -> None:
        """The forecasts from every origin over what came, and how wrong they are by how far they look ahead."""
        import pandas as pd
        from matplotlib.figure import Figure

        from .forecaster import COVERED

        time = next(name for name in map(str, rows) if name != ORIGIN)
        table = rows.assign(
            actual=actual[:, 0], naive=actual[:, 1], **dict(zip(("forecast", "low", "high"), outputs.T, strict=True))
        )
        table["step"] = table.groupby(ORIGIN).cumcount() + 1
        figure = Figure(figsize=(14, 4.5), layout="constrained")
        course, steps = figure.subplots(1, 2, width_ratios=[3, 1])
        known = table.drop_duplicates(time).sort_values(time)
        course.plot(pd.to_datetime(known[time]), known["actual"], "k.-", label="actual", zorder=3)
        for number, (origin, part) in enumerate(table.groupby(ORIGIN, sort=True)):
            when = pd.to_datetime(part[time])
            course.plot(when, part["forecast"], f"C{number % 10}", label=f"after {origin}")
            course.fill_between(when, part["low"], part["high"], color=f"C{number % 10}", alpha=0.12)
        course.set(title=f"Forecasts from several origins, {COVERED:.0%} intervals", ylabel="value")
        course.tick_params(axis="x", labelrotation=30)
        if table[ORIGIN].nunique() <= SHOWN:
            course.legend(fontsize=8)
        wrong = table.assign(
            forecast=(table["forecast"] - table["actual"]).abs(), naive=(table["naive"] - table["actual"]).abs()
        )
        by_step = wrong.groupby("step")[["forecast", "naive"]].mean()
        by_step.plot(ax=steps, marker=".", color=["tab:blue", "grey"])
        steps.set(title="Mean absolute error", xlabel="steps ahead", ylim=(0, None))
        figure.savefig(folder / "evaluation.png", dpi=110)
        table.to_csv(folder / "forecasts.csv", index=False, float_format="%.6g")

    def differences(
        self, expected: np.ndarray, answers: np.ndarray, classes: tuple[str, ...]
    ) -> tuple[np.ndarray, int]:
        """In standard deviations of the forecasts, or of their size where all are the same; nothing is decided."""
        spread = float(expected.std()) or float(np.abs(expected).max()) or 1.0
        return np.abs(answers - expected).max(axis=1) / spread, 0

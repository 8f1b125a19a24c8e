"""A fitted forecaster that can be fitted again on more of its series, and the series itself."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..config import ForecastingTask
from ..errors import ProjectError

# sktime imports Dask, which tells whoever runs a stage how it might be installed
warnings.filterwarnings("ignore", r"\s*Dask dataframe query planning is disabled", FutureWarning)

COVERED = 0.9
"""The share of the true values that is to lie between low and high."""

BACKTESTS = 5
"""Origins before the end of a series from which it is forecast to learn how wrong forecasts are."""

USUAL_SEASONS = {"H": 24, "D": 7, "B": 5, "M": 12, "Q": 4}
"""Values in the season that a series of hours, days, working days, months or quarters mostly has (Hyndman and
Athanasopoulos, Forecasting: Principles and Practice, third edition, 2.1)."""


@dataclass(frozen=True)
class Forecaster:
    """A fitted sktime forecaster with the series that it was fitted on, and how far off it was in its past.

    `errors` are the two quantiles of actual minus forecast, over BACKTESTS origins and all steps, that leave COVERED
    between them: the intervals are made of them, the same way for every model (split conformal prediction, with the
    exchangeability of errors that a series seldom has: `coverage` on the hold-out tells how well it went).
    """

    model: Any
    time: str
    times: pd.DatetimeIndex
    values: np.ndarray
    horizon: int
    errors: tuple[float, float]

    def ahead(self) -> list[str]:
        """The times that it forecasts, as text."""
        step: Any = self.times.freq
        return texts(pd.DatetimeIndex([self.times[-1] + number * step for number in range(1, self.horizon + 1)]))

    def refitted(self, times: pd.DatetimeIndex, values: np.ndarray) -> Forecaster:
        """The same model fitted on another series of the same kind; the errors stay."""
        series = pd.Series(values, times.to_period())
        fitted = self.model.clone().fit(series, fh=np.arange(1, self.horizon + 1))
        return replace(self, model=fitted, times=times, values=values)

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Value, low and high for each row; NaN where its time is none of `ahead`."""
        values = np.asarray(self.model.predict(fh=np.arange(1, self.horizon + 1)), dtype=np.float64).reshape(-1)
        table = np.column_stack([values, values + self.errors[0], values + self.errors[1]])
        place = {time: position for position, time in enumerate(self.ahead())}
        positions = [place.get(str(time), len(table)) for time in rows[self.time]]
        return np.asarray(np.vstack([table, np.full(3, np.nan)])[positions])

    def with_errors(self) -> Forecaster:
        """With the errors of its own past."""
        off = []
        for back in range(1, BACKTESTS + 1):
            end = len(self.values) - back * self.horizon
            if end < max(2 * self.horizon, 10):
                break
            earlier = self.refitted(self.times[:end], self.values[:end])
            told = earlier.predict(pd.DataFrame({self.time: earlier.ahead()}))[:, 0]
            off.append(self.values[end : end + self.horizon] - told)
        low, high = np.quantile(np.concatenate(off), [(1 - COVERED) / 2, (1 + COVERED) / 2])
        return replace(self, errors=(float(low), float(high)))


def series(task: ForecastingTask, *parts: pd.DataFrame) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """The parts one after the other. Raises ProjectError that names the times that are missing."""
    rows = pd.concat(parts, ignore_index=True)
    times = moments(task, rows[task.time])
    step = pd.infer_freq(times)
    if step is None:
        usual = _usual_step(times)
        missing = texts(pd.date_range(times[0], times[-1], freq=usual).difference(times)) if usual else []
        what = f"{len(missing)} missing, the first is {missing[0]}" if missing else "no two steps need be the same"
        raise ProjectError(
            f"{task.time} does not go in equal steps ({what}). Make a row for each step in sql/{task.view}.sql, "
            "such as by a left join on generate_series, or forecast sums or means of longer steps."
        )
    return pd.DatetimeIndex(times, freq=step), rows[task.target].to_numpy(np.float64)


def moments(task: ForecastingTask, column: pd.Series) -> pd.DatetimeIndex:
    """`column` as times. Raises ProjectError that shows a value that is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of what no format fits, which is told better below
        times = pd.to_datetime(column, errors="coerce")
    if times.isna().any():
        raise ProjectError(
            f"{task.time} holds {column[times.isna()].iloc[0]}, which is no date or time. Make one of it in "
            f"sql/{task.view}.sql, such as make_date(year, month, 1) or strptime({task.time}, '%d.%m.%Y')."
        )
    return pd.DatetimeIndex(times)


def _usual_step(times: pd.DatetimeIndex) -> str | None:
    """The first one that a few times in a row agree on."""
    few = 5
    windows = (times[start : start + few] for start in range(len(times) - few + 1))
    return next((step for step in map(pd.infer_freq, windows) if step), None)


def texts(times: pd.DatetimeIndex) -> list[str]:
    """As SQL writes a date or, where one of them is not midnight, a timestamp."""
    whole_days = (times == times.normalize()).all()
    return list(times.strftime("%Y-%m-%d" if whole_days else "%Y-%m-%d %H:%M:%S"))

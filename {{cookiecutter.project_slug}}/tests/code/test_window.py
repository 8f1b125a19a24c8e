from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }} import config
from {{ cookiecutter.package_name }}.config import Config, RegressionTask, Window
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.pipeline import window

from ..conftest import new_project

TASK = RegressionTask(kind="regression", view="t", target="y", time="when")


def changed(smoke: Config, **values: Any) -> Config:
    return smoke.model_copy(update={"task": TASK, "window": Window(**values)})


@pytest.fixture
def year() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A year to train on, in whose last two months y depends on x the other way round, and the month after it."""
    times = pd.date_range("2025-01-01", "2026-01-31", freq="6h")
    x = np.random.default_rng(1).normal(size=len(times))
    y = np.where(times < pd.Timestamp("2025-11-01"), x, -x)
    rows = pd.DataFrame({"when": times, "x": x, "y": y})
    return rows[times < "2026-01-01"].reset_index(drop=True), rows[times >= "2026-01-01"].reset_index(drop=True)


def test_a_fixed_window_keeps_the_newest_days(smoke: Config, year: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    chosen = window.choose(changed(smoke, kind="fixed", days=[31]), *year, ["x"])
    assert year[0]["when"][chosen.keep].min() > pd.Timestamp("2025-11-30")


def test_a_dynamic_window_ends_where_the_world_has_changed(
    smoke: Config, year: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    chosen = window.choose(changed(smoke, kind="dynamic", days=[30, 61, 184]), *year, ["x"])
    assert year[0]["when"][chosen.keep].min() > pd.Timestamp("2025-10-30")
    assert "by back-testing" in chosen.told


def test_a_sample_like_production_looks_like_the_newest_rows(smoke: Config) -> None:
    random = np.random.default_rng(1)
    train = pd.DataFrame({"x": random.normal(0, 1, 3000), "y": 0.0})
    newest = pd.DataFrame({"x": random.normal(1, 1, 1000), "y": 0.0})
    chosen = window.choose(changed(smoke, kind="like_production", share=0.3), train, newest, ["x"])
    assert chosen.keep.sum() == 900
    assert train["x"][chosen.keep].mean() > 0.4 > train["x"].mean()


def test_a_window_without_a_time_says_what_to_name(smoke: Config) -> None:
    with pytest.raises(ProjectError, match=r"task\.time must name a column"):
        window.choose(
            smoke.model_copy(update={"window": Window(kind="fixed", days=(7,))}), pd.DataFrame(), pd.DataFrame(), []
        )


@pytest.mark.parametrize("kind", ["all", "dynamic", "fixed", "like_production"])
def test_every_file_of_conf_window_is_one(kind: str, tmp_path: Path) -> None:
    assert config.load(new_project(tmp_path, f"window={kind}")).window.kind == kind

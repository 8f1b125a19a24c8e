"""Airline passengers, a month each from 1949 to 1960 (Box and Jenkins): how do they go on?"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }} import kinds
from {{ cookiecutter.package_name }}.config import Config, ForecastingTask
from {{ cookiecutter.package_name }}.deployment import Deployment, Model
from {{ cookiecutter.package_name }}.errors import ProjectError
from {{ cookiecutter.package_name }}.kinds.forecaster import series
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.models import automl, bundle
from {{ cookiecutter.package_name }}.monitoring.store import PredictionLog
from {{ cookiecutter.package_name }}.pipeline import evaluate, export
from {{ cookiecutter.package_name }}.serving.app import create_app
from {{ cookiecutter.package_name }}.serving.service import Service

TASK = ForecastingTask(kind="forecasting", view="t", target="passengers", time="month", horizon=12)
KIND = kinds.of(TASK)


@pytest.fixture(scope="module")
def parts() -> dict[str, pd.DataFrame]:
    from sktime.datasets import load_airline

    passengers = load_airline()
    months = passengers.index.to_timestamp().strftime("%Y-%m-%d")
    rows = pd.DataFrame({"month": months, "passengers": passengers.to_numpy()})
    return {"train": rows[:96], "validation": rows[96:114], "test": rows[114:]}


@pytest.fixture(scope="module")
def settings(smoke: Config) -> Config:
    changed = smoke.automl.model_copy(update={"models": ("snaive", "ets")})
    return smoke.model_copy(update={"automl": changed, "task": TASK})


@pytest.fixture(scope="module")
def found(settings: Config, parts: dict[str, pd.DataFrame]) -> automl.Search:
    return automl.search(settings.automl, TASK, parts["train"], parts["validation"], 7)


def test_forecasts_from_rolling_origins_beat_the_last_season(
    found: automl.Search, parts: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    assert found.leaderboard["id"].tolist() == ["ets", "snaive"]
    asked = KIND.hold_out(parts, (), 7)
    assert asked.rows["origin"].drop_duplicates().tolist() == ["1958-06-01", "1958-12-01", "1959-06-01", "1959-12-01"]
    outputs = KIND.answered(found.model, asked, parts)
    assert outputs[:12] == pytest.approx(found.model.outputs(asked.rows[:12]))
    report = evaluate.judged(KIND, asked.actual, outputs, asked.naive, (), 7)
    assert report["skill"]["naive"] == 0 < report["skill"]["low"]
    assert report["mae"]["value"] < report["mae"]["naive"]
    KIND.plot(asked.actual, outputs, (), asked.rows, tmp_path)
    assert (tmp_path / "evaluation.png").stat().st_size > 5000


def test_a_long_hold_out_is_forecast_from_few_times(found: automl.Search, parts: dict[str, pd.DataFrame]) -> None:
    rows = pd.concat(parts.values(), ignore_index=True)
    long = {"train": rows[:40], "validation": rows[40:48], "test": rows[48:]}
    one_ahead = kinds.of(TASK.model_copy(update={"horizon": 1}))
    asked = one_ahead.hold_out(long, (), 7)
    assert asked.rows["month"].tolist() == rows["month"][48::4].tolist()
    outputs = one_ahead.answered(found.model, asked, long)
    assert outputs[:, 0] == pytest.approx(asked.actual[:, 0], rel=0.2)


def test_the_bundle_answers_for_the_next_year(
    found: automl.Search, settings: Config, parts: dict[str, pd.DataFrame], project: Layout
) -> None:
    parity = export.write(settings, found.model, parts, {"run_id": "none", "metrics": {}}, project.bundle)
    assert parity["same"]
    loaded = bundle.load(project.bundle)
    log = PredictionLog(settings.monitoring.prediction_log, project)
    now = Deployment(champion=Model(version="1", bundle="bundles/1"), deployed=datetime.now(timezone.utc))
    service = Service(now, {"champion": loaded}, log, settings.serving)
    client = create_app(settings.serving, service, "passengers").test_client()
    body = client.post("/v1/predict", json={"rows": [{"month": "1961-01-01"}, {"month": "1961-12-01"}]}).get_json()
    first, last = body["predictions"]
    assert first["low"] < first["value"] < first["high"]
    assert 400 < first["value"] < 550
    assert last["warnings"] == []
    refused = client.post("/v1/predict", json={"rows": [{"month": "1962-01-01"}]})
    assert refused.status_code == 422
    assert "1961-12-01" in refused.get_json()["errors"][0]["message"]


def test_a_gap_in_a_series_is_named(parts: dict[str, pd.DataFrame]) -> None:
    with pytest.raises(ProjectError, match="1 missing, the first is 1949-04-01"):
        series(TASK, parts["train"].drop(index=3))


def test_a_time_that_is_none_is_shown(parts: dict[str, pd.DataFrame]) -> None:
    """As time series of R are written: 1949.25 is the first of April."""
    years = [str(1949 + number / 12) for number in range(len(parts["train"]))]
    with pytest.raises(ProjectError, match=r"month holds 1949\.0, which is no date or time\. Make one of it in sql"):
        series(TASK, parts["train"].assign(month=years))


def test_the_season_is_the_usual_one_of_the_steps_where_none_is_named(parts: dict[str, pd.DataFrame]) -> None:
    months, _ = series(TASK, parts["train"], parts["validation"])
    assert KIND.season(months) == 12
    assert KIND.season(months[:10]) == 1  # not even two years
    named = kinds.of(TASK.model_copy(update={"season": 6}))
    assert named.season(months) == 6
    years = parts["train"][::12].reset_index(drop=True)
    assert KIND.candidates(("naive", "snaive"), years, years[:0]) == ("naive",)


def test_errors_are_those_of_the_definition() -> None:
    actual = np.array([[1.0, 3.0], [2.0, 4.0]])
    outputs = np.array([[2.0, 0.0, 3.0], [2.0, 2.5, 3.0]])
    metrics = KIND.metrics(actual, outputs, ())
    assert (metrics["skill"], metrics["mae"], metrics["bias"], metrics["coverage"]) == (0.75, 0.5, 0.5, 0.5)

"""What monitoring finds in production: the hold-out of the penguins asked again and again, with and without a fault."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.models import answers, bundle
from {{ cookiecutter.package_name }}.models.bundle import ACTUAL, REFERENCE, Bundle
from {{ cookiecutter.package_name }}.monitoring import alerts, page, quality, watch, windows
from {{ cookiecutter.package_name }}.monitoring.findings import Finding
from {{ cookiecutter.package_name }}.monitoring.store import (
    Answered,
    Feedback,
    PredictionLog,
    first_id,
    new_id,
    prediction_id,
)
from {{ cookiecutter.package_name }}.monitoring.windows import Window
from {{ cookiecutter.package_name }}.retraining import faults
from {{ cookiecutter.package_name }}.retraining.faults import Production

ROWS = 250


@pytest.fixture(scope="module")
def model(bundle_folder: Path) -> Bundle:
    return bundle.load(bundle_folder)


@pytest.fixture(scope="module")
def reference(model: Bundle, bundle_folder: Path) -> Window:
    """The hold-out, drawn until there are enough rows for a verdict."""
    rows = pd.read_parquet(bundle_folder / REFERENCE).sample(1500, replace=True, random_state=1, ignore_index=True)
    return windows.reference_of(model, rows)


def drawn(model: Bundle, reference: Window, fault: str | None, seed: int) -> Window:
    """Production like the reference, but for the fault."""
    random = np.random.default_rng(seed)
    rows = reference.rows.sample(ROWS, replace=True, random_state=seed, ignore_index=True)
    names = [column.name for column in model.schema.columns]
    production = Production(rows[names], rows[ACTUAL])
    if fault:
        production = faults.of(fault, model.schema).strike(production, model.schema, random)
    asked = production.rows.assign(prediction=0.0, **{ACTUAL: production.truth})
    answered = windows.reference_of(model, asked)
    score = answered.outputs[:, -1]
    start = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(hours=seed)
    ids = [prediction_id(f"{first_id(start)}{row:016x}", 0) for row in range(ROWS)]
    return Window(ids, "1", answered.rows.assign(prediction=score), answered.outputs)


def found(smoke: Config, model: Bundle, reference: Window, fault: str | None) -> set[str]:
    seen = [drawn(model, reference, fault, seed) for seed in (1, 2, 3)]
    return {one.key for one in watch.Judge(smoke, model, reference).judge(seen).findings}


def test_production_like_the_reference_raises_nothing(smoke: Config, model: Bundle, reference: Window) -> None:
    assert found(smoke, model, reference, None) == set()


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ("broken_sensor:body_mass_g", "stuck:body_mass_g"),
        ("silent_sensor:body_mass_g", "missing:body_mass_g"),
        ("changed_unit:body_mass_g", "outside:body_mass_g"),
        ("new_category:species", "unknown:species"),
        ("flipped_labels", "concept_drift"),
        ("missing_labels", "coverage"),
    ],
)
def test_each_fault_is_found_by_its_name(smoke: Config, model: Bundle, reference: Window, fault: str, key: str) -> None:
    assert key in found(smoke, model, reference, fault)


def test_flipped_truths_are_a_worse_model_and_no_drift_of_the_inputs(
    smoke: Config, model: Bundle, reference: Window
) -> None:
    seen = [drawn(model, reference, "flipped_labels", seed) for seed in (1, 2, 3)]
    judged = watch.Judge(smoke, model, reference).judge(seen)
    assert judged.reference
    assert all(one.actual and one.actual.high < judged.reference.value for one in judged.performances)
    assert all(one.missed and one.missed > 0.2 for one in judged.performances)
    assert judged.drift.share == 0


def test_without_any_truth_there_is_an_estimate_and_no_verdict(smoke: Config, model: Bundle, reference: Window) -> None:
    seen = [drawn(model, reference, None, seed) for seed in (1, 2, 3)]
    blind = [Window(one.ids, one.version, one.rows.assign(**{ACTUAL: None}), one.outputs) for one in seen]
    judged = watch.Judge(smoke, model, reference).judge(blind)
    assert {one.key for one in judged.findings} == {"coverage"}
    assert all(one.actual is None and 0.7 < (one.estimate or 0) <= 1 for one in judged.performances)


def test_rows_of_the_log_are_joined_with_their_truth_by_id(project: Layout, model: Bundle) -> None:
    log, example = PredictionLog("sqlite:///data/log.sqlite", project), model.schema.example
    rows = bundle.columns_of([example] * 100)
    told = answers.of(model.schema.kind).columns(model.schema, model.outputs(rows))
    made = Answered(new_id(), "champion", "1", rows, told, [0.5] * 100)
    log.append(made)
    truth = model.schema.classes[0]
    log.add_feedback([Feedback(prediction_id(made.id, row), truth) for row in range(30)])
    first, second = windows.read(log, "1", model.schema, rows=60, most=5, fewest=30)
    assert (len(first.rows), first.whole, int(first.known.sum())) == (60, True, 30)
    assert first.lag_hours is not None
    assert 0 <= first.lag_hours < 0.1
    assert (len(second.rows), second.whole, int(second.known.sum())) == (40, False, 0)
    assert set(first.rows[ACTUAL][first.known]) == {truth}


def test_an_unusual_hour_is_told_only_when_a_week_before_is_known(smoke: Config) -> None:
    assert quality.volume(900, None, smoke.monitoring) == []
    assert quality.volume(900, 800, smoke.monitoring) == []
    (alone,) = quality.volume(9, 800, smoke.monitoring)
    assert "9 rows were asked in the last full hour, 800 in the same hour a week before" in alone.what


def test_an_alert_is_sent_once_in_its_quiet_time_and_knows_since_when(
    project: Layout, smoke: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    project.monitoring.mkdir(parents=True)
    finding = Finding("data_drift", "warning", "it drifted", "Look.")
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    first = alerts.opened([finding], [], "1", noon)
    assert alerts.send(first, smoke.alerts, project, noon) == []
    assert "warning: it drifted. Since 2026-01-01 12:00 UTC, version 1. Look." in capsys.readouterr().out
    later = noon + timedelta(hours=1)
    again = alerts.opened([finding], [one.values() for one in first], "1", later)
    assert again[0].since == first[0].since
    alerts.send(again, smoke.alerts, project, later)
    assert capsys.readouterr().out == ""
    alerts.send(again, smoke.alerts, project, noon + timedelta(hours=25))
    assert "it drifted" in capsys.readouterr().out


def test_a_channel_that_is_away_is_tried_again(project: Layout, smoke: Config) -> None:
    project.monitoring.mkdir(parents=True)
    policy = smoke.alerts.model_copy(update={"webhook": "http://127.0.0.1:9/"})
    opened = alerts.opened([Finding("x", "critical", "x", "x")], [], "1", datetime.now(timezone.utc))
    for _ in range(2):
        (failed,) = alerts.send(opened, policy, project, datetime.now(timezone.utc))
        assert "could not be sent by webhook" in failed


def test_the_page_escapes_what_production_has_sent() -> None:
    alert = {"severity": "warning", "what": "<script>", "since": "2026-01-01T00:00", "do": ""}
    nothing: dict[str, list[str]] = {"windows": [], "earlier": [], "slices": []}
    report = {"version": "1", "made": "2026-01-01T00:00:00", "stream_changes": {}, "together": None, **nothing}
    shown = page.render({**report, "alerts": [alert]}, [{"when": "", "decision": "<b>", "why": "x"}])
    assert "&lt;script&gt;" in shown
    assert "<b>&" not in shown

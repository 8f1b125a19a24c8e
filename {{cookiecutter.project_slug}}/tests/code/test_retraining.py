from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }} import deployment
from {{ cookiecutter.package_name }}.config import Config, Retraining
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.models import answers, bundle
from {{ cookiecutter.package_name }}.monitoring.store import (
    Answered,
    Feedback,
    PredictionLog,
    new_id,
    prediction_id,
)
from {{ cookiecutter.package_name }}.pipeline import export
from {{ cookiecutter.package_name }}.retraining import gate, shadow
from {{ cookiecutter.package_name }}.retraining.triggers import State, decide

from ..conftest import CLASSIFY

NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


def state(**values: Any) -> State:
    """A model that was deployed a day ago, with a month of new data waiting."""
    usual: dict[str, Any] = {"now": NOON, "deployed": NOON - timedelta(days=1), "rows": 10}
    return State(**{**usual, "waiting_periods": ("2013-07",), **values})


def policy(smoke: Config, **values: Any) -> Retraining:
    return smoke.retraining.model_copy(update=values)


def test_few_predictions_are_no_reason(smoke: Config) -> None:
    decision = decide(state(), smoke.retraining)
    assert not decision.retrain
    assert "10 of 1,000 predictions since deployment" in decision.sentence


@pytest.mark.parametrize(
    ("found", "setting", "reason"),
    [
        ({"rows": 1000}, {}, "1,000 of 1,000 predictions"),
        ({"worse": ["auc fell"]}, {}, "auc fell"),
        ({"drifted_share": 0.5}, {"on_drift": 0.3}, "50% of the features drifted, 30% may"),
        ({"deployed": NOON - timedelta(days=8)}, {"every_days": 7}, "8.0 days of 7"),
    ],
)
def test_each_trigger_fires_alone(smoke: Config, found: Any, setting: Any, reason: str) -> None:
    decision = decide(state(**found), policy(smoke, **setting))
    assert decision.retrain
    assert reason in decision.reasons[0]
    assert decision.reasons[-1] == "new data is waiting: 2013-07"


def test_drift_alone_is_no_reason_unless_the_policy_says_so(smoke: Config) -> None:
    assert not decide(state(drifted_share=0.9), smoke.retraining).retrain


def test_all_means_every_trigger(smoke: Config) -> None:
    every = policy(smoke, combine="all")
    decision = decide(state(rows=1000), every)
    assert not decision.retrain
    assert "the model is not known to be worse" in decision.sentence
    assert decide(state(rows=1000, worse=["auc fell"]), every).retrain


def test_retraining_cools_down_and_waits_for_data(smoke: Config) -> None:
    lately = state(rows=1000, retrained=NOON - timedelta(hours=2))
    cooling = decide(lately, policy(smoke, cool_down_hours=24))
    assert not cooling.retrain
    assert cooling.reasons[-1] == "but retraining cools down until 2026-02-01 10:00 UTC"
    assert decide(lately, policy(smoke, cool_down_hours=1)).retrain
    assert decide(state(rows=1000, waiting_periods=()), smoke.retraining).reasons[-1] == "but no new data is waiting"


def test_a_clock_that_went_back_does_not_retrain_forever(smoke: Config) -> None:
    future = state(rows=1000, retrained=NOON + timedelta(days=3), deployed=NOON + timedelta(days=3))
    assert not decide(future, policy(smoke, cool_down_hours=1)).retrain
    assert not decide(future, policy(smoke, min_new_predictions=None, every_days=7)).retrain


ACTUAL = np.array(["no", "yes"] * 100)
KNOWS = np.where(ACTUAL == "yes", 0.8, 0.2) + np.linspace(-0.35, 0.35, 200)
GUESSES = np.linspace(0, 1, 200)[::-1]


def outcome(smoke: Config, challenger: np.ndarray, champion: np.ndarray | None, **policy: object) -> gate.Verdict:
    first = both(challenger)
    second = None if champion is None else both(champion)
    changed = smoke.gate.model_copy(update=policy)
    return gate.judge(changed, CLASSIFY, ACTUAL, first, second, ("no", "yes"), 7)


def both(positive: np.ndarray) -> np.ndarray:
    """The probabilities of no and yes."""
    probability = positive.clip(0, 1)
    return np.column_stack([1 - probability, probability])


def test_only_a_model_that_is_surely_better_takes_the_place_of_the_champion(smoke: Config) -> None:
    assert outcome(smoke, GUESSES, None).outcome == "Promoted"
    better = outcome(smoke, KNOWS, GUESSES)
    assert better.outcome == "Promoted"
    assert 0.3 < (better.low or 0) < (better.difference or 0) < (better.high or 0) < 0.7
    assert outcome(smoke, GUESSES, KNOWS).outcome == "Rejected"
    assert "must be higher by more than 0" in outcome(smoke, KNOWS, KNOWS).sentence
    assert outcome(smoke, KNOWS, GUESSES, min_improvement=0.9).outcome == "Rejected"
    noise = KNOWS + np.sin(np.arange(200)) / 5
    assert outcome(smoke, noise, KNOWS + np.cos(np.arange(200)) / 5).outcome == "Inconclusive"
    assert "1,000 rows are needed" in outcome(smoke, KNOWS, GUESSES, min_rows=1000).sentence


def test_the_gate_names_every_condition_that_is_not_met(smoke: Config) -> None:
    kind = CLASSIFY
    report = {"auc": {"value": 0.7, "low": 0.6, "high": 0.8, "naive": 0.5}}
    parity = {"same": True, "largest_difference": 1e-9}
    assert all(check.passes for check in gate.checks(smoke.gate, kind, report, parity, [], [], 0.1))
    storm = [{"name": "a storm", "passes": False}]
    high = smoke.gate.model_copy(update={"floor": 0.75})
    found = gate.checks(high, kind, report, {**parity, "same": False}, ["arr_delay"], storm, 500.0)
    assert [check.name for check in found if not check.passes] == [
        "floor", "leakage", "behaviour", "parity", "latency",
    ]  # fmt: skip
    weak = {"auc": {**report["auc"], "low": 0.49}}
    assert not gate.checks(smoke.gate, kind, weak, parity, [], [], 0.1)[0].passes


def test_a_shadow_is_judged_by_the_truth_about_the_same_rows(
    project: Layout, smoke: Config, bundle_folder: Path, penguins: dict[str, pd.DataFrame]
) -> None:
    """The champion answers the other way round here, so that the shadow, which is the trained model, is better."""
    for version in ("1", "2"):
        shutil.copytree(bundle_folder, project.deploy / "bundles" / version)
    models = {version: deployment.Model(version=version, bundle=f"bundles/{version}") for version in ("1", "2")}
    now = datetime.now(timezone.utc)
    made = deployment.Deployment(strategy="shadow", champion=models["1"], challenger=models["2"], deployed=now)
    deployment.write(made, project)
    assert shadow.judge(smoke, project).outcome == "Inconclusive"
    model, test = bundle.load(bundle_folder), penguins["test"]
    rows, target = export.as_columns(test.drop(columns="sex")), test["sex"].tolist()
    log, id, kind = PredictionLog(smoke.monitoring.prediction_log, project), new_id(), answers.of("classification")
    for arm, version, outputs in (
        ("champion", "1", model.outputs(rows)[:, ::-1]),
        ("challenger", "2", model.outputs(rows)),
    ):
        told = kind.columns(model.schema, outputs)
        log.append(Answered(id, arm, version, rows, told, kind.scores(outputs).tolist(), arm == "champion"))
    log.add_feedback([Feedback(prediction_id(id, row), truth) for row, truth in enumerate(target)])
    verdict = shadow.judge(smoke, project)
    assert verdict.outcome == "Promoted"
    assert f"on the same {len(target)} rows" in verdict.sentence

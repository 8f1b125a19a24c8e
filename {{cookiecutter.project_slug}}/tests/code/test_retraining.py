from __future__ import annotations

import numpy as np

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.retraining import gate
from {{ cookiecutter.package_name }}.retraining.triggers import State, decide

from ..conftest import CLASSIFY


def test_few_predictions_and_no_drift_are_no_reason(smoke: Config) -> None:
    decision = decide(State(10, 0.0, ("2013-07",)), smoke.retraining)
    assert not decision.retrain
    assert decision.reasons == ("no trigger fired: 10 of 1,000 predictions",)


def test_enough_predictions_and_waiting_data_retrain(smoke: Config) -> None:
    decision = decide(State(1000, None, ("2013-07", "2013-08")), smoke.retraining)
    assert decision.retrain
    assert decision.reasons[-1] == "new data is waiting: 2013-07"


def test_without_new_data_nothing_is_retrained(smoke: Config) -> None:
    decision = decide(State(1000, None, ()), smoke.retraining)
    assert not decision.retrain
    assert decision.reasons[-1] == "but no new data is waiting"


def test_drift_alone_alerts_and_retrains_only_if_the_policy_says_so(smoke: Config) -> None:
    state = State(0, 0.5, ("2013-07",))
    decision = decide(state, smoke.retraining)
    assert not decision.retrain
    assert decision.alerts == ("50% of the columns drifted, 30% may",)
    assert decide(state, smoke.retraining.model_copy(update={"drift_retrains": True})).retrain


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

from __future__ import annotations

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.retraining.gate import judge
from {{ cookiecutter.package_name }}.retraining.triggers import State, decide


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


def test_the_gate_lets_only_a_better_model_pass() -> None:
    assert judge("auc", 0.70, None, 0.0).passes
    assert judge("auc", 0.71, 0.70, 0.0).passes
    assert not judge("auc", 0.70, 0.70, 0.0).passes
    assert not judge("auc", 0.71, 0.70, 0.02).passes
    assert judge("auc", 0.70, 0.71, 0.0).sentence.startswith("auc 0.7000 against 0.7100 of the champion")

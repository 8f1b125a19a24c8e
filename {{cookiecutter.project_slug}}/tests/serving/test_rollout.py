from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from {{ cookiecutter.package_name }} import config
from {{ cookiecutter.package_name }}.config import Rollout
from {{ cookiecutter.package_name }}.deployment import Deployment, Model, Strategy
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.models import bundle
from {{ cookiecutter.package_name }}.monitoring import arms
from {{ cookiecutter.package_name }}.monitoring.store import Feedback, Prediction, PredictionLog
from {{ cookiecutter.package_name }}.serving.rollout import arm_of, team_draft
from {{ cookiecutter.package_name }}.serving.service import Service

from .conftest import placed

NOW = datetime.now(timezone.utc)
POLICY = Rollout(alpha=0.05, margin=0, min_effect=0.05, share=10, hours=24)


def rolled_out(strategy: Strategy, **settings: Any) -> Deployment:
    models = {name: Model(version=number, bundle=name) for name, number in (("champion", "1"), ("challenger", "2"))}
    return Deployment(strategy=strategy, deployed=NOW, **models, **settings)


def test_a_share_of_the_users_is_the_challengers_and_stays_so() -> None:
    users = [f"user {number}" for number in range(4000)]
    few, more = (rolled_out("canary", share=share) for share in (0.1, 0.3))
    first, again, later = ([arm_of(one, user, NOW) for user in users] for one in (few, few, more))
    assert first == again
    assert Counter(first)["challenger"] / len(users) == pytest.approx(0.1, abs=0.02)
    assert all(then == "challenger" for before, then in zip(first, later, strict=True) if before == "challenger")


def test_a_ramp_grows_with_time() -> None:
    ramp = rolled_out("ramped", share=0.5, hours=10)
    users = [f"user {number}" for number in range(2000)]
    shares = [
        sum(arm_of(ramp, user, NOW + timedelta(hours=hours)) == "challenger" for user in users) / len(users)
        for hours in (0, 5, 10, 20)
    ]
    assert shares == pytest.approx([0, 0.25, 0.5, 0.5], abs=0.03)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"strategy": "canary"}, "canary needs share"), ({"strategy": "shadow", "share": 0.1}, "shadow has no share")],
)
def test_a_deployment_that_is_not_whole_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rolled_out(**settings)


def test_a_team_draft_takes_turns_and_every_row_once() -> None:
    drafted = team_draft([0, 1, 2, 3], [3, 2, 1, 0], 0b10)
    assert drafted == [(0, False), (3, True), (2, True), (1, False)]


@pytest.fixture
def log(project: Layout) -> PredictionLog:
    return PredictionLog("sqlite:///data/log.sqlite", project)


@pytest.fixture
def rows(bundle_folder: Path) -> dict[str, list[Any]]:
    example = bundle.load(bundle_folder).schema.example
    return bundle.columns_of([{**example, "bill_length_mm": length} for length in (35.0, 40.0, 45.0, 50.0)])


def served(project: Layout, bundle_folder: Path, log: PredictionLog, strategy: Strategy) -> Service:
    """Two versions of the same small model."""
    models = {"champion": placed(project, bundle_folder, "1"), "challenger": placed(project, bundle_folder, "2")}
    made = Deployment(strategy=strategy, deployed=NOW, **models)
    loaded = bundle.load(bundle_folder)
    return Service(made, {"champion": loaded, "challenger": loaded}, log, config.load(project).serving)


def test_the_shadow_answers_for_the_log_only(
    project: Layout, bundle_folder: Path, log: PredictionLog, rows: dict[str, list[Any]]
) -> None:
    service = served(project, bundle_folder, log, "shadow")
    answer = service.predict(rows)
    service.close()
    assert answer.arm == "champion"
    logged = list(log.predictions())
    assert Counter((one.arm, one.shown) for one in logged) == {("champion", True): 4, ("challenger", False): 4}


def test_interleaved_each_row_is_told_by_the_arm_that_brought_it(
    project: Layout, bundle_folder: Path, log: PredictionLog, rows: dict[str, list[Any]]
) -> None:
    answer = served(project, bundle_folder, log, "interleaved").predict(rows)
    assert sorted(answer.fields["rank"]) == [1, 2, 3, 4]
    assert Counter(answer.fields["arm"]) == {"champion": 2, "challenger": 2}
    shown = {one.prediction_id: one.arm for one in log.predictions() if one.shown}
    assert [shown[one] for one in answer.prediction_ids] == answer.fields["arm"]


def test_looking_again_and_again_calls_equal_arms_different_in_one_of_twenty_at_most() -> None:
    random = np.random.default_rng(7)
    wrong = 0
    for _ in range(200):
        draws = random.random((2, 1500)) < 0.7
        wrong += any(verdict(*draws[:, :users]) != "Inconclusive" for users in range(30, 1501, 70))
    assert wrong <= 10


def test_a_better_and_a_worse_challenger_are_told() -> None:
    random = np.random.default_rng(7)
    good, bad = random.random(3000) < 0.75, random.random(3000) < 0.65
    assert verdict(bad, good) == "Successful"
    assert verdict(good, bad) == "Failed"
    assert verdict(good, bad, paired=True) == "Failed"
    few = arms.judge(by_user(good[:50]), by_user(bad[:50]), POLICY, paired=False)
    assert few.outcome == "Inconclusive"
    assert 1000 < few.needed < 10_000


def test_feedback_is_counted_for_the_arm_that_answered() -> None:
    logged = [
        Prediction(f"{number:032x}-0", arm, version, {}, {"label": label}, 0.5, True, None)
        for number, (arm, version, label) in enumerate(
            [("champion", "1", "yes"), ("champion", "1", "no"), ("challenger", "2", "yes")]
        )
    ]
    told = {one.prediction_id: Feedback(one.prediction_id, "yes") for one in logged}
    schema = bundle.Schema("classification", "y", ("no", "yes"), (), {})
    found = arms.outcomes(logged, told, arms.answers.of("classification"), schema, rolled_out("ab", share=0.5))
    assert sorted(found["champion"].values()) == [0, 1]
    assert list(found["challenger"].values()) == [1]


def test_without_feedback_no_number_is_told() -> None:
    nothing, some = arms.judge({}, {}, POLICY, paired=False), arms.judge({"ann": 1.0}, {}, POLICY, paired=False)
    assert arms.told(nothing) == "Inconclusive: no feedback yet; 60 more users are needed"
    assert arms.told(some) == "Inconclusive: champion 1.0000 over 1 users with feedback; 59 more users are needed"


def by_user(good: np.ndarray) -> dict[str, float]:
    return {f"user {number}": float(one) for number, one in enumerate(good)}


def verdict(champion: np.ndarray, challenger: np.ndarray, *, paired: bool = False) -> str:
    return arms.judge(by_user(champion), by_user(challenger), POLICY, paired=paired).outcome

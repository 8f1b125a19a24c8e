"""The state of a deployed model in, a decision with its reasons out. Nothing here reads or writes."""

from __future__ import annotations

from dataclasses import dataclass

from ..config import Retraining


@dataclass(frozen=True)
class State:
    """`drifted_share` is the share of columns that drifted (0 to 1), None without a verdict."""

    new_predictions: int
    drifted_share: float | None
    waiting_periods: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """`reasons` speak for `retrain` as it is; `alerts` deserve a look whatever was decided."""

    retrain: bool
    reasons: tuple[str, ...]
    alerts: tuple[str, ...]


def decide(state: State, policy: Retraining) -> Decision:
    """Retrain when there is new data and a trigger fires. Drift alone alerts, unless the policy says otherwise."""
    triggers, alerts = [], []
    if state.new_predictions >= policy.min_new_predictions:
        triggers.append(
            f"{state.new_predictions:,} predictions since deployment, {policy.min_new_predictions:,} are enough"
        )
    if state.drifted_share is not None and state.drifted_share > policy.max_drifted_share:
        drift = f"{state.drifted_share:.0%} of the columns drifted, {policy.max_drifted_share:.0%} may"
        alerts.append(drift)
        if policy.drift_retrains:
            triggers.append(drift)
    if not triggers:
        quiet = f"no trigger fired: {state.new_predictions:,} of {policy.min_new_predictions:,} predictions"
        return Decision(False, (quiet,), tuple(alerts))
    if not state.waiting_periods:
        return Decision(False, (*triggers, "but no new data is waiting"), tuple(alerts))
    return Decision(True, (*triggers, f"new data is waiting: {state.waiting_periods[0]}"), tuple(alerts))

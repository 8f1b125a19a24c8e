"""The state of a deployed model in, a decision with its reasons out. Nothing here reads or writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..config import Retraining


@dataclass(frozen=True)
class State:
    """`rows` were answered since the model was `deployed`; `drifted_share` of the features (0 to 1) is None without a
    verdict; `worse` says, if anything does, that the model is less right than when it was tested. `retrained` is when
    it was last decided to retrain.
    """

    now: datetime
    deployed: datetime
    rows: int
    drifted_share: float | None = None
    worse: Sequence[str] = ()
    waiting_periods: Sequence[str] = ()
    retrained: datetime | None = None


@dataclass(frozen=True)
class Decision:
    """`reasons` speak for `retrain` as it is."""

    retrain: bool
    reasons: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return f"retrain   {'yes' if self.retrain else 'no'}: {'; '.join(self.reasons)}"


def decide(state: State, policy: Retraining) -> Decision:
    """Retrain when the triggers that are set say so, there is new data, and the last time is long enough ago."""
    asked = triggers(state, policy)
    fired = [reason for fires, reason in asked if fires]
    quiet = [reason for fires, reason in asked if not fires]
    enough = fired and (policy.combine == "any" or not quiet)
    if not enough:
        missing = f"all of conf/retraining/ must fire, {len(quiet)} did not" if fired else "no trigger fired"
        return Decision(False, (f"{missing}: {', '.join(quiet) or 'none is set'}",))
    if state.retrained and state.now - state.retrained < timedelta(hours=policy.cool_down_hours):
        ends = state.retrained + timedelta(hours=policy.cool_down_hours)
        return Decision(False, (*fired, f"but retraining cools down until {ends:%Y-%m-%d %H:%M} UTC"))
    if not state.waiting_periods:
        return Decision(False, (*fired, "but no new data is waiting"))
    return Decision(True, (*fired, f"new data is waiting: {state.waiting_periods[0]}"))


def triggers(state: State, policy: Retraining) -> list[tuple[bool, str]]:
    """Each trigger that is set: whether it fires, and what it goes by."""
    found = []
    if policy.every_days is not None:
        days = (state.now - (state.retrained or state.deployed)).total_seconds() / 86400
        found.append((days >= policy.every_days, f"{days:.1f} days of {policy.every_days:g} since the last training"))
    if policy.min_new_predictions is not None:
        told = f"{state.rows:,} of {policy.min_new_predictions:,} predictions since deployment"
        found.append((state.rows >= policy.min_new_predictions, told))
    if policy.on_performance:
        found.append((bool(state.worse), "; ".join(state.worse) or "the model is not known to be worse"))
    if policy.on_drift is not None:
        share = state.drifted_share or 0.0
        told = f"{share:.0%} of the features drifted, {policy.on_drift:.0%} may"
        found.append((share > policy.on_drift, told))
    return found

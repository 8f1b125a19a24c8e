"""Which model answers whom. Nothing here reads or writes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from ..deployment import SHARED, Arm, Deployment

ONE = 1 << 64


def arm_of(deployment: Deployment, user: str, now: datetime) -> Arm:
    """The arm that answers `user`, always the same while the share stays, or grows."""
    if deployment.strategy not in SHARED:
        return "champion"
    return "challenger" if place(deployment, user) < share(deployment, now) else "champion"


def share(deployment: Deployment, now: datetime) -> float:
    """The share of the users (0 to 1) whom the challenger answers at `now`."""
    final = deployment.share or 0.0
    if deployment.hours is None:
        return final
    return final * min(1.0, max(0.0, (now - deployment.deployed).total_seconds() / 3600 / deployment.hours))


def place(deployment: Deployment, text: str) -> float:
    """Where `text` falls between 0 and 1; another pair of versions deals anew."""
    versions = "/".join(model.version for model in deployment.arms.values())
    return int.from_bytes(hashlib.blake2b(f"{versions}/{text}".encode(), digest_size=8).digest(), "big") / ONE


def team_draft(first: Sequence[int], second: Sequence[int], coins: int) -> list[tuple[int, bool]]:
    """Two orders of the same rows interleaved: each row, and whether the second order brought it in.

    In each round both bring in the best row that is still out; a bit of `coins` says which of them goes first
    (Radlinski, Kurup and Joachims 2008).
    """
    drafted: list[tuple[int, bool]] = []
    out = set(first)
    ways = (iter(first), iter(second))
    while out:
        coins, second_first = coins >> 1, bool(coins & 1)
        for brings in (second_first, not second_first):
            row = next((row for row in ways[brings] if row in out), None)
            if row is not None:
                out.remove(row)
                drafted.append((row, brings))
    return drafted

"""What monitoring has found: one thing that someone should know of, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["warning", "critical"]


@dataclass(frozen=True)
class Finding:
    """`key` is the same as long as it is the same trouble; `what` happened, how bad it is, and what to `do`."""

    key: str
    severity: Severity
    what: str
    do: str

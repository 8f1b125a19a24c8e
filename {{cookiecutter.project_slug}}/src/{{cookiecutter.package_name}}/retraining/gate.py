"""Is the challenger better than the champion? Both are scored on the same hold-out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import kinds
from ..models.bundle import Bundle


@dataclass(frozen=True)
class Verdict:
    """`sentence` says what was compared and why it passes or does not."""

    passes: bool
    sentence: str


def judge(measure: str, challenger: float, champion: float | None, min_improvement: float) -> Verdict:
    """Compare two scores of the same hold-out, the greater the better; without a champion the challenger passes."""
    if champion is None:
        return Verdict(
            True, f"{measure} {challenger:.4f} on the hold-out, and there is no champion that could answer on it"
        )
    comparison = f"{measure} {challenger:.4f} against {champion:.4f} of the champion on the same hold-out"
    if challenger > champion + min_improvement:
        return Verdict(True, comparison)
    return Verdict(False, f"{comparison}; it must be higher by more than {min_improvement:g}")


def hold_out_score(bundle: Bundle, kind: str, rows: Sequence[Mapping[str, Any]], actual: np.ndarray) -> float | None:
    """The measure of `kind` on `rows`; None when the model is of another kind or they lack a column that it needs.

    `actual` holds the targets, one a row.
    """
    schema = bundle.schema
    if schema.kind != kind or any(column.name not in rows[0] for column in schema.columns):
        return None
    judged = kinds.of(kind)
    return judged.metrics(actual, bundle.outputs(rows), schema.classes)[judged.measure]

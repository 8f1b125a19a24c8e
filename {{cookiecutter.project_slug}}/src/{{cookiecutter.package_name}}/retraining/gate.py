"""Is the challenger better than the champion? Both are scored on the same hold-out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from ..models.bundle import Bundle


@dataclass(frozen=True)
class Verdict:
    """`sentence` says what was compared and why it passes or does not."""

    passes: bool
    sentence: str


def judge(challenger: float, champion: float | None, min_improvement: float) -> Verdict:
    """Compare two AUCs of the same hold-out; without a champion the challenger passes."""
    if champion is None:
        return Verdict(True, f"AUC {challenger:.4f} on the hold-out, and there is no champion that could answer on it")
    comparison = f"AUC {challenger:.4f} against {champion:.4f} of the champion on the same hold-out"
    if challenger > champion + min_improvement:
        return Verdict(True, comparison)
    return Verdict(False, f"{comparison}; it must be higher by more than {min_improvement:g}")


def hold_out_auc(bundle: Bundle, rows: Sequence[Mapping[str, Any]], actual: np.ndarray) -> float | None:
    """AUC of the positive class on `rows`; None when they lack a column that the model needs.

    `actual` holds the labels as text, one a row.
    """
    if any(column.name not in rows[0] for column in bundle.schema.columns):
        return None
    position = bundle.schema.classes.index(bundle.schema.positive)
    return float(roc_auc_score(actual == bundle.schema.positive, bundle.probabilities(rows)[:, position]))

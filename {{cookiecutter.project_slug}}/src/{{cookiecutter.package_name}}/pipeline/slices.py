"""Where does the model fail? The hold-out cut by each feature, and the parts where answers are worse than elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from ..config import Evaluation
from ..errors import ProjectError

QUARTERS = 4
"""Parts of a number, at its quantiles."""


@dataclass(frozen=True)
class Slice:
    """Rows of the hold-out that share a value of `column`; `loss` is their mean loss, `effect` Cohen's d to the others.

    `worse` says that the loss is surely greater than elsewhere.
    """

    column: str
    value: str
    rows: int
    loss: float
    effect: float
    worse: bool


def find(rows: pd.DataFrame, losses: np.ndarray, settings: Evaluation) -> list[Slice]:
    """Every slice of `settings.slices` (null: of all features) with enough rows, the greatest effect first.

    After Slice Finder (Chung, Kraska, Polyzotis, Tae, Whang 2019), by one feature at a time: Welch's t-test of the
    losses in the slice against those of all other rows, one-sided, Holm's correction for the number of slices.
    Raises ProjectError for a slice that is no feature.
    """
    names = settings.slices if settings.slices is not None else tuple(map(str, rows.columns))
    unknown = [name for name in names if name not in rows]
    if unknown:
        raise ProjectError(f"evaluation.slices names {', '.join(unknown)}, which no feature is (conf/evaluation/).")
    cut = {name: parts(rows[name]) for name in names}
    tested = []
    for name, labels in cut.items():
        for value in labels.dropna().unique():
            inside = (labels == value).to_numpy()
            if settings.min_slice_rows <= inside.sum() <= len(rows) - settings.min_slice_rows:
                here, there = losses[inside], losses[~inside]
                p = stats.ttest_ind(here, there, equal_var=False, alternative="greater").pvalue
                spread = np.sqrt((here.var() + there.var()) / 2) or 1.0
                tested.append((name, str(value), here, float((here.mean() - there.mean()) / spread), float(p)))
    order = np.argsort([p for *_, p in tested], kind="stable")
    worse = np.zeros(len(tested), dtype=bool)
    for place, number in enumerate(order):
        if tested[number][-1] > settings.significance / (len(tested) - place):
            break
        worse[number] = True
    found = [
        Slice(name, value, len(here), round(float(here.mean()), 6), round(effect, 4), bool(one))
        for (name, value, here, effect, _), one in zip(tested, worse, strict=True)
    ]
    return sorted(found, key=lambda one: (not one.worse, -one.effect))


def parts(values: pd.Series) -> pd.Series:
    """The categories of a text or of few numbers, the quarters of a number; missing values are a part of their own."""
    missing = values.isna()
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values) and values.nunique() > 12:
        cuts = pd.qcut(values, QUARTERS, duplicates="drop").astype(object)
        labels = cuts.map(lambda cut: f"{cut.left:.6g} to {cut.right:.6g}", na_action="ignore")
    else:
        labels = values.map(str)
    return labels.astype(object).where(~missing, "missing")

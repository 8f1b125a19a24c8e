"""Are groups treated alike? The metrics of each group of a column that task.fairness names, by fairlearn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import ProjectError
from ..kinds.supervised import Supervised


@dataclass(frozen=True)
class Difference:
    """One metric by the groups of a column; `difference` is that of the greatest and the smallest."""

    column: str
    metric: str
    groups: dict[str, float]
    difference: float


def differences(
    columns: pd.DataFrame,
    kind: Supervised,
    actual: np.ndarray,
    outputs: np.ndarray,
    classes: tuple[str, ...],
    min_rows: int,
) -> list[Difference]:
    """The greatest difference first. Groups of fewer than `min_rows` rows are left out: they differ by chance.

    Raises ProjectError for a column of which no two groups are left.
    """
    from fairlearn.metrics import MetricFrame

    found = []
    for name in map(str, columns):
        groups = columns[name].astype(object).where(columns[name].notna(), "missing").astype(str)
        large = groups.isin(groups.value_counts().loc[lambda counts: counts >= min_rows].index).to_numpy()
        if groups[large].nunique() < 2:
            raise ProjectError(
                f"task.fairness: {name} has no two groups of {min_rows} rows in the hold-out (conf/task/, "
                "evaluation.min_slice_rows)."
            )
        functions, truth, answers = kind.compared_by_group(actual[large], outputs[large], classes)
        frame = MetricFrame(metrics=functions, y_true=truth, y_pred=answers, sensitive_features=groups[large])
        apart = frame.difference()
        found += [
            Difference(name, metric, frame.by_group[metric].round(6).to_dict(), round(float(apart[metric]), 6))
            for metric in functions
        ]
    return sorted(found, key=lambda one: -one.difference)

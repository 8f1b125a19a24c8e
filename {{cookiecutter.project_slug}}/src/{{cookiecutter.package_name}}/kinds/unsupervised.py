"""What clustering and anomaly detection share: rows without a target."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from ..errors import ProjectError
from ..warehouse import count
from .kind import AnyTask, Kind

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

MIN_ROWS = 20
"""Rows below which a part tells nothing."""


class Unsupervised(Kind[AnyTask]):
    def check_parts(self, connection: duckdb.DuckDBPyConnection, parts: dict[str, str]) -> None:
        for name, relation in parts.items():
            rows = count(connection, relation)
            if rows < MIN_ROWS:
                raise ProjectError(
                    f"{name} has {rows} rows, {MIN_ROWS} are the least. Change conf/split/ or land more."
                )

    def setup(
        self,
        train: pd.DataFrame,
        validation: pd.DataFrame,
        folds: int,
        method: str,
        groups: pd.Series | None,
    ) -> dict[str, Any]:
        return {"data": without_none(train), "index": False}

    def finished(self, experiment: Any, best: Any, rows: pd.DataFrame, target: pd.Series | None) -> Any:
        """Both the preparation and the model are fitted anew."""
        from sklearn.base import clone

        pipeline = copy.deepcopy(experiment.pipeline)
        pipeline.steps.append(("trained_model", clone(best)))
        return pipeline.fit(rows)

    def typed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """In double precision: a clusterer that was fitted in single precision takes nothing else."""
        return rows.astype(dict.fromkeys(rows.select_dtypes("float32"), "float64"))


def without_none(rows: pd.DataFrame) -> pd.DataFrame:
    """NaN where a text is missing: PyCaret imputes nothing else."""
    import numpy as np

    texts = rows.select_dtypes("object")
    return rows.assign(**{str(name): texts[name].where(texts[name].notna(), np.nan) for name in texts})

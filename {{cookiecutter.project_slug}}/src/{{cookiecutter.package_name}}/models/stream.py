"""A model that learns from one row after the other and forgets it: River's linear models, for comparison.

It has no portable form and is not served. It says what a stream of rows, each seen once, is worth beside a search over
all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ..progress import progress


class StreamLearner:
    """`estimator` is one of River's, for so many `classes`, numbered from 0, or for a number where there are none.

    Numbers are scaled by what was seen so far, so that one that is missing counts as their mean; texts are one-hot.
    """

    def __init__(self, estimator: Any, classes: int) -> None:
        from river import compose, preprocessing

        select: Any = compose.SelectType
        numbers = select(float) | preprocessing.StandardScaler()
        self._model = (numbers + (select(str) | preprocessing.OneHotEncoder())) | estimator
        self._classes = classes

    def learn(self, rows: pd.DataFrame, target: pd.Series) -> None:
        """Once through the rows, in their order."""
        with progress("stream", len(rows), " rows") as bar:
            for row, value in zip(as_dicts(rows), target.tolist(), strict=True):
                self._model.learn_one(row, value)
                bar.update()

    def outputs(self, rows: pd.DataFrame) -> np.ndarray:
        """Rows by classes, or by one number."""
        if not self._classes:
            return np.array([[self._model.predict_one(row)] for row in as_dicts(rows)], dtype=np.float64)
        told = (self._model.predict_proba_one(row) for row in as_dicts(rows))
        return np.array([[found.get(number, 0.0) for number in range(self._classes)] for found in told])


def as_dicts(rows: pd.DataFrame) -> Iterator[dict[str, float | str]]:
    """Numbers and texts of each row; what is missing is left out."""
    texts = set(rows.select_dtypes("object"))
    typed = rows.astype({name: float for name in rows if name not in texts})
    for row in typed.to_dict("records"):
        yield {str(name): value for name, value in row.items() if value is not None and value == value}

"""One small model of raw features, to compare rows to learn from and not models: LightGBM as it comes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..kinds.supervised import Supervised


def learn(train: pd.DataFrame, kind: Supervised, classes: tuple[str, ...], seed: int) -> QuickModel:
    """`train` holds features and target; it must have a row of each of `classes`."""
    return QuickModel(train, kind, classes, seed)


class QuickModel:
    """Text becomes categories, as the training rows have them; what they have not is missing."""

    def __init__(self, train: pd.DataFrame, kind: Supervised, classes: tuple[str, ...], seed: int) -> None:
        import lightgbm

        target = str(kind.task.target)
        rows = train.drop(columns=target)
        self._classes = classes
        self._categories = {
            str(name): pd.CategoricalDtype(sorted(map(str, rows[name].dropna().unique())))
            for name in rows
            if not pd.api.types.is_numeric_dtype(rows[name])
        }
        make = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
        self._model = make(n_estimators=100, random_state=seed, verbose=-1, n_jobs=1)
        truth = pd.Categorical(train[target].astype(str), list(classes)).codes if classes else train[target]
        self._model.fit(self._encoded(rows), truth)

    def outputs(self, rows: pd.DataFrame) -> np.ndarray:
        """Rows by classes, or by one number."""
        encoded = self._encoded(rows)
        if not self._classes:
            return np.asarray(self._model.predict(encoded)).reshape(-1, 1)
        found = np.zeros((len(rows), len(self._classes)))
        found[:, self._model.classes_] = self._model.predict_proba(encoded)
        return found

    def _encoded(self, rows: pd.DataFrame) -> pd.DataFrame:
        texts = {name: rows[name].map(str, na_action="ignore").astype(kind) for name, kind in self._categories.items()}
        return rows.assign(**texts)

"""The small model that asks what one feature alone knows of the target."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def score(tree: type, feature: pd.DataFrame, target: pd.Series, cut: Any, scoring: str, seed: int) -> float:
    """The mean score over the folds of `cut` of `tree`, a class of sklearn.tree, on the single column of `feature`."""
    model = _on_one_feature(tree, feature, seed)
    return float(cross_val_score(model, feature, target, cv=cut, scoring=scoring, error_score="raise").mean())


def _on_one_feature(tree: type, feature: pd.DataFrame, seed: int) -> Any:
    (name,) = feature
    preparation = (
        OneHotEncoder(max_categories=50, handle_unknown="ignore")
        if feature[name].dtype == object
        else SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    )
    return make_pipeline(
        make_column_transformer((preparation, [name])),
        tree(max_leaf_nodes=32, min_samples_leaf=max(2, len(feature) // 1000), random_state=seed),
    )

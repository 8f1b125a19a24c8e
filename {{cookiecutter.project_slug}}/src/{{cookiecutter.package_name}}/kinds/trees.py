"""The small model that asks what one feature alone knows of the target."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def on_one_feature(tree: type, feature: pd.DataFrame, seed: int) -> Any:
    """An unfitted pipeline of preparation and `tree`, a class of sklearn.tree, for the single column of `feature`."""
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

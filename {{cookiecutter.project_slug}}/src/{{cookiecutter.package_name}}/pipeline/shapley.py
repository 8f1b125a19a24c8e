"""Why does the model answer as it does? What each feature adds to the answers for a few rows, by SHAP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ..models import attributions
from ..models.bundle import Columns
from .behaviour import Score

EXPLAINED, BACKGROUND = 50, 20
"""Rows that are explained, and rows that stand for a feature that is not known."""


def values(rows: pd.DataFrame, score: Score, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Seeded rows, texts as numbers, and the Shapley value of each of their features."""
    texts = [str(name) for name in rows.select_dtypes("object")]
    drawn = rows.sample(min(len(rows), EXPLAINED + BACKGROUND), random_state=seed)
    explained, background = drawn.iloc[:EXPLAINED], drawn.iloc[-BACKGROUND:]

    def scores(columns: Columns) -> np.ndarray:
        return score(pd.DataFrame(columns))

    found = attributions.values(scores, _columns(explained), _columns(background), texts, seed)
    codes = {name: pd.Categorical(explained[name], sorted(rows[name].dropna().unique())).codes for name in texts}
    return explained.assign(**codes).astype(float), pd.DataFrame(found.values, explained.index, rows.columns)


def draw(explained: pd.DataFrame, shapley: pd.DataFrame, path: Path) -> None:
    """A point for each row and feature, coloured by the value of the feature."""
    import matplotlib

    matplotlib.use("agg")
    import shap
    from matplotlib import pyplot

    size = (9, 1 + 0.3 * len(explained.columns))
    shap.summary_plot(shapley.to_numpy(), explained, show=False, plot_size=size, rng=np.random.default_rng(0))
    pyplot.title("What each feature adds to the answer")
    pyplot.gcf().savefig(path, dpi=110, bbox_inches="tight")
    pyplot.close()


def _columns(frame: pd.DataFrame) -> Columns:
    return {str(name): values.tolist() for name, values in frame.items()}

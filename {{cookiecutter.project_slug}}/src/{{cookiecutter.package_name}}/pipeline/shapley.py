"""Why does the model answer as it does? What each feature adds to the answers for a few rows, by SHAP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .behaviour import Score

EXPLAINED, BACKGROUND = 50, 20
"""Rows that are explained, and rows that stand for a feature that is not known."""


def values(rows: pd.DataFrame, score: Score, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Seeded rows, texts as numbers, and the Shapley value of each of their features (Lundberg and Lee 2017).

    A row of values adds up to its `score` minus the mean one of the background. Permutations are sampled, both ways.
    """
    import shap

    texts = {str(name): sorted(rows[name].dropna().unique()) for name in rows.select_dtypes("object")}
    numbers = rows.assign(**{name: pd.Categorical(rows[name], known).codes for name, known in texts.items()})
    matrix = numbers.astype(float)

    def scores(asked: np.ndarray) -> np.ndarray:
        frame = pd.DataFrame(asked, columns=rows.columns)
        for name, known in texts.items():
            frame[name] = np.array([*known, None], dtype=object)[frame[name].astype(int)]
        return score(frame)

    drawn = matrix.sample(min(len(matrix), EXPLAINED + BACKGROUND), random_state=seed)
    explained, background = drawn.iloc[:EXPLAINED], drawn.iloc[-BACKGROUND:]
    masker = shap.maskers.Independent(background.to_numpy(), max_samples=BACKGROUND)
    explainer: Any = shap.PermutationExplainer(scores, masker, seed=seed)
    found = explainer(explained.to_numpy(), max_evals=2 * len(rows.columns) + 1, silent=True)
    return explained, pd.DataFrame(found.values, index=explained.index, columns=rows.columns)


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

"""What each value of a row adds to a model's answer: Shapley values (Lundberg and Lee 2017) by the library shap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bundle import MISSING, Columns

Score = Callable[[Columns], np.ndarray]
"""The watched number of the model for each row."""


@dataclass(frozen=True)
class Attributions:
    """`values` are rows by columns; a row of them adds up to its score minus `base`, the mean one of the background."""

    base: float
    values: np.ndarray


def values(score: Score, rows: Columns, background: Columns, texts: Sequence[str], seed: int = 0) -> Attributions:
    """A value that is not known is drawn from the `background`; one permutation of the columns, both ways, a row.

    `texts` name the columns that are no numbers.
    """
    shap = _shap()
    names = list(rows)
    known = {name: sorted({_text(value) for side in (rows, background) for value in side[name]}) for name in texts}

    def as_matrix(columns: Columns) -> np.ndarray:
        coded = [
            [known[name].index(_text(value)) for value in columns[name]] if name in known else columns[name]
            for name in names
        ]
        return np.array(coded, dtype=np.float64).T

    def scores(matrix: np.ndarray) -> np.ndarray:
        lists = matrix.T.tolist()
        columns = {
            name: [None if text == MISSING else text for text in np.array(known[name], object)[np.array(values, int)]]
            if name in known
            else values
            for name, values in zip(names, lists, strict=True)
        }
        return score(columns)

    past = as_matrix(background)
    masker = shap.maskers.Independent(past, max_samples=len(past))
    explainer: Any = shap.PermutationExplainer(scores, masker, seed=seed)
    found = explainer(as_matrix(rows), max_evals=2 * len(names) + 1, silent=True)
    return Attributions(float(np.mean(scores(past))), np.asarray(found.values))


def _shap() -> Any:
    """The library without numba's compiler, which takes five seconds in every process and saves nothing here."""
    import numba

    settings: Any = numba.config
    usual, settings.DISABLE_JIT = settings.DISABLE_JIT, True
    try:
        import shap
    finally:
        settings.DISABLE_JIT = usual
    return shap


def _text(value: Any) -> str:
    return MISSING if value is None or value != value else str(value)

"""Which features does the model lean on? Each one shuffled in turn, and what that costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..kinds.kind import Kind
from ..models.automl import Model
from ..progress import progress

REPEATS = 5
ROWS = 5000
SHOWN = 25


def permutation(model: Model, kind: Kind, rows: pd.DataFrame, actual: np.ndarray, seed: int) -> pd.DataFrame:
    """How much the mean loss grows when a feature is shuffled (Breiman 2001), greatest first: feature, mean, deviation.

    On at most ROWS seeded rows, REPEATS times each. Features that say the same share what they are worth.
    """
    random = np.random.default_rng(seed)
    chosen = np.sort(random.choice(len(rows), min(len(rows), ROWS), replace=False))
    rows, actual = rows.iloc[chosen].reset_index(drop=True), actual[chosen]

    def losses(of: pd.DataFrame) -> np.ndarray:
        """The mean loss of each copy of the rows."""
        each = np.split(model.outputs(of), len(of) // len(rows))
        return np.array([kind.losses(actual, outputs, model.classes).mean() for outputs in each])

    (usual,) = losses(rows)
    table = []
    together = pd.concat([rows] * REPEATS, ignore_index=True)
    with progress("importance", len(rows.columns), " features") as bar:
        for name in rows:
            order = np.concatenate([random.permutation(len(rows)) for _ in range(REPEATS)])
            grown = losses(together.assign(**{str(name): rows[name].iloc[order].array})) - usual
            table.append({"feature": name, "mean": float(grown.mean()), "deviation": float(grown.std())})
            bar.update()
    return pd.DataFrame(table).sort_values("mean", ascending=False, kind="stable").reset_index(drop=True)


def draw(table: pd.DataFrame, loss: str, path: Path) -> None:
    shown = table.head(SHOWN)[::-1]
    figure = Figure(figsize=(8, 1 + 0.28 * len(shown)), layout="constrained")
    axes = figure.subplots()
    axes.barh(shown["feature"], shown["mean"], xerr=shown["deviation"], ecolor="grey")
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set(title="What the model leans on", xlabel=f"growth of the {loss} when the feature is shuffled")
    figure.savefig(path, dpi=110)

"""Which rows are unlike the others?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import AnomalyTask
from ..errors import ProjectError
from .kind import TOLERANCE, HoldOut
from .unsupervised import Unsupervised, without_none

if TYPE_CHECKING:
    import pandas as pd

MADE_UP = ("global", "dependency")
"""Two of the four ways of ADBench (Han, Hu, Huang, Jiang, Zhao 2022) to make up anomalies: values from anywhere in the
range of a column, and values that each occur but not together."""

WIDENED = 0.1
"""Global anomalies reach beyond what was seen by this share of the range, as in ADBench."""


class Anomaly(Unsupervised[AnomalyTask]):
    """The output of a row is how unusual it is, minus the threshold: above 0 it is called unusual.

    Nobody knows which rows are unusual, so a model is judged by telling rows that were made up from those of the
    hold-out. `actual` is 0 for a row of the hold-out, else 1 and up for the ways of MADE_UP.
    """

    experiment = ("pycaret.anomaly", "AnomalyExperiment")
    metric = "AUC"
    measure = "auc"
    loss = "share decided wrongly"
    baseline = "a model to which all rows are the same"

    def asks_for(self) -> str:
        return "unusual"

    def created(
        self, experiment: Any, candidate: str, validation: pd.DataFrame, arguments: dict[str, Any]
    ) -> tuple[Any, dict[str, float]]:
        """Fitted on the training rows, and judged as it is in the end, on the validation rows."""
        made = experiment.create_model(candidate, fraction=self.task.share, verbose=False, **arguments)
        rows, actual = with_made_up(experiment.X, validation, int(experiment.seed))
        prepared = experiment.pipeline.transform(rows)
        scores = made.decision_function(prepared) - made.threshold_
        if not np.isclose(scores[0], _alone(made, prepared) - made.threshold_):
            raise ProjectError("its score of a row depends on the rows that it is asked with")
        metrics = self.metrics(actual, np.asarray(scores).reshape(-1, 1), ())
        named = dict(zip(self.metrics_of(experiment), metrics.values(), strict=True))
        return made, {name: round(value, 4) for name, value in named.items()}

    def greater_is_better(self, experiment: Any, metric: str) -> bool:
        return metric != "Alarms"

    def metrics_of(self, experiment: Any) -> list[str]:
        """PyCaret has none."""
        return ["AUC", *(f"AUC {way}" for way in MADE_UP), "Found", "Alarms"]

    def refuses(self, candidate: Any) -> str:
        return "" if np.isfinite(candidate.threshold_) else "it found no threshold"

    def outputs(self, pipeline: Any, rows: pd.DataFrame) -> np.ndarray:
        scores = pipeline.decision_function(rows) - self.estimator(pipeline).threshold_
        return np.asarray(scores, dtype=np.float64).reshape(-1, 1)

    def hold_out(self, parts: dict[str, pd.DataFrame], classes: tuple[str, ...], seed: int) -> HoldOut:
        rows, actual = with_made_up(parts["train"], parts["test"], seed)
        return HoldOut(rows, actual, np.zeros((len(rows), 1)), len(parts["test"]))

    def metrics(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], weights: np.ndarray | None = None
    ) -> dict[str, float]:
        """`auc` is the mean over the ways of making rows up. `found` is the share of the made up rows that are called
        unusual, `alarms` that of the rows of the hold-out.
        """
        from sklearn.metrics import roc_auc_score

        scores, weights = outputs[:, 0], np.ones(len(actual)) if weights is None else weights
        real, called = actual == 0, outputs[:, 0] > 0
        each = {}
        for number, way in enumerate(MADE_UP, start=1):
            asked = real | (actual == number)
            known = real.any() and (actual == number).any()
            each[f"auc_{way}"] = (
                float(roc_auc_score(actual[asked] > 0, scores[asked], sample_weight=weights[asked]))
                if known
                else np.nan
            )
        return {
            "auc": float(np.mean(list(each.values()))),
            **each,
            "found": float(np.average(called[~real], weights=weights[~real])) if (~real).any() else np.nan,
            "alarms": float(np.average(called[real], weights=weights[real])) if real.any() else np.nan,
        }

    def losses(self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
        """1 for a row of the hold-out that is called unusual, and for a made up one that is not."""
        return np.asarray(((outputs[:, 0] > 0) != (actual > 0)).astype(float))

    def plot(
        self, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], rows: pd.DataFrame, folder: Path
    ) -> None:
        """ROC for each way of making rows up, how the scores are spread, and the scores of the hold-out in order."""
        import pandas as pd
        from matplotlib.figure import Figure
        from sklearn import metrics

        scores = outputs[:, 0]
        figure = Figure(figsize=(13, 4), layout="constrained")
        roc, spread, order = figure.subplots(1, 3)
        usual = float(np.median(np.abs(scores))) or 1.0
        first, last = np.arcsinh([scores.min() / usual, scores.max() / usual])
        bins = np.unique(usual * np.sinh(np.linspace(first, last, 40)))
        curves = []
        for number, way in enumerate(("of the hold-out", *MADE_UP)):
            spread.hist(scores[actual == number], bins, histtype="step", label=way, linewidth=1.5)
            if number:
                asked = (actual == 0) | (actual == number)
                fpr, tpr, _ = metrics.roc_curve(actual[asked] > 0, scores[asked])
                roc.plot(fpr, tpr, label=f"{way}, AUC {metrics.auc(fpr, tpr):.3f}")
                curves.append(pd.DataFrame({"fpr": fpr, "tpr": tpr, "made_up": way}))
        roc.plot([0, 1], [0, 1], "--", color="grey")
        roc.set(title="Made up rows told from real ones", xlabel="false positive rate", ylabel="true positive rate")
        roc.legend(title="made up")
        spread.axvline(0, linestyle="--", color="tab:red", label="threshold")
        spread.set(title="Scores", xlabel="how unusual, minus the threshold", ylabel="rows")
        spread.legend()
        own = scores[actual == 0]
        order.scatter(range(len(own)), own, s=6, c=np.where(own > 0, "tab:red", "tab:blue"))
        order.axhline(0, linestyle="--", color="tab:red")
        spread.set_xscale("symlog", linthresh=usual)
        order.set_yscale("symlog", linthresh=usual)
        order.set(title=f"{(own > 0).sum()} of {len(own)} rows are unusual", xlabel="rows of the hold-out, in order")
        figure.savefig(folder / "evaluation.png", dpi=110)
        pd.concat(curves).to_csv(folder / "roc.csv", index=False, float_format="%.6f")
        shown = rows.iloc[: len(own)].assign(score=own).sort_values("score", ascending=False)
        shown.to_csv(folder / "most_unusual.csv", index=False, float_format="%.6g")

    def differences(
        self, expected: np.ndarray, answers: np.ndarray, classes: tuple[str, ...]
    ) -> tuple[np.ndarray, int]:
        """In standard deviations of the expected scores; rows nearer to the threshold than TOLERANCE decide nothing."""
        spread = float(expected.std()) or 1.0
        clear = np.abs(expected[:, 0]) > TOLERANCE * spread
        return np.abs(answers - expected)[:, 0] / spread, int((clear & ((answers > 0) != (expected > 0))[:, 0]).sum())


def with_made_up(train: pd.DataFrame, rows: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """`rows`, then as many in each way of MADE_UP from what `train` holds; and which row is which."""
    import pandas as pd

    random = np.random.default_rng(seed)
    size = len(rows)
    anywhere = {name: _anywhere(train[name], size, random) for name in train}
    each = {name: train[name].iloc[random.integers(len(train), size=size)].array for name in train}
    made = [pd.DataFrame(values).astype(object) for values in (anywhere, each)]
    together = pd.concat([rows.astype(object), *made], ignore_index=True)
    types = pd.concat([train.astype(rows.dtypes[train.dtypes == "category"]), rows]).dtypes
    return without_none(together.astype(types)), np.repeat(np.arange(1 + len(made)), size)


def _alone(detector: Any, prepared: pd.DataFrame) -> float:
    """The score of the first row, asked on its own; NaN where the detector cannot."""
    try:
        return float(detector.decision_function(prepared.head(1))[0])
    except (IndexError, ValueError):
        return float("nan")


def _anywhere(seen: pd.Series, size: int, random: np.random.Generator) -> Any:
    """So many values, each as likely as any other that a column may hold."""
    known = seen.dropna()
    if known.dtype.kind not in "iuf":
        return random.choice(np.sort(known.astype(object).unique()), size)
    low, high = float(known.min()), float(known.max())
    drawn = random.uniform(low - WIDENED * (high - low), high + WIDENED * (high - low), size)
    return drawn if known.dtype.kind == "f" else np.round(drawn).astype(known.dtype)

"""The trained model and the test part in, hold-out metrics and plots out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn import metrics
from sklearn.calibration import calibration_curve

from .. import governance
from ..config import Config
from ..layout import Layout, replacing, write_json
from ..locks import exclusive
from ..models import automl
from . import split


def run(config: Config, layout: Layout) -> None:
    with exclusive("evaluate", layout), governance.recorded("evaluate", layout, layout.splits, layout.trained):
        test = split.read(config, layout, "test")
        model = automl.load(layout.trained / "model.joblib")
        probability = model.predict_proba(test.drop(columns=config.task.target))[:, -1]
        actual = (test[config.task.target] == model.positive).to_numpy()
        write_json(layout.results / "metrics.json", hold_out_metrics(actual, probability))
        with replacing(layout.results / "plots") as plots:
            plots.mkdir()
            write_plots(actual, probability, model.positive, plots)
        print(f"evaluate  AUC {metrics.roc_auc_score(actual, probability):.4f} on {len(test):,} rows of the hold-out")


def hold_out_metrics(actual: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Metrics of the positive class: `actual` is boolean, `probability` 0 to 1, both of length n.

    The decision is taken at 0.5. `baseline_log_loss` is what always answering the base rate would get.
    """
    decided = probability >= 0.5
    base_rate = float(actual.mean())
    values = {
        "auc": metrics.roc_auc_score(actual, probability),
        "average_precision": metrics.average_precision_score(actual, probability),
        "log_loss": metrics.log_loss(actual, probability),
        "baseline_log_loss": metrics.log_loss(actual, np.full(len(actual), base_rate)),
        "brier": metrics.brier_score_loss(actual, probability),
        "accuracy": metrics.accuracy_score(actual, decided),
        "precision": metrics.precision_score(actual, decided, zero_division=0.0),
        "recall": metrics.recall_score(actual, decided),
        "f1": metrics.f1_score(actual, decided),
        "base_rate": base_rate,
        "rows": len(actual),
    }
    return {name: round(float(value), 6) for name, value in values.items()}


def write_plots(actual: np.ndarray, probability: np.ndarray, positive: str, folder: Path) -> None:
    """CSV for `dvc plots` and one PNG to look at: ROC, calibration and the confusion matrix."""
    fpr, tpr, _ = metrics.roc_curve(actual, probability)
    true_rate, predicted_rate = calibration_curve(actual, probability, n_bins=10, strategy="quantile")
    decided = np.where(probability >= 0.5, positive, f"not {positive}")
    truth = np.where(actual, positive, f"not {positive}")
    tables = {
        "roc": pd.DataFrame({"fpr": fpr, "tpr": tpr}),
        "calibration": pd.DataFrame({"predicted": predicted_rate, "observed": true_rate}),
        "confusion": pd.DataFrame({"actual": truth, "predicted": decided}),
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6f")

    figure = Figure(figsize=(13, 4), layout="constrained")
    roc, calibration, confusion = figure.subplots(1, 3)
    roc.plot(fpr, tpr)
    roc.plot([0, 1], [0, 1], "--", color="grey")
    roc.set(title=f"ROC, AUC {metrics.auc(fpr, tpr):.3f}", xlabel="false positive rate", ylabel="true positive rate")
    calibration.plot(predicted_rate, true_rate, "o-")
    calibration.plot([0, 1], [0, 1], "--", color="grey")
    calibration.set(title="Calibration", xlabel=f"predicted probability of {positive}", ylabel="observed share")
    metrics.ConfusionMatrixDisplay.from_predictions(truth, decided, ax=confusion, colorbar=False, cmap="Blues")
    confusion.set(title="Confusion at 0.5")
    figure.savefig(folder / "evaluation.png", dpi=110)

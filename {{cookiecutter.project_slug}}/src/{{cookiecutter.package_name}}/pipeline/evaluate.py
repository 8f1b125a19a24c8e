"""The trained model and the test part in; hold-out metrics with their intervals, and plots, out."""

from __future__ import annotations

import numpy as np

from .. import governance, kinds
from ..config import Config
from ..kinds.kind import Kind
from ..layout import Layout, replacing, write_json
from ..locks import exclusive
from ..models import automl
from ..progress import progress
from . import split

RESAMPLES = 200
LARGEST_RESAMPLE = 20_000
"""Rows that are drawn from; of a larger hold-out a seeded sample, its rows weighted so that they stand for all."""

CONFIDENCE = 0.95


def run(config: Config, layout: Layout) -> None:
    """Writes results/metrics.json, results/evaluation.json with intervals and a naive baseline, and results/plots."""
    with exclusive("evaluate", layout), governance.recorded("evaluate", layout, layout.splits, layout.trained):
        train, test = split.read(config, layout, "train"), split.read(config, layout, "test")
        model = automl.load(layout.trained / "model.joblib")
        kind = kinds.of(model.kind)
        actual = test[config.task.target].to_numpy()
        outputs = model.outputs(test.drop(columns=config.task.target))
        naive = kind.naive(train[config.task.target], model.classes, len(test))
        report = judged(kind, actual, outputs, naive, model.classes, config.seed)
        metrics = {name: found["value"] for name, found in report.items()}
        write_json(layout.results / "metrics.json", {**metrics, "rows": len(test)})
        write_json(layout.results / "evaluation.json", report)
        with replacing(layout.results / "plots") as plots:
            plots.mkdir()
            kind.plot(actual, outputs, model.classes, plots)
        best = report[kind.measure]
        print(
            f"evaluate  {kind.measure} {best['value']:.4f} ({best['low']:.4f} to {best['high']:.4f}, naively "
            f"{best['naive']:.4f}) on {len(test):,} rows of the hold-out"
        )


def judged(
    kind: Kind, actual: np.ndarray, outputs: np.ndarray, naive: np.ndarray, classes: tuple[str, ...], seed: int
) -> dict[str, dict[str, float]]:
    """Of every metric: value, low and high (its 95 % interval), and naive, its value for the naive outputs."""
    values, naively = (kind.metrics(actual, given, classes) for given in (outputs, naive))
    ends = intervals(kind, actual, outputs, classes, seed)
    return {
        name: {
            "value": round(value, 6),
            "low": round(ends[name][0], 6),
            "high": round(ends[name][1], 6),
            "naive": round(naively[name], 6),
        }
        for name, value in values.items()
    }


def intervals(
    kind: Kind, actual: np.ndarray, outputs: np.ndarray, classes: tuple[str, ...], seed: int
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap (Efron and Tibshirani 1993) of every metric over the n rows.

    A resample is n draws from at most LARGEST_RESAMPLE rows, as in the bag of little bootstraps (Kleiner, Talwalkar,
    Sarkar, Jordan 2014) with one bag: a row that is drawn k times gets the weight k.
    """
    random = np.random.default_rng(seed)
    rows = len(actual)
    drawn = np.sort(random.choice(rows, min(rows, LARGEST_RESAMPLE), replace=False))
    found: dict[str, list[float]] = {}
    with progress("evaluate", RESAMPLES, " resamples") as bar:
        for _ in range(RESAMPLES):
            weights = random.multinomial(rows, np.full(len(drawn), 1 / len(drawn)))
            taken = drawn[weights > 0]
            for name, value in kind.metrics(actual[taken], outputs[taken], classes, weights[weights > 0]).items():
                found.setdefault(name, []).append(value)
            bar.update()
    tail = 100 * (1 - CONFIDENCE) / 2
    return {
        name: (float(np.nanpercentile(values, tail)), float(np.nanpercentile(values, 100 - tail)))
        for name, values in found.items()
    }

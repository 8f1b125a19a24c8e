"""The trained model and the test part in; hold-out metrics with their intervals, and plots, out."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from .. import governance
from ..config import Config
from ..kinds.kind import Kind
from ..kinds.supervised import Supervised
from ..layout import Layout, replacing, write_json
from ..locks import exclusive
from ..models import automl
from ..progress import progress
from ..resampling import RESAMPLES, interval, resamples
from . import behaviour, fairness, importance, shapley, slices, split

CONFIDENCE = 0.95


def run(config: Config, layout: Layout) -> None:
    """Writes metrics.json, evaluation.json (intervals, a naive baseline), what fails for whom, and plots/."""
    with exclusive("evaluate", layout), governance.recorded("evaluate", layout, layout.splits, layout.trained):
        model = automl.load(layout.trained / "model.joblib")
        kind = model.kind
        parts = split.read_all(config, layout)
        asked = kind.hold_out(parts, model.classes, config.seed)
        actual, rows = asked.actual, asked.rows
        outputs = kind.answered(model, asked, parts)
        report = judged(kind, actual, outputs, asked.naive, model.classes, config.seed)
        metrics = {name: found["value"] for name, found in report.items()}
        write_json(layout.results / "metrics.json", {**metrics, "rows": asked.own})
        write_json(layout.results / "evaluation.json", report)
        found: list[slices.Slice] = []
        behaved: list[behaviour.Finding] = []
        unequal: list[fairness.Difference] = []
        leans_on, added = None, None
        if kind.by_row:
            losses, own = kind.losses(actual, outputs, model.classes), rows.iloc[: asked.own]
            found = slices.find(own, losses[: asked.own], config.evaluation)
            behaved = behaviour.check(own, model.scores, config.task.behaviour)
            leans_on = importance.permutation(model, kind, rows, actual, config.seed)
            added = shapley.values(own, model.scores, config.seed) if kind.graded else None
        if isinstance(kind, Supervised) and config.task.fairness:
            groups, least = split.beside(config, layout, "test", config.task.fairness), config.evaluation.min_slice_rows
            unequal = fairness.differences(groups, kind, actual, outputs, model.classes, least)
        write_json(layout.results / "fairness.json", [asdict(one) for one in unequal])
        write_json(layout.results / "slices.json", [asdict(one) for one in found])
        write_json(layout.results / "behaviour.json", [asdict(one) for one in behaved])
        with replacing(layout.results / "plots") as plots:
            plots.mkdir()
            kind.plot(actual, outputs, model.classes, rows, plots)
            if leans_on is not None:
                importance.draw(leans_on, kind.loss, plots / "importance.png")
                leans_on.to_csv(plots / "importance.csv", index=False, float_format="%.6f")
            if added is not None:
                shapley.draw(*added, plots / "shap.png")
                added[1].to_csv(plots / "shap.csv", index=False, float_format="%.6f")
        best = report[kind.measure]
        print(
            f"evaluate  {kind.measure} {best['value']:.4f} ({best['low']:.4f} to {best['high']:.4f}, naively "
            f"{best['naive']:.4f}) on {asked.own:,} {kind.asked} of the hold-out"
        )
        worse = [f"{one.column} = {one.value}" for one in found if one.worse]
        told = f": {', '.join(worse[:3])}" if worse else ""
        for one in (one for one in behaved if not one.passes):
            print(f"evaluate  misbehaves: {one.name} ({one.share:.1%} of the rows do as expected)")
        if found:
            print(f"evaluate  surely worse in {len(worse)} of {len(found)} slices{told}")


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
    """The bootstrap interval of every metric."""
    found: dict[str, list[float]] = {}
    with progress("evaluate", RESAMPLES, " resamples") as bar:
        for taken, weights in resamples(len(actual), seed):
            for name, value in kind.metrics(actual[taken], outputs[taken], classes, weights).items():
                found.setdefault(name, []).append(value)
            bar.update()
    return {name: interval(values, CONFIDENCE) for name, values in found.items()}

"""Splits in, a fitted pipeline, its leaderboard and its MLflow run out."""

from __future__ import annotations

import pandas as pd

from .. import governance, kinds, registry
from ..config import Config
from ..kinds.kind import features
from ..layout import Layout, replacing, write_json
from ..locks import exclusive
from ..models import automl
from ..models.automl import Search
from . import split


def run(config: Config, layout: Layout) -> None:
    with exclusive("train", layout), governance.recorded("train", layout, layout.splits):
        train, validation = split.read(config, layout, "train"), split.read(config, layout, "validation")
        found = automl.search(
            config.automl,
            config.task,
            train,
            validation,
            config.seed,
            method=config.split.method,
            groups=split.groups(config, layout, "train"),
        )
        with replacing(layout.results / "leaderboard.csv") as leaderboard:
            # without the seconds: the same data, settings and seed give the same file
            found.leaderboard.drop(columns="seconds").to_csv(leaderboard, index=False, float_format="%.6f")
        run_id = keep(config, layout, found, train)
        print(f"train     made a {type(found.model.estimator).__name__}; MLflow run {run_id}")


def keep(config: Config, layout: Layout, found: Search, rows: pd.DataFrame) -> str:
    """Log what was `found`, learnt from `rows`, and put its model in place; the run's id."""
    shown = split.most_complete(features(rows, config.task), 3)
    example = kinds.of(config.task).examples(found.model.pipeline, shown)
    run_id = registry.log_training(config, layout, found, rows, example, split.last_time(config, layout))
    with replacing(layout.trained) as trained:
        trained.mkdir()
        automl.save(found.model, trained / "model.joblib")
        write_json(trained / "run.json", {"run_id": run_id})
    return run_id

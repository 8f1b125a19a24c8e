"""Rows with a target in, the best fitted pipeline and a leaderboard out. The only module that imports PyCaret.

Importing this module is cheap; PyCaret itself (several seconds) is imported by the functions.
"""

from __future__ import annotations

import importlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from .. import kinds
from ..config import AutoML, Task
from ..errors import ProjectError
from ..kinds.kind import Kind

ALWAYS = {"html": False, "verbose": False, "system_log": False, "log_experiment": False, "memory": False, "n_jobs": 1}
BLENDED = 3


@dataclass(frozen=True)
class Model:
    """A fitted PyCaret pipeline with the labels and the types of the columns that it was trained on.

    `classes` are the labels in the order of the outputs, the positive one last; the pipeline itself says 0, 1 and
    so on. They are empty where the target is a number. The types matter: fed with other ones, the same pipeline
    imputes and scales with another rounding, and answers differently for the same values.
    """

    kind: str
    pipeline: Any
    classes: tuple[str, ...]
    dtypes: dict[str, np.dtype | pd.CategoricalDtype]

    @property
    def estimator(self) -> Any:
        """The last step of the pipeline: the model itself."""
        return self.pipeline.steps[-1][1]

    @property
    def floating(self) -> np.dtype:
        """The type that the numeric columns are turned into when PyCaret puts them into one matrix."""
        return np.result_type(np.float32, *(kind for kind in self.dtypes.values() if isinstance(kind, np.dtype)))

    def outputs(self, rows: pd.DataFrame) -> np.ndarray:
        """Rows by outputs: the probability of each class, or the number. The reference for the portable model."""
        return kinds.of(self.kind).outputs(self.pipeline, self.as_trained(rows))

    def as_trained(self, rows: pd.DataFrame) -> pd.DataFrame:
        """`rows` in the types of the training data, or in `floating` where those cannot hold a value."""
        columns = {}
        for name, kind in self.dtypes.items():
            values = rows[name]
            if isinstance(kind, pd.CategoricalDtype):
                columns[name] = values.astype(object).where(values.notna(), np.nan).astype("category")
            else:
                columns[name] = values.astype(kind if _fits(values, kind) else self.floating)
        return pd.DataFrame(columns, index=rows.index)


@dataclass(frozen=True)
class Search:
    """What a search found.

    `model` is fitted on all rows it was given. `leaderboard` has one row a candidate, best first,
    with PyCaret's cross-validation metrics and `seconds`.
    """

    model: Model
    leaderboard: pd.DataFrame


def search(
    config: AutoML,
    task: Task,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    seed: int,
    *,
    method: str = "time",
    groups: pd.Series | None = None,
) -> Search:
    """Compare the configured models, improve the best, fit it on everything.

    `train` and `validation` hold features and target; `method` says how they were split, and `groups` the group
    of each row of `train` where that was by group. Same rows, configuration and seed give the same
    result. Raises ProjectError for an unknown model, metric or argument of setup, and when no model could be fitted.
    """
    if config.sample_rows and config.sample_rows < len(train):
        train = train.sample(config.sample_rows, random_state=seed).sort_index()
        groups = None if groups is None else groups[train.index]
    kind = kinds.of(task.kind)
    classes = kind.classes(train[task.target], task.positive)
    train, validation = (
        rows.assign(**{task.target: kind.encoded(rows[task.target], classes)}) for rows in (train, validation)
    )
    experiment = _experiment(config, task, train, validation, seed, method, groups)
    metric = config.metric or kind.metric
    fitted, leaderboard = _compare(experiment, config, config.candidates(task.kind), kind, metric)
    best = fitted[leaderboard["id"].iloc[0]]
    if config.tune_iterations:
        print(f"train     tuning {leaderboard['name'].iloc[0]}, {config.tune_iterations} candidates", flush=True)
        best = experiment.tune_model(
            best, n_iter=config.tune_iterations, optimize=metric, choose_better=True, verbose=False
        )
    if config.ensemble == "blend":
        best = _blend(experiment, kind, metric, best, [fitted[name] for name in leaderboard["id"][1:BLENDED]])
    return Search(_fitted(experiment, best, task.kind, classes), leaderboard)


def save(model: Model, path: Path) -> None:
    joblib.dump(model, path, compress=3)


def load(path: Path) -> Model:
    """A model written by `save`. It is unpickled: load only what this project has trained."""
    _without_log_file()
    model: Model = joblib.load(path)
    return model


def _without_log_file() -> None:
    """To be called before PyCaret is imported, which else opens logs.log in the working folder."""
    os.environ.setdefault("PYCARET_CUSTOM_LOGGING_PATH", os.devnull)


def _fits(values: pd.Series, kind: np.dtype) -> bool:
    """Whether `kind` can hold every value; integers and booleans cannot hold a missing one."""
    if kind.kind in "iu":
        return bool(values.between(np.iinfo(kind).min, np.iinfo(kind).max).all())
    return kind.kind == "f" or not values.isna().any()


def _fitted(experiment: Any, best: Any, kind: str, classes: tuple[str, ...]) -> Model:
    """`best` fitted on training and validation rows, with the types that PyCaret has given them."""
    from pycaret.utils.generic import df_shrink_dtypes

    features = df_shrink_dtypes(experiment.X)
    dtypes = {str(name): kind for name, kind in features.dtypes.items()}
    return Model(kind, experiment.finalize_model(best), classes, dtypes)


def _experiment(
    config: AutoML,
    task: Task,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    seed: int,
    method: str,
    groups: pd.Series | None,
) -> Any:
    _without_log_file()
    kind = kinds.of(task.kind)
    module, name = kind.experiment
    experiment = getattr(importlib.import_module(module), name)()
    arguments = {
        "target": task.target,
        "test_data": validation,
        "index": False,
        "session_id": seed,
        "fold": config.folds,
        "fold_strategy": kind.folds[method],
        "fold_groups": groups,
        "fold_shuffle": method in ("random", "stratified"),
        "data_split_shuffle": False,
        **ALWAYS,
    }
    clash = sorted(set(arguments) & set(config.setup))
    if clash:
        raise ProjectError(f"automl.setup must not set {', '.join(clash)}: other keys of conf/ decide that.")
    try:
        experiment.setup(data=train, **arguments, **config.setup)
    except (TypeError, ValueError) as error:
        raise ProjectError(f"PyCaret refuses automl.setup (conf/automl/): {error}") from error
    known = list(experiment.models(internal=True).index)
    candidates = config.candidates(task.kind)
    if not candidates:
        raise ProjectError(f"automl.models names none for {task.kind} (conf/automl/). PyCaret has {', '.join(known)}.")
    unknown = [name for name in candidates if name not in known]
    if unknown:
        raise ProjectError(f"automl.models: PyCaret has no model {', '.join(unknown)}. It has {', '.join(known)}.")
    metrics = list(experiment.get_metrics()["Display Name"])
    if config.metric and config.metric not in metrics:
        raise ProjectError(
            f"automl.metric: PyCaret has no metric {config.metric!r} for {task.kind}. It has {', '.join(metrics)}."
        )
    return experiment


def _compare(
    experiment: Any, config: AutoML, candidates: tuple[str, ...], kind: Kind, metric: str
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Cross-validate one model after the other until the budget is spent; a model that fails is reported."""
    fitted: dict[str, Any] = {}
    rows = []
    names = experiment.models(internal=True)["Name"]
    deadline = time.monotonic() + 60 * config.budget_minutes
    for position, model in enumerate(candidates, start=1):
        if fitted and time.monotonic() > deadline:
            left_out = ", ".join(candidates[position - 1 :])
            print(f"train     the budget of {config.budget_minutes} min is spent, left out: {left_out}")
            break
        began = time.monotonic()
        try:
            candidate = experiment.create_model(model, verbose=False)
        except Exception as error:  # noqa: BLE001 - whatever a third-party model raises must not end the search
            print(f"train     {names[model]} failed and is left out: {error}", flush=True)
            continue
        if reason := kind.refuses(candidate):
            print(f"train     {names[model]} is left out: {reason}", flush=True)
            continue
        fitted[model] = candidate
        metrics = experiment.pull().loc["Mean"]
        rows.append({"id": model, "name": names[model], **metrics, "seconds": round(time.monotonic() - began, 2)})
        score = f"{metric} {metrics[metric]:.4f}"
        print(f"train     {position}/{len(candidates)} {names[model]:<32} {score}", flush=True)
    if not fitted:
        raise ProjectError(f"None of the models {', '.join(candidates)} could be fitted; the reasons are above.")
    greater_is_better = experiment.get_metrics().set_index("Display Name")["Greater is Better"][metric]
    leaderboard = pd.DataFrame(rows).sort_values(metric, ascending=not greater_is_better, kind="stable")
    return fitted, leaderboard.reset_index(drop=True)


def _blend(experiment: Any, kind: Kind, metric: str, best: Any, others: list[Any]) -> Any:
    if not others:
        return best
    print(f"train     blending {1 + len(others)} models", flush=True)
    return experiment.blend_models([best, *others], optimize=metric, choose_better=True, verbose=False, **kind.blending)

"""Rows with a target in, the best fitted pipeline and a leaderboard out. The only module that imports PyCaret.

Importing this module is cheap; PyCaret itself (several seconds) is imported by the functions.
"""

from __future__ import annotations

import copy
import difflib
import importlib
import inspect
import math
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from .. import kinds
from ..config import AnyTask, AutoML, Screening
from ..errors import ProjectError
from ..kinds.kind import Kind, features
from . import answers
from .budget import Budget, BudgetSpentError

ALWAYS = {"html": False, "verbose": False, "system_log": False, "log_experiment": False, "memory": False, "n_jobs": 1}
THREADED = ("rf", "et")
"""Models that are fitted by one thread a processor, with the same result. All else runs on one: PyCaret's processes
for the folds and the threads of LightGBM get into each other's way, and can take a hundred times as long."""

BLENDED = 3
"""Models that are blended or stacked: the best ones."""

ALONE = ("tune", "calibrate")
"""Steps that improve one model; the others join several."""


@dataclass(frozen=True)
class Model:
    """A fitted PyCaret pipeline with the labels and the types of the columns that it was trained on.

    `classes` are the labels in the order of the outputs, the positive one last; the pipeline itself says 0, 1 and
    so on. They are empty where the target is a number. The types matter: fed with other ones, the same pipeline
    imputes and scales with another rounding, and answers differently for the same values.
    """

    task: AnyTask
    pipeline: Any
    classes: tuple[str, ...]
    dtypes: dict[str, np.dtype | pd.CategoricalDtype]

    @property
    def kind(self) -> Kind[Any]:
        return kinds.of(self.task)

    @property
    def estimator(self) -> Any:
        """The model itself, without what prepares the rows for it."""
        return self.kind.estimator(self.pipeline)

    @property
    def preparation(self) -> list[tuple[str, Any]]:
        """The steps before the model by name, without those that act in training only."""
        return [(name, step) for name, step in self.pipeline.steps[:-1] if not getattr(step, "_train_only", False)]

    @property
    def floating(self) -> np.dtype:
        """The type in which PyCaret computes with the numeric columns as one matrix: float64 for integers alone."""
        types = [kind for kind in self.dtypes.values() if isinstance(kind, np.dtype)]
        return np.result_type(np.float32, *types) if any(kind.kind == "f" for kind in types) else np.dtype(np.float64)

    def outputs(self, rows: pd.DataFrame) -> np.ndarray:
        """Rows by outputs: the probability of each class, or the number. The reference for the portable model."""
        return self.kind.outputs(self.pipeline, self.as_trained(rows))

    def scores(self, rows: pd.DataFrame) -> np.ndarray:
        """The number of each row that is watched: the probability of the positive class, or the value."""
        return answers.of(self.task.kind).scores(self.outputs(rows))

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

    `model` is fitted on all rows it was given. `leaderboard` has one row a candidate, best first, with the `rows` of
    the last round that it was in, PyCaret's cross-validation metrics there and `seconds`. `seconds` are of the whole.
    """

    model: Model
    leaderboard: pd.DataFrame
    seconds: float


def search(
    config: AutoML,
    task: AnyTask,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    seed: int,
    *,
    method: str = "time",
    groups: pd.Series | None = None,
) -> Search:
    """Compare the configured models, improve the best, fit it on everything.

    `train` and `validation` hold features and target; `method` says how they were split, and `groups` the group
    of each row of `train` where that was by group. Same rows, configuration and seed give the same result, as long as
    the budget suffices. Raises ProjectError for an unknown model, metric or argument, and when no model could be
    fitted.
    """
    began = time.monotonic()
    budget = Budget(config.budget_minutes)
    kind = kinds.of(task)
    screening = config.screening if kind.by_row else None
    train, validation = _without_booleans(train), _without_booleans(validation)
    if kind.by_row:
        train, groups = _sampled(train, groups, config.sample_rows or len(train), seed)
    classes: tuple[str, ...] = ()
    if task.target:
        classes = kind.classes(train[task.target])
        train, validation = (
            rows.assign(**{task.target: kind.encoded(rows[task.target], classes)}) for rows in (train, validation)
        )
    metric = config.metric or kind.metric
    candidates = kind.candidates(config.candidates(task.kind), train, validation)
    standings: dict[str, dict[str, Any]] = {}
    compared: Compared | None = None
    sizes = rungs(len(train), len(candidates), screening)
    for number, rows in enumerate(sizes, start=1):
        if compared and budget.left() < compared.seconds_on(rows):
            break
        if len(sizes) > 1:
            print(f"train     round {number} of {len(sizes)}: {len(candidates)} models on {rows:,} rows", flush=True)
        drawn, their_groups = _sampled(train, groups, rows, seed)
        setup_began = time.monotonic()
        experiment = _experiment(config, task, drawn, their_groups, validation, seed, method)
        prepared = time.monotonic() - setup_began
        found = _compare(experiment, config, task, candidates, drawn, validation, metric, budget, prepared)
        if not found.rows:
            break
        standings |= {row["id"]: row for row in found.rows}
        compared = found
        candidates = tuple(row["id"] for row in found.rows)[: survivors(len(found.rows), screening)]
    if compared is None:
        raise ProjectError(f"None of the models {', '.join(candidates)} could be fitted; the reasons are above.")
    fitted_on = compared.rows[0]["rows"]
    if fitted_on < len(train):
        print(f"train     the budget did not suffice for all rows: the model is fitted on {fitted_on:,}", flush=True)
    best = _improved(compared, config, kind, metric, budget)
    leaderboard = _ranked(list(standings.values()), metric, compared.greater_is_better)
    model = _fitted(compared, best, task, classes, validation)
    return Search(model, pd.DataFrame(leaderboard), round(time.monotonic() - began, 2))


def known(config: AutoML, task: AnyTask, train: pd.DataFrame, validation: pd.DataFrame, seed: int) -> list[str]:
    """PyCaret's short names of the models that there are for a task."""
    experiment = _experiment(config, task, train, None, validation, seed, "random")
    return list(experiment.models(internal=True).index)


def rungs(rows: int, candidates: int, screening: Screening | None) -> list[int]:
    """Rows of each round of successive halving (Jamieson and Talwalkar 2016); the last one has all of them.

    Each round has `factor` times the rows of the one before, and `survivors` of its candidates.
    """
    sizes = []
    size = screening.rows if screening else rows
    while screening and candidates > screening.keep and size * screening.factor <= rows:
        sizes.append(size)
        size *= screening.factor
        candidates = survivors(candidates, screening)
    return [*sizes, rows]


def survivors(candidates: int, screening: Screening | None) -> int:
    """How many of so many candidates are in the next round."""
    return max(screening.keep, math.ceil(candidates / screening.factor)) if screening else candidates


def continued(model: Model, rows: pd.DataFrame) -> Model:
    """`model` gone on learning from further `rows` (features and target); its preparation stays as it is.

    LightGBM adds as many trees as it has, fitted to what the ones before leave; models of scikit-learn with partial_fit
    take the rows in one pass. Raises ProjectError for a model that cannot go on.
    """
    prepared = model.as_trained(features(rows, model.task))
    for _, step in model.preparation:
        prepared = step.transform(prepared)
    target = model.kind.encoded(rows[model.task.target], model.classes)
    estimator = copy.deepcopy(model.estimator)
    if type(estimator).__name__.startswith("LGBM"):
        estimator.set_params(verbosity=-1).fit(prepared, target, init_model=model.estimator)
    elif hasattr(estimator, "partial_fit"):
        estimator.partial_fit(prepared, target)
    else:
        raise ProjectError(
            f"{type(estimator).__name__} cannot go on learning. lightgbm can, and what has partial_fit: nb, mlp, par."
        )
    pipeline = copy.deepcopy(model.pipeline)
    pipeline.steps[-1] = (pipeline.steps[-1][0], estimator)
    return replace(model, pipeline=pipeline)


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


def _fitted(compared: Compared, best: Any, task: AnyTask, classes: tuple[str, ...], validation: pd.DataFrame) -> Model:
    """`best` fitted on training and validation rows."""
    from pycaret.utils.generic import df_shrink_dtypes

    kind = kinds.of(task)
    rows = pd.concat([compared.train, validation], ignore_index=True)
    typed = kind.typed(df_shrink_dtypes(features(rows, task)))
    target = rows[task.target] if task.target else None
    pipeline = kind.finished(compared.experiment, best, typed, target)
    dtypes = {str(name): dtype for name, dtype in typed.dtypes.items()}
    return Model(task, pipeline, classes or kind.answers(pipeline), dtypes)


def _without_booleans(rows: pd.DataFrame) -> pd.DataFrame:
    """PyCaret passes booleans on with their gaps; as numbers they are imputed."""
    return rows.astype(dict.fromkeys(rows.select_dtypes("bool"), np.int8))


def _sampled(
    train: pd.DataFrame, groups: pd.Series | None, rows: int, seed: int
) -> tuple[pd.DataFrame, pd.Series | None]:
    """Seeded rows in the order of `train`."""
    if rows >= len(train):
        return train, groups
    drawn = train.sample(rows, random_state=seed).sort_index()
    return drawn, None if groups is None else groups[drawn.index]


def _experiment(
    config: AutoML,
    task: AnyTask,
    train: pd.DataFrame,
    groups: pd.Series | None,
    validation: pd.DataFrame,
    seed: int,
    method: str,
) -> Any:
    _without_log_file()
    kind = kinds.of(task)
    module, name = kind.experiment
    experiment = getattr(importlib.import_module(module), name)()
    # setup would import a dozen packages, for seconds, to write their versions into a log that nobody keeps
    experiment._check_environment = lambda: None
    known_to_setup = inspect.signature(experiment.setup).parameters
    always = {key: value for key, value in ALWAYS.items() if key in known_to_setup}
    wanted = kind.setup(train, validation, config.folds, method, groups)
    decided = {**wanted, "session_id": seed, **always}
    given = checked(experiment.setup, _of_this_kind(config.setup, known_to_setup), decided, "automl.setup")
    try:
        experiment.setup(**decided, **given)
    except (TypeError, ValueError) as error:
        raise ProjectError(f"PyCaret refuses automl.setup (conf/automl/): {error}") from error
    kind.correct(experiment)
    known = list(experiment.models(internal=True).index)
    candidates = config.candidates(task.kind)
    if not candidates:
        raise ProjectError(f"automl.models names none for {task.kind} (conf/automl/). PyCaret has {', '.join(known)}.")
    candidates = kind.candidates(candidates, train, validation)
    unknown = [name for name in candidates if name.partition(":")[0] not in known]
    if unknown:
        raise ProjectError(f"automl.models: PyCaret has no model {', '.join(unknown)}. It has {', '.join(known)}.")
    metrics = kind.metrics_of(experiment)
    if config.metric and config.metric not in metrics:
        raise ProjectError(
            f"automl.metric: PyCaret has no metric {config.metric!r} for {task.kind}. It has {', '.join(metrics)}."
        )
    for step in config.improve:
        _improvement(experiment, config, step)
    return experiment


def _improvement(experiment: Any, config: AutoML, step: str) -> tuple[Any, dict[str, Any]]:
    """PyCaret's function for a step of automl.improve, None where it has none, and the checked arguments."""
    improve = getattr(experiment, f"{step}_model" if step in ALONE else f"{step}_models", None)
    if improve is None:
        return None, {}
    return improve, checked(
        improve, getattr(config, step), ("estimator", "estimator_list", "verbose"), f"automl.{step}"
    )


def checked(function: Any, given: Mapping[str, Any], decided: Iterable[str], where: str) -> dict[str, Any]:
    """`given`, once PyCaret's function takes each of its arguments and none is decided elsewhere."""
    clash = sorted(set(decided) & set(given))
    if clash:
        raise ProjectError(f"{where} must not set {', '.join(clash)}: other keys of conf/ decide that.")
    known = [name for name in inspect.signature(function).parameters if name not in decided]
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise ProjectError(
                f"{where}: PyCaret's {function.__name__} has no argument {name} (conf/automl/). "
                + (f"Did you mean {close[0]}?" if close else f"It has {', '.join(known)}.")
            )
    return dict(given)


def _of_this_kind(given: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """`given` without what only setup() of another kind of task takes: conf/automl/ is written for all of them."""
    unknown = [name for name in given if name not in known]
    elsewhere: set[str] = set()
    if unknown:
        for module, name in {kind.experiment for kind in kinds.KINDS.values()}:
            elsewhere |= set(inspect.signature(getattr(importlib.import_module(module), name).setup).parameters)
    left_out = [name for name in unknown if name in elsewhere]
    if left_out:
        print(f"train     automl.setup: {', '.join(left_out)} left out, not for a task of this kind", flush=True)
    return {name: value for name, value in given.items() if name not in left_out}


@dataclass(frozen=True)
class Compared:
    """The models that could be fitted in one experiment on `train`, best first.

    `rows` are their lines of the leaderboard, `prepared` are the seconds that PyCaret took to prepare the experiment.
    """

    experiment: Any
    train: pd.DataFrame
    fitted: dict[str, Any]
    rows: list[dict[str, Any]]
    greater_is_better: bool
    prepared: float

    def seconds_on(self, rows: int) -> float:
        """What a round on so many rows takes at least: preparing them twice, comparing the best model, fitting it."""
        return 2 * (self.prepared + float(self.rows[0]["seconds"])) * rows / len(self.train)


def _compare(
    experiment: Any,
    config: AutoML,
    task: AnyTask,
    candidates: tuple[str, ...],
    train: pd.DataFrame,
    validation: pd.DataFrame,
    metric: str,
    budget: Budget,
    prepared: float,
) -> Compared:
    """Judge one model after the other on `train` until the budget is spent; failures are reported."""
    kind = kinds.of(task)
    given = checked(
        experiment.create_model, config.compare, ("estimator", "refit", "verbose", "kwargs"), "automl.compare"
    )
    greater_is_better = kind.greater_is_better(experiment, metric)
    full_names = experiment.models(internal=True)["Name"]
    names = {
        model: " ".join([full_names[model.partition(":")[0]], model.partition(":")[2]]).strip() for model in candidates
    }
    fitted: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for position, model in enumerate(candidates, start=1):
        began = time.monotonic()
        # to be fitted on everything in the end, this one or the best so far takes no longer than to be compared, and
        # the rows are prepared once more
        reserved = _ranked(rows, metric, greater_is_better)[0]["seconds"] if rows else 0.0
        left = budget.left() - prepared
        allowed = min(left / 2, left - reserved)
        if allowed <= 0:
            left_out = ", ".join(candidates[position - 1 :])
            print(f"train     the budget of {config.budget_minutes:g} min is spent, left out: {left_out}", flush=True)
            break
        try:
            with budget.enforced(allowed):
                threads = {"n_jobs": os.cpu_count()} if model in THREADED else {}
                candidate, metrics = kind.created(experiment, model, validation, {**given, **threads})
        except BudgetSpentError:
            print(f"train     {names[model]} is stopped after {allowed:.1f} s and left out: the budget", flush=True)
            continue
        except Exception as error:  # noqa: BLE001 - whatever a third-party model raises must not end the search
            told = str(error) if isinstance(error, ProjectError) else f"{type(error).__name__}: {error}"
            print(f"train     {names[model]} failed and is left out: {told}", flush=True)
            continue
        if reason := kind.refuses(candidate):
            print(f"train     {names[model]} is left out: {reason}", flush=True)
            continue
        fitted[model] = candidate
        seconds = round(time.monotonic() - began, 2)
        rows.append({"id": model, "name": names[model], "rows": len(train), **metrics, "seconds": seconds})
        best = _ranked(rows, metric, greater_is_better)[0]
        print(
            f"train     {position}/{len(candidates)} {names[model]:<32} {metric} {metrics[metric]:.4f}, "
            f"best so far {best['name']} {best[metric]:.4f}",
            flush=True,
        )
    ranked = _ranked(rows, metric, greater_is_better)
    return Compared(experiment, train, fitted, ranked, greater_is_better, prepared)


def _ranked(rows: list[dict[str, Any]], metric: str, greater_is_better: bool) -> list[dict[str, Any]]:
    """Those that were compared on more rows first, then by the metric."""
    return sorted(rows, key=lambda row: (-row["rows"], -row[metric] if greater_is_better else row[metric]))


def _improved(compared: Compared, config: AutoML, kind: Kind, metric: str, budget: Budget) -> Any:
    """The best model after each step of automl.improve, as far as the budget goes."""
    experiment = compared.experiment
    best, *others = (compared.fitted[row["id"]] for row in compared.rows[:BLENDED])
    for step in config.improve:
        improve, given = _improvement(experiment, config, step)
        if improve is None:
            print(f"train     {step} is left out: PyCaret does not for a task of this kind", flush=True)
            continue
        usual = {"optimize": metric, "choose_better": True, **(kind.blending if step == "blend" else {})}
        known = inspect.signature(improve).parameters
        arguments = {**{name: value for name, value in usual.items() if name in known}, **given, "verbose": False}
        if step not in ALONE and not others:
            print(f"train     nothing to {step}: there is one model", flush=True)
            continue
        print(f"train     {step}: {type(best).__name__}", flush=True)
        try:
            reserved = sum(row["seconds"] for row in compared.rows[: 1 if step in ALONE else BLENDED])
            with budget.enforced(budget.left() - compared.prepared - reserved):
                best = improve(best if step in ALONE else [best, *others], **arguments)
        except BudgetSpentError:
            print(f"train     the budget of {config.budget_minutes:g} min is spent before {step} was done", flush=True)
            break
    return best

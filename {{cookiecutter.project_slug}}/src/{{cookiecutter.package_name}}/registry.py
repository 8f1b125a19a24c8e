"""Runs, versions and aliases. The only module that imports MLflow (several seconds, so inside the functions)."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from . import governance
from .config import Config
from .errors import ProjectError
from .layout import PACKAGE, Layout
from .models import automl

if TYPE_CHECKING:
    from mlflow import MlflowClient

MODEL = PACKAGE
"""The experiment and the registered model carry the name of the package."""

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
PATCH, TRAINED, BUNDLE = "uncommitted.patch", "trained", "bundle"
"""Artifacts of a run: what differed from the commit when it was trained, the model as trained, and the portable one."""

REQUIREMENTS = ["pycaret==3.3.2", "scikit-learn", "six", "setuptools<81"]


@dataclass(frozen=True)
class Version:
    """One version of the registered model."""

    number: str
    run_id: str
    aliases: tuple[str, ...]


def store(layout: Layout) -> str:
    """MLFLOW_TRACKING_URI, else SQLite in the project's folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(layout.root / 'mlflow.db').resolve().as_posix()}"


def log_training(
    config: Config,
    layout: Layout,
    found: automl.Search,
    train: pd.DataFrame,
    example: pd.DataFrame,
    trained_until: str | None = None,
) -> str:
    """A run with configuration, leaderboard, data set, lineage, cost and the fitted pipeline; returns its id.

    `train` holds features and target, `example` a few rows of features, shown with the model. `trained_until` is the
    time of the last row that it has learnt from, where the task has one.
    """
    mlflow = _mlflow(layout)
    with mlflow.start_run() as run:
        mlflow.log_params(_flat(config.model_dump(mode="json")))
        mlflow.log_artifact(str(layout.params))
        mlflow.set_tags(
            {
                "git_revision": governance.git_revision(layout),
                "lock": governance.lock_hash(layout),
                **governance.dvc_hashes(layout),
                **({"trained_until": trained_until} if trained_until else {}),
            }
        )
        if patch := governance.uncommitted(layout):
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / PATCH).write_bytes(patch)
                mlflow.log_artifacts(folder)
        source = str(layout.splits / "train.parquet")
        mlflow.log_input(
            mlflow.data.from_pandas(train, source=source, targets=config.task.target, name="train"), context="training"
        )
        mlflow.log_table(found.leaderboard, "leaderboard.json")
        best = found.leaderboard.iloc[0]
        mlflow.log_metrics({"train_seconds": found.seconds, "train_peak_memory_mb": governance.peak_memory_mb()})
        mlflow.set_tag("estimator", type(found.model.estimator).__name__)
        mlflow.log_metrics(
            {
                f"cv_{str(name).lower()}": float(value)
                for name, value in best.items()
                if isinstance(value, float) and name != "seconds"
            }
        )
        mlflow.sklearn.log_model(
            found.model.pipeline,
            name="model",
            signature=mlflow.models.infer_signature(example, found.model.outputs(example)),
            input_example=example,
            serialization_format="cloudpickle",
            pip_requirements=REQUIREMENTS,
        )
        return str(run.info.run_id)


def log_evaluation(layout: Layout, run_id: str, metrics: Mapping[str, float]) -> None:
    """Hold-out metrics, plots and the bundle, into the run that trained the model."""
    mlflow = _mlflow(layout)
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metrics({f"holdout_{name}": value for name, value in metrics.items()})
        mlflow.log_artifacts(str(layout.results / "plots"), "plots")
        mlflow.log_artifact(str(layout.results / "model_card.md"))
        mlflow.log_artifact(str(layout.trained / "model.joblib"), TRAINED)
        mlflow.log_artifacts(str(layout.bundle), BUNDLE)


def version_of_run(layout: Layout, run_id: str) -> Version | None:
    """The registered version that came out of a run."""
    found = _client(layout).search_model_versions(f"name = '{MODEL}' and run_id = '{run_id}'")
    return _version(layout, str(found[0].version)) if found else None


def with_alias(layout: Layout, alias: str) -> Version | None:
    """The version that carries `alias`, or None."""
    aliases = _aliases(_client(layout))
    return _version(layout, aliases[alias]) if alias in aliases else None


@dataclass(frozen=True)
class Run:
    """The training run of a version; `tags` hold the revision and the hashes of the data."""

    number: str
    run_id: str
    tags: Mapping[str, str]


def run_of(layout: Layout, number: str) -> Run:
    """The run that trained a version. Raises ProjectError when there is no such version."""
    from mlflow.exceptions import MlflowException

    try:
        run_id = _version(layout, number).run_id
        return Run(number, run_id, dict(_client(layout).get_run(run_id).data.tags))
    except MlflowException as error:
        raise ProjectError(
            f"The registry has no version {number} of {MODEL}; `make mlflow` shows those that it has."
        ) from error


def register(layout: Layout, run_id: str) -> Version:
    """Make the run's model a version; a run is registered once."""
    existing = version_of_run(layout, run_id)
    if existing:
        return existing
    mlflow = _mlflow(layout)
    outputs = mlflow.get_run(run_id).outputs.model_outputs
    made = mlflow.register_model(f"models:/{outputs[0].model_id}", MODEL)
    return _version(layout, str(made.version))


def tag(layout: Layout, version: Version, tags: Mapping[str, str]) -> None:
    """Write `tags` on a version, where everyone who sees the registry reads them."""
    client = _client(layout)
    for name, value in tags.items():
        client.set_model_version_tag(MODEL, version.number, name, value)


def numbered(layout: Layout, number: str) -> Version:
    """The version with that number. Raises MLflow's error when there is none."""
    return _version(layout, number)


def set_alias(layout: Layout, alias: str, version: str) -> None:
    """Move `alias` to `version`."""
    _client(layout).set_registered_model_alias(MODEL, alias, version)


def promote(layout: Layout, version: Version) -> None:
    """`version` becomes the champion, the champion so far the previous one."""
    champion = with_alias(layout, CHAMPION)
    if champion and champion.number != version.number:
        set_alias(layout, PREVIOUS, champion.number)
    set_alias(layout, CHAMPION, version.number)


def download(layout: Layout, run_id: str, artifact: str, target: Path) -> Path | None:
    """Copy an artifact of a run below `target`; its path there, or None when the run has none of that name."""
    mlflow = _mlflow(layout)
    if artifact not in {found.path for found in _client(layout).list_artifacts(run_id)}:
        return None
    return Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=artifact, dst_path=str(target)))


def download_bundle(layout: Layout, version: Version | Run, target: Path) -> Path:
    """Copy the bundle of `version` below `target`; returns its folder. Raises ProjectError when the run has none."""
    found = download(layout, version.run_id, BUNDLE, target)
    if found is None:
        raise ProjectError(f"Version {version.number} has no bundle: its run ended before `export` was done.")
    return found


def _mlflow(layout: Layout) -> Any:
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    # it warns at every run of the pickle that no part of the project but training ever loads
    logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(store(layout))
    if mlflow.get_experiment_by_name(MODEL) is None:
        artifacts = None if os.environ.get("MLFLOW_TRACKING_URI") else (layout.root / "mlruns").resolve().as_uri()
        mlflow.create_experiment(MODEL, artifact_location=artifacts)
    mlflow.set_experiment(MODEL)
    return mlflow


def _client(layout: Layout) -> MlflowClient:
    from mlflow import MlflowClient

    return MlflowClient(store(layout))


def _aliases(client: MlflowClient) -> dict[str, str]:
    from mlflow.exceptions import MlflowException

    try:
        return {alias: str(version) for alias, version in client.get_registered_model(MODEL).aliases.items()}
    except MlflowException:
        return {}


def _version(layout: Layout, number: str) -> Version:
    client = _client(layout)
    found = client.get_model_version(MODEL, number)
    aliases = tuple(sorted(alias for alias, version in _aliases(client).items() if version == number))
    return Version(number, str(found.run_id), aliases)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = json.dumps(value) if not isinstance(value, str) else value
    return flat

"""Penguins without a question: which are alike, and which unlike the others?"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.package_name }} import config, kinds
from {{ cookiecutter.package_name }}.config import ClusteringTask, Config
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.models import automl, bundle
from {{ cookiecutter.package_name }}.pipeline import evaluate, export, leakage, split

from ..conftest import new_project, search

Parts = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory, prepared: Layout) -> tuple[Config, Parts]:
    return divided(tmp_path_factory.mktemp("alike"), prepared, "alike")


@pytest.fixture(scope="module")
def unusual(tmp_path_factory: pytest.TempPathFactory, prepared: Layout) -> tuple[Config, Parts]:
    return divided(tmp_path_factory.mktemp("unusual"), prepared, "unusual")


def divided(folder: Path, prepared: Layout, task: str) -> tuple[Config, Parts]:
    layout = new_project(folder, f"task={task}", "split=random")
    shutil.copytree(prepared.exploitation, layout.exploitation)
    settings = config.load(layout)
    for stage in (split, leakage):
        stage.run(settings, layout)
    return settings, split.read_all(settings, layout)


def searched(settings: Config, parts: Parts, *models: str) -> automl.Search:
    changed = settings.automl.model_copy(update={"models": models, "sample_rows": None})
    return search(settings.model_copy(update={"automl": changed}), parts)


@pytest.mark.parametrize("name", ["kmeans", "birch", "ap", "meanshift"])
def test_the_portable_clusters_are_the_same(name: str, alike: tuple[Config, Parts], tmp_path: Path) -> None:
    settings, parts = alike
    model = searched(settings, parts, name).model
    parity = export.write(settings, model, parts, {"run_id": "none", "metrics": {}}, tmp_path / "bundle")
    assert parity["largest_difference"] == 0
    rows = export.as_columns(parts["test"])
    found = bundle.load(tmp_path / "bundle").outputs(rows).argmax(axis=1)
    assert found.tolist() == model.outputs(parts["test"]).argmax(axis=1).tolist()
    assert found.tolist() == model.pipeline.predict(parts["test"]).tolist()  # as MLflow gives it the rows
    assert 2 <= len(model.classes) <= len(parts["train"])


@pytest.mark.parametrize("name", ["iforest", "mcd", "knn", "lof", "svm", "cluster", "histogram"])
def test_the_portable_detector_gives_the_same_scores(name: str, unusual: tuple[Config, Parts]) -> None:
    settings, parts = unusual
    model = searched(settings, parts, name).model
    together = pd.concat([parts["train"], parts["validation"]])
    made = export.portable(settings, model, together, parts["test"])
    assert (made.schema["kind"], made.schema["target"]) == ("anomaly", "unusual")
    assert made.estimator is None
    assert made.parity["largest_difference"] < 1e-5


def test_the_number_of_clusters_is_compared(alike: tuple[Config, Parts]) -> None:
    settings, parts = alike
    found = searched(settings, parts, "kmeans", "dbscan")
    assert sorted(found.leaderboard["id"]) == ["kmeans:2", "kmeans:3"]  # dbscan cannot place new rows
    best = found.leaderboard["id"][0]
    assert len(found.model.classes) == int(best[-1])


def test_clusters_are_judged_against_lots(alike: tuple[Config, Parts], tmp_path: Path) -> None:
    settings, parts = alike
    model, kind = searched(settings, parts, "kmeans").model, kinds.of(settings.task)
    asked = kind.hold_out(parts, model.classes, 7)
    outputs = model.outputs(asked.rows)
    report = evaluate.judged(kind, asked.actual, outputs, asked.naive, model.classes, 7)
    assert report["silhouette"]["naive"] < 0.1 < report["silhouette"]["low"] < report["silhouette"]["high"] <= 1
    kind.plot(asked.actual, outputs, model.classes, asked.rows, tmp_path)
    assert (tmp_path / "evaluation.png").stat().st_size > 5000
    assert "cluster" in pd.read_csv(tmp_path / "profile.csv")


def test_made_up_penguins_are_told_from_real_ones(unusual: tuple[Config, Parts], tmp_path: Path) -> None:
    settings, parts = unusual
    model, kind = searched(settings, parts, "iforest").model, kinds.of(settings.task)
    asked = kind.hold_out(parts, (), 7)
    assert asked.own == len(parts["test"]) == len(asked.rows) / 3
    outputs = model.outputs(asked.rows)
    report = evaluate.judged(kind, asked.actual, outputs, asked.naive, (), 7)
    assert report["auc"]["naive"] == 0.5 < report["auc"]["low"]
    assert report["auc_global"]["value"] > 0.8
    kind.plot(asked.actual, outputs, (), asked.rows, tmp_path)
    scores = pd.read_csv(tmp_path / "most_unusual.csv")["score"]
    assert scores.is_monotonic_decreasing


def test_silhouettes_are_those_of_the_definition() -> None:
    points = np.array([[0.0], [2.0], [10.0], [12.0]])
    kind, members = kinds.of(ClusteringTask(kind="clustering", view="t")), np.eye(2)[[0, 0, 1, 1]]
    metrics = kind.metrics(points, members, ("0", "1"))
    assert metrics["silhouette"] == pytest.approx(np.mean([10 / 11, 8 / 9, 8 / 9, 10 / 11]))
    assert metrics["davies_bouldin"] == pytest.approx(2 / 10)
    assert metrics["explained"] == pytest.approx(1 - 4 / 104)
    assert kind.losses(points, members, ("0", "1")).mean() == pytest.approx(1 - metrics["silhouette"])

"""Fixtures: a project in a temporary folder with a table of penguins, and a model trained on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from {{ cookiecutter.package_name }} import compose, config, kinds
from {{ cookiecutter.package_name }}.config import ClassificationTask, Config, RegressionTask
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.models import automl

ROOT = Path(__file__).parents[1]
PENGUINS = ROOT / "tests" / "penguins"
CLASSIFY = kinds.of(ClassificationTask(kind="classification", view="t", target="y"))
REGRESS = kinds.of(RegressionTask(kind="regression", view="t", target="y"))
SETTINGS = ["source=[penguins]", "task=sex", "split=stratified", "leakage=warn", "experiment=smoke"]


@pytest.fixture(scope="session", autouse=True)
def nothing_of_production() -> Iterator[None]:
    """Whatever servers the environment names are left alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (config.LOG, "MLFLOW_TRACKING_URI", "ALERT_WEBHOOK"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture
def project(tmp_path: Path) -> Layout:
    return new_project(tmp_path)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The configuration of the penguins: one small model."""
    return config.load(new_project(tmp_path_factory.mktemp("smoke")))


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, smoke: Config) -> Layout:
    """The penguins, landed and taken through every stage before training, their schema inferred."""
    from {{ cookiecutter.package_name }}.pipeline import exploit, format, infer, leakage, split, trust

    layout = new_project(tmp_path_factory.mktemp("project"))
    ingest(smoke, layout)
    infer.make_missing(smoke, layout)
    for stage in (format, trust, exploit, split, leakage):
        stage.run(smoke, layout)
    return layout


@pytest.fixture(scope="session")
def penguins(prepared: Layout, smoke: Config) -> dict[str, pd.DataFrame]:
    """Features and target of the train, validation and test part."""
    from {{ cookiecutter.package_name }}.pipeline import split

    return {part: split.read(smoke, prepared, part) for part in split.PARTS}


@pytest.fixture(scope="session")
def found(penguins: dict[str, pd.DataFrame], smoke: Config) -> automl.Search:
    return search(smoke, penguins)


@pytest.fixture(scope="session")
def bundle_folder(
    tmp_path_factory: pytest.TempPathFactory, smoke: Config, penguins: dict[str, pd.DataFrame], found: automl.Search
) -> Path:
    """The bundle of `found`, made as the export stage makes it."""
    from {{ cookiecutter.package_name }}.pipeline import export

    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    export.write(smoke, found.model, penguins, {"run_id": "none", "metrics": {}}, folder)
    return folder


def new_project(root: Path, *settings: str) -> Layout:
    """A project without data: the settings of this one, with the penguins as its source and question."""
    shutil.copytree(ROOT / "conf", root / "conf", ignore=shutil.ignore_patterns("schema", "source", "task"))
    shutil.copytree(PENGUINS, root, dirs_exist_ok=True)
    layout = Layout(root)
    layout.params.write_text(compose.composed(layout, [*SETTINGS, *settings]), encoding="utf-8")
    return layout


def ingest(settings: Config, layout: Layout) -> None:
    """Land every source, without the version control around it."""
    from {{ cookiecutter.package_name }}.pipeline import ingest as ingesting

    for name, source in settings.sources.items():
        ingesting.ingest(name, source, layout)


def search(settings: Config, penguins: dict[str, pd.DataFrame]) -> automl.Search:
    train, validation, method = penguins["train"], penguins["validation"], settings.split.method
    return automl.search(settings.automl, settings.task, train, validation, settings.seed, method=method)

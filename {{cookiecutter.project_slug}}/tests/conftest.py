"""Fixtures: a project in a temporary folder, a small set of flights, and a model trained on it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from {{ cookiecutter.package_name }} import compose, config, sources
from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.models import automl

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def smoke() -> Config:
    """The configuration of `experiment=smoke`, on two months."""
    text = compose.composed(Layout(ROOT), ["experiment=smoke", "source.first_periods=2"])
    return config.parse(compose.YAML(typ="safe").load(text), "experiment=smoke")


@pytest.fixture
def project(tmp_path: Path) -> Layout:
    return empty_project(tmp_path)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, smoke: Config) -> Layout:
    """Two months of flights, landed and taken through every stage before training."""
    from {{ cookiecutter.package_name }}.pipeline import exploit, format, split, trust

    layout = empty_project(tmp_path_factory.mktemp("project"))
    sources.ingest(smoke.source, layout, further=False)
    for stage in (format, trust, exploit, split):
        stage.run(smoke, layout)
    return layout


@pytest.fixture(scope="session")
def flights(prepared: Layout, smoke: Config) -> dict[str, pd.DataFrame]:
    """Features and target of the train, validation and test part."""
    from {{ cookiecutter.package_name }}.pipeline import split

    return {part: split.read(smoke, prepared, part) for part in split.PARTS}


@pytest.fixture(scope="session")
def found(flights: dict[str, pd.DataFrame], smoke: Config) -> automl.Search:
    return automl.search(smoke.automl, smoke.task, flights["train"], flights["validation"], smoke.seed)


@pytest.fixture(scope="session")
def bundle_folder(
    tmp_path_factory: pytest.TempPathFactory, smoke: Config, flights: dict[str, pd.DataFrame], found: automl.Search
) -> Path:
    """The bundle of `found`, made as the export stage makes it."""
    from {{ cookiecutter.package_name }}.pipeline import export

    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    export.write(smoke, found.model, flights, {"run_id": "none", "metrics": {}}, folder)
    return folder


def empty_project(root: Path) -> Layout:
    """A project without data: settings, schemas, views and the bundled files."""
    for folder in ("conf", "sql", "data/bundled"):
        shutil.copytree(ROOT / folder, root / folder)
    shutil.copy(ROOT / "params.yaml", root)
    return Layout(root)

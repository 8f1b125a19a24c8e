from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from {{ cookiecutter.package_name }} import config, deployment
from {{ cookiecutter.package_name }}.deployment import Deployment
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.serving.rollout import Rollout


@pytest.fixture
def deployed(project: Layout, bundle_folder: Path) -> Layout:
    """A project in which the small model is deployed as version 1."""
    put_in_charge(project, bundle_folder, "1")
    return project


@pytest.fixture
def rollout(deployed: Layout) -> Rollout:
    return Rollout(config.load(deployed), deployed)


@pytest.fixture
def client(rollout: Rollout) -> FlaskClient:
    return rollout.app.test_client()


@pytest.fixture
def example(deployed: Layout) -> dict[str, object]:
    from {{ cookiecutter.package_name }}.serving.client import example

    return example(deployed)


def put_in_charge(layout: Layout, bundle_folder: Path, version: str) -> None:
    shutil.copytree(bundle_folder, layout.deploy / "bundles" / version)
    now = datetime.now(timezone.utc)
    deployment.write(Deployment(version=version, bundle=f"bundles/{version}", deployed=now), layout)

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from {{ cookiecutter.package_name }} import config, deployment
from {{ cookiecutter.package_name }}.deployment import Deployment, Model
from {{ cookiecutter.package_name }}.layout import Layout
from {{ cookiecutter.package_name }}.serving.live import Live


@pytest.fixture
def deployed(project: Layout, bundle_folder: Path) -> Layout:
    """A project in which the small model is deployed as version 1."""
    put_in_charge(project, bundle_folder, "1")
    return project


@pytest.fixture
def live(deployed: Layout) -> Live:
    return Live(config.load(deployed), deployed)


@pytest.fixture
def client(live: Live) -> FlaskClient:
    return live.app.test_client()


@pytest.fixture
def example(deployed: Layout) -> dict[str, object]:
    from {{ cookiecutter.package_name }}.serving.client import example

    return example(deployed)


def put_in_charge(layout: Layout, bundle_folder: Path, version: str, **rollout: Any) -> None:
    """Deploy the bundle as the champion `version`; what else a deployment has is in `rollout`."""
    model = placed(layout, bundle_folder, version)
    deployment.write(Deployment(champion=model, deployed=datetime.now(timezone.utc), **rollout), layout)


def placed(layout: Layout, bundle_folder: Path, version: str) -> Model:
    """The bundle below deploy/, as `make deploy` puts it there."""
    shutil.copytree(bundle_folder, layout.deploy / "bundles" / version, dirs_exist_ok=True)
    return Model(version=version, bundle=f"bundles/{version}")

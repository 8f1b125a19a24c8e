"""The champion in the registry in, its verified bundle in deploy/ out."""

from __future__ import annotations

import shutil
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from . import deployment, registry
from .deployment import Deployment
from .errors import ProjectError
from .layout import Layout, replacing
from .models import bundle


def run(layout: Layout) -> Deployment:
    """Raises ProjectError when there is no champion or its bundle is not whole; the old deployment then stays."""
    champion = registry.with_alias(layout, registry.CHAMPION)
    if champion is None:
        raise ProjectError("There is no champion to deploy: run `make promote` first.")
    name = f"bundles/{champion.number}"
    with tempfile.TemporaryDirectory() as scratch, replacing(layout.deploy / name) as target:
        downloaded = registry.download_bundle(layout, champion, Path(scratch))
        bundle.verify(downloaded)
        shutil.copytree(downloaded, target)
    made = Deployment(version=champion.number, bundle=name, deployed=datetime.now(timezone.utc))
    deployment.write(made, layout)
    return made

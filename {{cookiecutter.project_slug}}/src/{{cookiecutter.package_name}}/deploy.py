"""Versions in the registry in, their verified bundles in deploy/ out; and the ways forward and back of a rollout."""

from __future__ import annotations

import shutil
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from . import deployment, governance, registry
from .config import Config
from .deployment import COMPARED, SHARED, Deployment, Model, Strategy
from .errors import ProjectError
from .layout import Layout, replacing
from .models import bundle


def run(
    config: Config,
    layout: Layout,
    strategy: Strategy = "recreate",
    share: float | None = None,
    hours: float | None = None,
) -> Deployment:
    """The champion, and where it is to be compared the challenger beside it; `share` in percent of the users.

    Raises ProjectError when there is none of them or a bundle is not whole; the old deployment then stays.
    """
    champion = _wanted(layout, registry.CHAMPION)
    challenger = _wanted(layout, registry.CHALLENGER) if strategy in COMPARED else None
    if challenger and challenger.number == champion.number:
        raise ProjectError(
            f"Version {champion.number} is champion and challenger: train and promote another one first."
        )
    before = deployment.read(layout)
    standby = None
    if strategy == "blue-green" and before:
        standby = before.champion if before.champion.version != champion.number else before.standby
    made = Deployment(
        strategy=strategy,
        champion=_fetched(layout, champion),
        challenger=_fetched(layout, challenger) if challenger else None,
        standby=standby,
        share=(config.rollout.share if share is None else share) / 100 if strategy in SHARED else None,
        hours=(hours or config.rollout.hours) if strategy == "ramped" else None,
        deployed=datetime.now(timezone.utc),
    )
    deployment.write(made, layout)
    return made


def back(layout: Layout, why: str = "asked for") -> Deployment:
    """A challenger that runs beside the champion is withdrawn; else the previous champion answers again.

    Raises ProjectError when there is nothing to go back to.
    """
    current = deployment.required(layout)
    now = datetime.now(timezone.utc)
    if current.challenger:
        governance.decided(
            layout, "Withdrawn", version=current.challenger.version, champion=current.champion.version, why=why
        )
        made = Deployment(champion=current.champion, deployed=now)
    else:
        from .retraining import promote

        promote.rollback(layout)
        standby = current.champion if current.strategy == "blue-green" else None
        champion = _fetched(layout, _wanted(layout, registry.CHAMPION))
        made = Deployment(strategy=current.strategy, champion=champion, standby=standby, deployed=now)
    deployment.write(made, layout)
    return made


def told(made: Deployment) -> str:
    """One line about a deployment."""
    line = f"version {made.champion.version} in {made.champion.bundle}, {made.strategy}"
    if made.challenger:
        line += f", challenger version {made.challenger.version}"
    if made.share is not None:
        line += f" for {100 * made.share:g} % of the users" + (f" after {made.hours:g} hours" if made.hours else "")
    return line


def _wanted(layout: Layout, alias: str) -> registry.Version:
    found = registry.with_alias(layout, alias)
    if found is None:
        raise ProjectError(f"There is no {alias} to deploy: run `make promote` first.")
    return found


def _fetched(layout: Layout, version: registry.Version) -> Model:
    name = f"bundles/{version.number}"
    with tempfile.TemporaryDirectory() as scratch, replacing(layout.deploy / name) as target:
        downloaded = registry.download_bundle(layout, version, Path(scratch))
        bundle.verify(downloaded)
        shutil.copytree(downloaded, target)
    return Model(version=version.number, bundle=name)

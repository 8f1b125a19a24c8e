"""What other programs read: workflows, images, manifests, each judged by its own tool or its published schema."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bake import bake

from ..conftest import BakedProject

BIN = Path(sys.executable).parent
REMOTES = ["local", "gs", "ssh"]
"""s3 and azure have the lines of gs, but for the names of the secrets."""


def made(folder: Path, **answers: str) -> BakedProject:
    return BakedProject(bake(folder, **answers))


@pytest.mark.parametrize("remote", REMOTES)
def test_workflows_of_github_are_valid_and_safe(remote: str, tmp_path: Path) -> None:
    """Not asked: `self-repository`, a way of naming an action in the same repository that older runners do not know."""
    project = made(tmp_path, remote=remote)
    workflows = sorted(name for name in project.files() if name.startswith(".github/workflows/"))
    assert ".github/workflows/retrain.yml" in workflows or remote == "local"
    schema = [str(BIN / "check-jsonschema"), "--builtin-schema"]
    project.run(*schema, "vendor.github-workflows", *workflows)
    project.run(*schema, "vendor.github-actions", ".github/actions/setup/action.yml")
    project.run(str(BIN / "zizmor"), "--offline", "--no-progress", "--min-severity", "medium", ".github")


@pytest.mark.parametrize("remote", REMOTES)
def test_the_pipeline_of_gitlab_is_valid(remote: str, tmp_path: Path) -> None:
    project = made(tmp_path, remote=remote, ci="gitlab")
    schema = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
    project.run(*schema, ".gitlab-ci.yml")


def test_the_image_and_what_runs_it_are_valid(baked: BakedProject) -> None:
    baked.run(str(BIN / "hadolint"), "deploy/Dockerfile")
    baked.run(str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml")
    manifests = ["deploy/kubernetes/api.yaml", "deploy/kubernetes/canary.yaml"]
    assert "deployment/api-canary" in baked.run(str(BIN / "kubernetes-validate"), "--strict", *manifests)

